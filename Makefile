# The two commands: `make demo` and `make test`. Each sets itself up; a second run installs nothing.
VENV ?= .venv
PYTHON ?= python3
RUN = $(VENV)/bin/python
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)

.PHONY: demo test bench lint install clean

demo: install
	$(RUN) jobs/run_experiment.py --config jobs/configs/demo.yaml

test: install lint
	$(RUN) -m pytest

bench: install
	$(VENV)/bin/python -m pip --disable-pip-version-check install -q -c constraints.txt -e ".[bench]" --no-build-isolation
	$(RUN) -m tests.benchmarks.run

lint: install
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy

install: $(VENV)/.installed

$(VENV)/.installed: pyproject.toml constraints.txt infra/local/install.sh
	PYTHON=$(PYTHON) infra/local/install.sh $(VENV)
	touch $@

# What `install` made, and no more: runs holds results.
clean:
	test ! -e $(VENV)/.installed || rm -rf $(VENV)
