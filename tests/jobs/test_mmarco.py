"""The experiments on mMARCO, on small stand-ins for every file and model that they name.

Paths and models' names are relative, so that in a folder that holds them all, the experiments run
as they are, but for fewer steps and pairs.
"""

import gzip
import json
import re
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import transformers

from clir.experiment import Model
from clir.languages import FOURTEEN, LANGUAGES
from ray_app.models.families import FAMILIES
from ray_app.models.ranker import Ranker
from ray_app.models.tokenization import train_tokenizer
from tests.layouts import write
from tests.sample_runs import ROOT, linked, run

SAMPLE = ROOT / "jobs/sample"
FEW = [
    "seeds=[1]",
    "training.steps=2",
    "training.batch_size=16",
    "training.warmup_steps=0",
    "training.workers=1",
    "models.cross-encoder.pairs=[[en, de]]",
    "models.cross-encoder.candidates=3",
    "evaluation.depth=9",
    "evaluation.mlir={6: [en, de, ru, ar, nl, it]}",
    "evaluation.languages=[en, de]",
    "evaluation.workers=2",
    "spark.driver_memory=2g",
    "spark.shuffle_partitions=2",
]
MARGIN = 0.001  # of a head that was drawn
OF_BEST = [
    "models.late-interaction.pairs=[[en, de]]",
    "models.late-interaction.candidates=3",
    "models.late-interaction.mlir=false",
    "models.bi-encoder.distillation={steps: 2, batch_size: 4}",
    "models.late-interaction.distillation={steps: 2, batch_size: 4}",
    "models.cross-encoder.distillation={steps: 2, batch_size: 16}",
    "teacher.workers=2",
    f"teacher.margin={MARGIN}",
]


def rows_of(kind: str, lang: str, column: str = "text") -> list[str]:
    lines = (SAMPLE / f"collections/test/{lang}/{kind}.jsonl").read_text().splitlines()
    return [json.loads(line)[column] for line in lines]


def write_collection(folder: Path) -> None:
    for lang in FOURTEEN:
        name = LANGUAGES[lang].name.lower()
        rows = [f"{n}\t{text}" for n, text in enumerate(rows_of("corpus", lang))]
        write(folder / f"google/collections/{name}_collection.tsv", *rows)
        rows = [f"{n}\t{text}" for n, text in enumerate(rows_of("queries", lang))]
        for split in ("train", "dev.small"):
            place = split.split(".")[0]
            write(folder / f"google/queries/{place}/{name}_queries.{split}.tsv", *rows)
    queries, docs = (rows_of(kind, "en", "_id") for kind in ("queries", "corpus"))
    judgments = (SAMPLE / "collections/test/qrels/test.tsv").read_text().splitlines()[1:]
    judged = [line.split("\t") for line in judgments]
    pairs = [(queries.index(query), docs.index(doc)) for query, doc, _ in judged]
    write(folder / "qrels.dev.small.tsv", *(f"{query}\t0\t{doc}\t1" for query, doc in pairs))
    triples = [f"{query}\t{doc}\t{(doc + more) % len(docs)}" for query, doc in pairs
               for more in (5, 9, 13)]  # fmt: skip
    write(folder / "triples.train.ids.small.tsv", *triples)


def write_vectors(folder: Path) -> None:
    """Words of the sample's titles. Those that translate each other have the same vector."""
    page, links = (gzip.decompress((SAMPLE / f"dumps/enwiki-20260101-{name}.sql.gz").read_bytes())
                   .decode() for name in ("page", "langlinks"))  # fmt: skip
    title = dict(re.findall(r"\((\d+),0,'(\w+)',", page))
    draw, drawn = np.random.default_rng(1), {}
    words = {lang: {} for lang in FOURTEEN if lang not in ("en", "ja")}
    for number, lang, target in re.findall(r"\((\d+),'(\w+)','(\w+)'\)", links):
        if number in title and lang in words:
            source = title[number].lower()
            drawn.setdefault(source, " ".join(f"{x:.3f}" for x in draw.normal(size=16)))
            words[lang].setdefault(target.lower(), drawn[source])
    for lang, vectors in (words | {"en": drawn}).items():
        lines = [f"{word} {vector}" for word, vector in vectors.items()]
        write(folder / f"wiki.{lang}.align.vec", f"{len(lines)} 16", *lines)


def write_model(folder: Path, kind: str = "Model") -> None:
    folder.mkdir(parents=True)
    few = Model(family="cross-encoder", vocabulary=2000)
    tokenizer = train_tokenizer(
        (text for lang in FOURTEEN for text in rows_of("queries", lang)), few
    )
    FAMILIES["cross-encoder"].frame(tokenizer)
    tokenizer.save_pretrained(folder)
    config = transformers.XLMRobertaConfig(
        vocab_size=len(tokenizer), hidden_size=16, intermediate_size=16, num_hidden_layers=1,
        num_attention_heads=2, max_position_embeddings=520, pad_token_id=tokenizer.pad_token_id,
        num_labels=1,
    )  # fmt: skip
    getattr(transformers, f"XLMRoberta{kind}")(config).save_pretrained(folder)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("mmarco")
    write_collection(folder / "data/mmarco/data")
    (folder / "data/dumps").symlink_to(SAMPLE / "dumps")
    write_vectors(folder / "data/vectors")
    write_model(folder / "nreimers/mMiniLMv2-L6-H384-distilled-from-XLMR-Large")
    write_model(folder / "intfloat/multilingual-e5-base")
    write_model(folder / "BAAI/bge-reranker-v2-m3", "ForSequenceClassification")
    return folder


def started(folder: Path, name: str, *arguments: str) -> str:
    """What the experiment says in the folder; it ends well."""
    line = [sys.executable, str(ROOT / "jobs/run_experiment.py")]
    line += ["--config", str(ROOT / f"jobs/configs/{name}.yaml"), "--set", f"output={name}"]
    done = run(*line, *arguments, at=folder)
    assert done.returncode == 0, done.stdout + done.stderr[-3000:]
    return done.stdout


def finished(folder: Path, name: str, *overrides: str) -> list[dict]:
    """The rows of an experiment's summary, run in the folder."""
    started(folder, name, *(part for one in (*FEW, *overrides) for part in ("--set", one)))
    return json.loads((folder / name / "summary.json").read_text())


@pytest.mark.parametrize(
    ("name", "trainings", "systems"), [("mmarco_reference", 15, 21), ("mmarco_best", 29, 30)]
)
def test_all_that_they_name_is_there(folder, name, trainings, systems):
    planned = started(folder, name, "--plan")
    assert (planned.count(" models/"), planned.count(" evaluation/")) == (trainings, systems)


def test_the_origins_experiment(folder):
    few = "models.cross-encoder.methods=[ml-cs, fine-tuning, translate-test]"
    rows = finished(folder, "mmarco_reference", few)
    assert {row["method"] for row in rows} == {"ml-cs", "fine-tuning", "translate-test"}
    ranked = {(row["query_lang"], row["doc_lang"]) for row in rows}
    assert {("en", "de"), ("en", "xx-6-1"), ("xx-6-1", "xx-6-1")} <= ranked
    assert ("de", "en") not in ranked
    card = (folder / "mmarco_reference/models/cross-encoder.ml-cs.1/README.md").read_text()
    assert "| loss | binary-cross-entropy |" in card
    assert "| lexicons, in the order asked | word-vectors, wikipedia-titles |" in card


def test_the_experiment_that_should_beat_it(folder):
    methods = {
        "bi-encoder": ["ml-cs"],
        "late-interaction": ["off-the-shelf", "self-distillation"],
        "cross-encoder": ["self-distillation"],
    }
    few = [f"models.{model}.methods=[{', '.join(names)}]" for model, names in methods.items()]
    # What it reads is the same as of the experiment before.
    linked(folder / "mmarco_best", folder / "mmarco_reference", "titles", "collections")
    rows = finished(folder, "mmarco_best", *OF_BEST, *few)
    expected = {(model, method) for model, names in methods.items() for method in names}
    assert {(row["model"], row["method"]) for row in rows} == expected
    models = folder / "mmarco_best/models"
    card = (models / "cross-encoder.self-distillation.1/README.md").read_text()
    assert "| goes on from | cross-encoder.zero-shot.1 |" in card
    assert "| loss | margin-mse |" in (models / "cross-encoder.zero-shot.1/README.md").read_text()
    assert (
        "| steps | 2 of about 16 pairs |" in (models / "bi-encoder.ml-cs.1/README.md").read_text()
    )


def test_pairs_have_the_teachers_scores_but_for_those_that_it_takes_for_answers(folder):
    """What the experiment before has left."""
    output, teacher = folder / "mmarco_best", folder / "BAAI/bge-reranker-v2-m3"
    ranker = Ranker("cross-encoder", teacher, max_length=256, batch_size=64)
    paths = sorted((output / "scored_pairs/data").glob("*.parquet"))
    plain, scored = (
        pd.concat(pq.read_table(output / name / "data" / path.name).to_pandas() for path in paths)
        for name in ("pairs/zero-shot", "scored_pairs")
    )
    counts = json.loads((output / "scored_pairs/manifest.json").read_text())["counts"]
    left_out = counts.pop("dropped: negative that may answer")
    assert counts == {"pairs": len(scored)} and len(plain) == len(scored) + left_out
    sides = (pa.array(scored[side]) for side in ("query", "passage"))
    np.testing.assert_allclose(scored["score"], ranker.score(*sides), atol=0.02)  # in bf16
    assert (scored["label"] == 1).sum() == (plain["label"] == 1).sum() > 50
    right = scored[scored["label"] == 1].groupby("query_id")["score"].min()
    wrong = scored[scored["label"] == 0]
    assert (wrong["score"] < right[wrong["query_id"]].to_numpy() - MARGIN).all()
