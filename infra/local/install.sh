#!/usr/bin/env bash
# Everything that `make demo` and `make test` need, on a fresh Debian or Ubuntu: Java 17, a virtual
# environment, the pinned packages. Usage: infra/local/install.sh VENV
set -euo pipefail
venv=$1
python=${PYTHON:-python3}

fail() { echo "error: $*" >&2; exit 2; }

"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
  fail "Python 3.11 or newer is needed; set PYTHON=/path/to/python3.11"

# Spark 4 runs on Java 17 or 21; a bare runtime without jdk.incubator.vector will not do.
has_java() { java -version 2>&1 | grep -qE 'version "(17|21)'; }
if ! has_java; then
  hint="install Java 17, such as: apt-get install openjdk-17-jre-headless"
  command -v apt-get >/dev/null || fail "$hint"
  sudo=""
  if [ "$(id -u)" != 0 ]; then
    sudo -n true 2>/dev/null || fail "$hint"
    sudo="sudo -n"
  fi
  echo "installing Java 17"
  ($sudo apt-get update -qq && $sudo apt-get install -y -qq openjdk-17-jre-headless) \
    >/dev/null || fail "$hint"
  has_java || fail "$hint"
fi

[ -x "$venv/bin/python" ] || "$python" -m venv "$venv" ||
  fail "cannot make a virtual environment; such as: apt-get install python3-venv"

pip() { "$venv/bin/python" -m pip --disable-pip-version-check "$@"; }
echo "installing the pinned packages into $venv (a few minutes, about 3 GB)"
# Torch first: whatever comes later finds it there. Without a GPU the CPU build is taken wherever
# pip knows an index that has it; the plain one works too, but brings CUDA packages along.
version=$(sed -n 's/^torch==//p' constraints.txt)
if command -v nvidia-smi >/dev/null && nvidia-smi >/dev/null 2>&1; then
  pip install -q "torch==$version"
else
  pip install -q "torch==$version+cpu" 2>/dev/null || pip install -q "torch==$version"
fi
# DeepSpeed and fasttext build from source and look for these while building.
pip install -q -c constraints.txt setuptools wheel ninja pybind11 numpy
pip install -q -c constraints.txt --no-build-isolation -e ".[spark,ray,dev]"
# Only word vectors of one's own training (and .bin files) need it, so no compiler is no failure.
pip install -q -c constraints.txt --no-build-isolation -e ".[vectors]" >/dev/null 2>&1 ||
  echo "note: fasttext did not build (install g++ and python3-dev); its tests will be skipped"
