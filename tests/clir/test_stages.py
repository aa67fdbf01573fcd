"""What results are made from: plans that only say."""

from pathlib import Path

import pytest

from clir import experiment, manifest, results, stages

ROOT = Path(__file__).parents[2]
VARIANTS = {
    "as it is": [],
    "on the fly": ["switching.on_the_fly=true"],
    "bm25": ["switching.negatives_from=bm25"],
    "vectors": ["lexicons.vector_texts={en: jobs/sample, de: jobs/sample, zh: jobs/sample}"],
    "one after another": [
        "models={m: {family: bi-encoder, base: multilingual-e5-small, after: self-distillation, "
        "methods: [ml-cs]}, c: {family: cross-encoder, base: multilingual-e5-small, "
        "candidates: 9, methods: [self-distillation]}}",
        "leave_out={model: m, domain: social, methods: [ml-cs]}",
        "seeds=[1, 2]",
    ],
    "every method": [
        "models={m: {family: bi-encoder, base: multilingual-e5-small, methods: "
        "[bm25, off-the-shelf, self-distillation, translate-test]}}",
        "leave_out=null",
        "seeds=[1, 2]",
    ],
    "one method": ["models={m: {family: bi-encoder, methods: [zero-shot]}}", "leave_out=null"],
}


@pytest.fixture(params=VARIANTS)
def settings(request, tmp_path, monkeypatch):
    return loaded(request.param, tmp_path, monkeypatch)


def loaded(variant, tmp_path, monkeypatch):
    monkeypatch.chdir(ROOT)
    overrides = [f"output={tmp_path / 'out'}", *VARIANTS[variant]]
    return experiment.load(Path("jobs/configs/from_scratch.yaml"), overrides)


def test_every_stage_comes_behind_those_that_it_reads(settings):
    seen: set[Path] = set()
    for stage in stages.every(settings):
        inside = {path for path in stage.inputs if path.is_relative_to(settings.workspace.output)}
        assert inside <= seen, stage.folder
        seen.add(stage.folder)
    assert seen <= set(results.places(settings))


def test_a_stage_is_due_where_what_it_reads_is(settings):
    workspace = settings.workspace

    def make(stage):
        manifest.build(workspace, *stage, lambda out: {})

    assert {look.why for look in stages.looks(settings)} == {"not there yet"}
    for stage in stages.every(settings):
        make(stage)
    assert {look.why for look in stages.looks(settings)} == {None}
    manifest.remove(workspace, workspace.lexicon)
    why = {
        str(look.stage.folder.relative_to(workspace.output)): look.why
        for look in stages.looks(settings)
    }
    assert why["titles"] is why["collections"] is None
    assert why["lexicon"] == "not there yet"
    assert why["lexicon_card"] == "lexicon will be made anew"
    assert any(reason and reason.startswith("models/") for reason in why.values())
    make(stages.lexicon(settings))
    longer = settings.model_copy(
        update={"training": settings.training.model_copy(update={"steps": 7, "workers": 3})}
    )
    assert {look.why for look in stages.looks(longer)} >= {"other settings: model, training"}


def test_a_training_that_goes_on_from_another_one_comes_behind_it(tmp_path, monkeypatch):
    settings = loaded("one after another", tmp_path, monkeypatch)
    names = [one.name for one in stages.runs(settings)]
    for first, then in (
        ("m.self-distillation.2", "m.ml-cs.2"),
        ("m.self-distillation.1.without-social", "m.ml-cs.1.without-social"),
        ("c.zero-shot.1", "c.self-distillation.1"),
    ):
        assert names.index(first) < names.index(then)
    assert len(names) == len(set(names))
    ranked = {one._replace(method=method).name for one, method in stages.systems(settings)}
    assert not any("m.self-distillation" in name or "zero-shot" in name for name in ranked)
    assert "zero-shot" in settings.methods  # whose pairs are made
    # Who begins otherwise is trained anew.
    longer = settings.model_copy(
        update={"models": {name: model.model_copy(update={"distillation": {"steps": 7}})
                           for name, model in settings.models.items()}}
    )  # fmt: skip
    (one,) = (one for one in stages.runs(settings) if one.name == "m.ml-cs.2")
    assert stages.run(settings, one) != stages.run(longer, one)


def test_what_lies_elsewhere_need_not_be_seen_from_here(settings, tmp_path):
    for stage in stages.every(settings):
        manifest.build(settings.workspace, *stage, lambda out: {})
    dump = settings.titles[0].model_copy(update={"page": tmp_path / "gone"})
    (mined, *_) = stages.looks(settings)
    assert mined.why is None
    (mined, *_) = stages.looks(settings.model_copy(update={"titles": [dump]}))
    assert "other settings: titles" in (mined.why or "")


def test_a_model_is_trained_anew_where_its_base_has_changed(tmp_path, monkeypatch):
    monkeypatch.chdir(ROOT)
    base = tmp_path / "base"
    base.mkdir()
    (base / "model.safetensors").write_text("1")
    model = f"models={{m: {{family: bi-encoder, base: {base}, methods: [zero-shot]}}}}"
    settings = experiment.load(
        Path("jobs/configs/from_scratch.yaml"),
        [f"output={tmp_path / 'out'}", model, "leave_out=null"],
    )
    for stage in stages.every(settings):
        manifest.build(settings.workspace, *stage, lambda out: {})
    (base / "model.safetensors").write_text("2")
    (why,) = {look.why for look in stages.looks(settings)} - {
        None, "models/m.zero-shot.1 will be made anew"
    }  # fmt: skip
    assert why == f"other inputs: {base}"
