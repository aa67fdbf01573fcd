import os
from pathlib import Path

import pytest
from hypothesis import settings

# Engines share the two cores with the properties: a slow example is no failure.
settings.register_profile("default", deadline=None, max_examples=60)
settings.load_profile("default")

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data, which is not part of the project."""
    folder = Path(os.environ.get("CLIR_SHARED_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip("no real data here: set CLIR_SHARED_DATA to its folder")
    return folder


@pytest.fixture(scope="session")
def fasttext():
    """The package, which is built from source."""
    reason = "fasttext is not installed (extra `vectors`; needs a C++ compiler)"
    return pytest.importorskip("fasttext", reason=reason)


@pytest.fixture(scope="session")
def spark():
    """One local session for all tests."""
    from clir.experiment import Spark
    from spark_etl.session import spark_session

    with spark_session(Spark(master="local[2]", shuffle_partitions=2)) as start:
        yield start
