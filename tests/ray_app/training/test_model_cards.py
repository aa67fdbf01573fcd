"""Cards of models, on pairs small enough to read."""

from pathlib import Path
from types import SimpleNamespace

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from clir.experiment import FilledModel
from clir.switching.plans import Plan
from ray_app.models.base_models import Base
from ray_app.training.model_cards import card

PLAN = Plan("ml-cs", ("de", "ar"), ("ar", "ru"), 0.5, ("dictionary", "wikipedia-titles"), False, 1)
TRAINING = {"steps": 1200, "batch_size": 64, "learning_rate": 2e-5, "warmup_steps": 0,
            "weight_decay": 0.0, "gradient_clip": 0.0, "accumulate": 1}  # fmt: skip


@pytest.fixture
def run(tmp_path):
    pairs = {"collection": ["b", "a", "a"], "domain": ["news", "social", "news"]}
    pq.write_table(pa.table(pairs), tmp_path / "pairs.parquet")
    model = FilledModel(family="bi-encoder", base="org/base", query_prefix="query: ", **TRAINING)
    return SimpleNamespace(
        name="m.ml-cs.1",
        method="ml-cs",
        seed=1,
        without_domain=None,
        pairs=tmp_path,
        plan=PLAN,
        model=model,
        goes_on_from=None,
        base=Base(tmp_path / "base"),
        origin={"inputs": {}, "settings": {}, "version": "1.2.3"},
    )


def parted(text: str) -> tuple[dict, str]:
    _, about, rest = text.split("---\n", 2)
    return yaml.safe_load(about), rest


def test_a_card_says_what_a_model_learnt_from(run):
    (run.base.folder).mkdir()
    (run.base.folder / "README.md").write_text("---\ntags: [x]\nlicense: mit\n---\nA model\n")
    about, text = parted(card(run))
    assert about == {
        "base_model": "org/base",
        "language": ["en", "de", "ar", "ru"],
        "library_name": "sentence-transformers",
        "license": "mit",
        "tags": ["cross-lingual-retrieval", "bi-encoder", "ml-cs"],
    }
    for line in (
        "| training collections | a, b |",
        "| training domains | news, social |",
        "| switched into | de, ar, ru |",
        "| lexicons, in the order asked | dictionary, wikipedia-titles |",
        "| loss | contrastive |",
        "| steps | 1,200 of about 64 pairs |",
        "| before every query | `query: ` |",
        "| made by | clir 1.2.3 |",
    ):
        assert line in text.splitlines()
    assert "made from org/base" in text


@pytest.mark.parametrize(
    "told", [None, "no front matter", "---\nlicense mit\n---\n", "license: mit"]
)
def test_a_base_that_names_no_licence_gives_none(run, told):
    if told is not None:
        run.base.folder.mkdir()
        (run.base.folder / "README.md").write_text(told)
    about, _ = parted(card(run))
    assert "license" not in about


def test_what_was_not_trained_names_no_data(run):
    run.method, run.plan = "off-the-shelf", PLAN._replace(query_languages=(), passage_languages=())
    run.pairs = Path("gone")
    about, text = parted(card(run))
    assert about["language"] == ["en"]
    assert not any(word in text for word in ("training collections", "loss", "steps"))


def test_a_card_hangs_on_what_the_model_was_made_from(run):
    one = card(run)
    assert card(run) == one
    run.origin["settings"] = {"seed": 2}
    assert card(run) != one
