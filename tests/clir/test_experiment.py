from pathlib import Path

import pytest

from clir.errors import InputError
from clir.experiment import load

CONFIGS = Path(__file__).parents[2] / "jobs" / "configs"
DEMO = CONFIGS / "demo.yaml"


@pytest.mark.parametrize("path", sorted(CONFIGS.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_shipped_experiment_is_valid(path):
    assert load(path).name == path.stem


def test_any_field_can_be_overridden():
    experiment = load(
        DEMO,
        [
            "training.steps=100",
            "models.bi-encoder.methods=[zero-shot]",
            "collections.test=[{path: x/y, domain: news}]",
        ],
    )
    assert experiment.training.steps == 100
    assert experiment.models["bi-encoder"].methods == ["zero-shot"]
    assert experiment.collections.test[0].domain == "news"


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("training.stepz=1", "unknown key training.stepz; valid here: batch_size"),
        ("models.bi-encoder.layer=1", "unknown key models.bi-encoder.layer; valid here: base"),
        ("colections=1", "unknown key colections"),
        ("switching.languages=[de, xx]", "unknown language 'xx': use one of en, de"),
        ("training.steps=many", "training.steps: Input should be a valid integer"),
        ("training.batch_size=7", "batch_size 7 cannot be shared evenly by 2 workers"),
        ("models.bi-encoder.methods=[magic]", "methods.0: Input should be 'zero-shot'"),
        ("collections.test=[{domain: news}]", "a collection has either a path or a name"),
        ("collections.test=[{path: x, name: y}]", "a collection has either a path or a name"),
        ("training", "expected key=value"),
        ("lexicons.vector_texts={de: x}", "vector_texts needs en"),
        (
            "lexicons={vectors: {en: x, de: y}, vector_texts: {de: z}}",
            "de has both vectors and vector_texts",
        ),
    ],
)
def test_mistakes_name_the_key_and_what_it_may_be(override, message):
    with pytest.raises(InputError) as error:
        load(DEMO, [override])
    assert message in str(error.value) and "\n" not in str(error.value)


def test_paths_come_from_the_environment(monkeypatch):
    monkeypatch.setenv("CLIR_SHARED_DATA", "/data")
    assert load(CONFIGS / "domains.yaml").lexicons.dictionary == Path("/data/lexicons/muse")


def test_a_missing_file_and_one_that_is_no_yaml(tmp_path):
    with pytest.raises(InputError, match="cannot read"):
        load(tmp_path / "none.yaml")
    (tmp_path / "bad.yaml").write_text("a: [1")
    with pytest.raises(InputError, match="not YAML"):
        load(tmp_path / "bad.yaml")
