import json
from pathlib import Path

import pytest

from clir.errors import InputError
from clir.experiment import load

CONFIGS = Path(__file__).parents[3] / "jobs" / "configs"
DEMO = CONFIGS / "from_scratch.yaml"


@pytest.mark.parametrize("path", sorted(CONFIGS.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_shipped_experiment_is_valid(path):
    assert load(path).name == path.stem


def wrong(*overrides: str) -> list[str]:
    """The lines that the demo with these settings is refused with, without the file's name."""
    with pytest.raises(InputError) as error:
        load(DEMO, list(overrides))
    return [line.removeprefix(f"{DEMO}: ") for line in str(error.value).splitlines()]


@pytest.mark.parametrize(
    ("override", "line"),
    [
        ("training.stepz=1", "unknown key training.stepz; valid here: accumulate"),
        ("models.static.layer=1", "unknown key models.static.layer; valid here: accumulate"),
        ("colections=1", "unknown key colections"),
        ("training.steps=many", "training.steps: Input should be a valid integer"),
        ("training", "--set training: expected key=value"),
        ("seeds=[]", "seeds: it is empty"),
        ("seeds=[7, 7]", "seeds: 7 is named twice"),
        ("seeds=[1, -1]", "seeds.1: Input should be greater than or equal to 0"),
        (f"seeds=[{2**63}]", f"seeds.0: Input should be less than {2**63}"),
        ("collections.train=[]", "collections.train: it is empty"),
        ("collections.test=[]", "collections.test: it is empty"),
        ("collections.test=[{domain: news}]", "collections.test.0: a collection has either a path"),
        ("collections.test=[{path: x, name: y}]", "collections.test.0: a collection has either a"),
        ("collections.test=[a/x, a/x]", "collections.test: a/x is named twice"),
        ("collections.test=[a/x, b/x]", "collections: x stands for two folders"),
        ("models={}", "models: it is empty"),
        ("models.static.family=bag", "models.static.family: 'bag' is no family; there are static"),
        ("models.static.loss=hinge", "models.static.loss: 'hinge' is no loss; there are contrast"),
        ("models.static.loss=binary-cross-entropy", "models.static.loss: a static cannot learn by"),
        ("switching.negatives=30", "models.cross-encoder.batch_size: batch_size 40 is too small"),
        ("models.static.batch_size=1", "models.static.batch_size: batch_size 1 is too small"),
        ("models.static.methods=[magic]", "models.static.methods.0: 'magic' is no method; there"),
        ("models.static.methods=[]", "models.static.methods: it is empty"),
        ("models.static.methods=[off-the-shelf]", "models.static.methods: off-the-shelf needs a m"),
        ("models.static.methods=[self-distillation]", "models.static.methods: self-distillation "),
        ("models.cross-encoder.methods=[bm25]", "models.cross-encoder.methods: a cross-encoder re"),
        (
            "models.cross-encoder.after=self-distillation",
            "models.cross-encoder.after: self-distill",
        ),
        ("models.static.train_layers=1", "models.static.train_layers: a static has none"),
        ("models.cross-encoder.train_layers=1", "models.cross-encoder.train_layers: without a ba"),
        ("models.static.freeze=embeddings", "models.static.freeze: a static has nothing else"),
        ("models.cross-encoder.freeze=embeddings", "models.cross-encoder.freeze: without a base"),
        ("models.static.pooling=max", "models.static.pooling: Input should be 'mean' or 'cls'"),
        ("models.static.methods=[ml-cs, ml-cs]", "models.static.methods: ml-cs is named"),
        ("models.cross-encoder.batch_size=3", "models.cross-encoder.batch_size: batch_size 3 is"),
        ("models.cross-encoder.learning_rate=0", "models.cross-encoder.learning_rate: Input sh"),
        ("models.cross-encoder.pairs=[]", "models.cross-encoder.pairs: it is empty"),
        ("models.cross-encoder.heads=5", "models.cross-encoder.hidden_size: 64 cannot be shared"),
        ("models.cross-encoder.max_length=4", "models.cross-encoder.max_length: 4 tokens hold"),
        ("models.cross-encoder.candidates=73", "evaluation.depth: only 72 of the 73 candidates"),
        ("switching.languages=[]", "switching.languages: it is empty, and ml-cs, wiki-cs switch"),
        ("switching.languages=[de, xx]", "switching.languages.1: unknown language 'xx': use one"),
        ("switching.languages=[de, de]", "switching.languages: de is named twice"),
        ("switching.languages=[de, en]", "switching.languages: English text cannot be switched"),
        ("switching.pair=[en, en]", "switching.pair: en and en is the training data of zero-shot"),
        ("switching.probability=0", "switching.probability: bl-cs, ml-cs would switch nothing"),
        ("switching.probability=1.5", "switching.probability: Input should be less than or equal"),
        ("switching.phrase_probability=.nan", "switching.phrase_probability: Input should be"),
        ("switching.negatives=0", "switching.negatives: cross-encoder learns from passages"),
        (
            "switching.negatives_skip=1",
            "switching.negatives_skip: only a first stage (bm25) gives ",
        ),
        (
            "switching={languages: [de], negatives_from: bm25, negatives_skip: 97}",
            "switching.negatives_depth: 4 negatives cannot be drawn from 3",
        ),
        ("switching.domain_temperature=0", "switching.domain_temperature: Input should be greater"),
        ("switching.domain_weights={a: 0}", "switching.domain_weights: no domain has a weight"),
        ("switching.domain_weights={a: -1}", "switching.domain_weights.a: Input should be greater"),
        ("training.learning_rate=-1", "training.learning_rate: Input should be greater than 0"),
        ("training.learning_rate=.inf", "training.learning_rate: Input should be a finite number"),
        (
            "models.static.mix=1",
            "models.static.mix: it is a part of contrastive losses, of pairs th",
        ),
        ("switching.english_share=1", "switching.english_share: Input should be less than 1"),
        ("models.static.scale=0", "models.static.scale: Input should be greater than 0"),
        ("models.static.scale=.nan", "models.static.scale: Input should be a finite number"),
        ("training.min_workers=3", "training.min_workers: 3 are more than all 2"),
        (
            "training={workers: 2, min_workers: 1, zero_stage: 2, batch_size: 99}",
            "training.min_workers: checkpoints of a model that is cut into parts can be read by as",
        ),
        ("training.gradient_clip=-1", "training.gradient_clip: Input should be greater than or"),
        ("models.static.token_dropout=1", "models.static.token_dropout: Input should be less"),
        ("training.batch_size=3", "training.batch_size: batch_size 3 is too small"),
        ("models.static.batch_size=0", "models.static.batch_size: Input should be"),
        ("evaluation.languages=[]", "evaluation.languages: it is empty"),
        ("evaluation.mlir={x: [en, de]}", "evaluation.mlir.x: the key is the number of languages"),
        ("evaluation.mlir={3: [en, de]}", "evaluation.mlir.3: the key is the number of languages"),
        ("evaluation.mlir={2: [en, en]}", "evaluation.mlir.2: en is named twice"),
        ("evaluation.mlir={1: [en]}", "evaluation.mlir.1: name at least 2 languages"),
        ("leave_out.methods=[translate-test]", "leave_out.methods: translate-test trains nothing"),
        ("leave_out.methods=[]", "leave_out.methods: it is empty"),
        ("titles=[]", "lexicons.phrases: no lexicon that wiki-cs could ask is given"),
        ("lexicons.words=[word-vectors]", "lexicons.words: it asks for word-vectors, but"),
        ("lexicons.words=[]", "lexicons.words: no lexicon that bl-cs, ml-cs, translate-test, tran"),
        ("lexicons.vector_texts={de: x}", "lexicons.vectors: vectors or vector_texts needs en"),
        (
            "lexicons={vectors: {en: x, de: y}, vector_texts: {de: z}}",
            "lexicons.vectors: de has both vectors and vector_texts",
        ),
        ("lexicons.vector_training.subwords=[5, 3]", "lexicons.vector_training.subwords: (5, 3)"),
        ("spark.master=locl", "spark.master: locl is no master"),
        ("spark.driver_memory=much", "spark.driver_memory: much is no size"),
        ("output=${NOWHERE}/x", "output: ${NOWHERE} is not replaced here"),
        ("collections.test=[~/x]", "collections.test.0: ~ is not replaced here"),
    ],
)
def test_what_makes_no_sense_is_told_in_one_line(override, line):
    (told,) = wrong(override)
    assert told.startswith(line)


def test_what_makes_sense_is_taken():
    experiment = load(DEMO, [
        f"seeds=[0, {2**63 - 1}]", "evaluation.mlir={2: [en, de], '3': [en, de, fr]}",
        "switching.pair=[en, de]", "training.gradient_clip=0", "lexicons.dictionary=null",
    ])  # fmt: skip
    assert experiment.evaluation.mlir.keys() == {"2", "3"}
    few = ["models={static: {family: static, methods: [zero-shot]}}", "leave_out=null"]
    # Nothing is switched: nobody asks for lexicons, languages or shares.
    load(DEMO, [*few, "titles=[]", "switching.languages=[]", "switching.probability=0"])


def test_all_that_is_wrong_is_told_at_once():
    lines = wrong(
        "seeds=[]", "training.stepz=1", "training.workers=3", "models.static.methods=[x, y]",
        "collections.train=[]", "switching.languages=[en, xx]", "evaluation.mlir={x: [en, de]}",
        "leave_out.model=cross-encoder", "leave_out.methods=[wiki-cs, translate-test]",
    )  # fmt: skip
    told = [line.split(": ")[0] for line in lines]
    assert sorted(told) == sorted(
        ["seeds", "unknown key training.stepz; valid here", "models.static.methods.0",
         "models.static.methods.1", "switching.languages.1", "collections.train",
         "evaluation.mlir.x", "leave_out.methods"]
    )  # fmt: skip


def test_what_is_wrong_is_not_blamed_on_what_is_read_with_it():
    # Not also that the dictionary, whose key is wrong, is missing; nor that 256 pairs of the
    # default cannot be shared.
    (line,) = wrong(
        "lexicons={dictionry: x, words: [dictionary]}", "lexicons.phrases=[word-vectors]"
    )
    assert line.startswith("unknown key lexicons.dictionry")
    (line,) = wrong("training.batch_size=many", "training.workers=5")
    assert line.startswith("training.batch_size: Input should be a valid integer")


def test_paths_come_from_the_environment(monkeypatch):
    monkeypatch.setenv("CLIR_SHARED_DATA", "/data")
    assert load(CONFIGS / "domains.yaml").lexicons.dictionary == Path("/data/lexicons/muse")


def test_a_missing_file_and_one_that_is_no_yaml(tmp_path):
    with pytest.raises(InputError, match="cannot read"):
        load(tmp_path / "none.yaml")
    (tmp_path / "bad.yaml").write_text("a: [1")
    with pytest.raises(InputError, match="not YAML"):
        load(tmp_path / "bad.yaml")


def test_who_learns_from_a_teacher_needs_one_and_english_pairs():
    model = "models={m: {family: bi-encoder, loss: mse, methods: [zero-shot, ml-cs, fine-tuning]}}"
    assert [line.split(";")[0] for line in wrong(model, "leave_out=null")] == [
        "teacher: mse needs a teacher's scores",
        "switching.on_the_fly: ml-cs: only English pairs carry a teacher's scores",
        "models.m.methods: fine-tuning: only English pairs carry a teacher's scores",
    ]


def test_batches_of_self_distillation_are_large_enough_for_all_workers():
    model = {"family": "bi-encoder", "base": "multilingual-e5-small",
             "methods": ["self-distillation"], "distillation": {"batch_size": 3}}  # fmt: skip
    assert wrong(f"models={json.dumps({'m': model})}", "leave_out=null") == [
        "models.m.distillation.batch_size: 3 is too small for 2 workers: 4 at least"
    ]
