"""Every job looks at the output folder before it does anything."""

import importlib
import subprocess
import sys
from pathlib import Path

import pytest

from clir import command, experiment, manifest, results
from clir.errors import InputError
from clir.output_folder import PRIVATE

ROOT = Path(__file__).parents[2]
JOBS = ["mine_titles", "build_lexicon", "load_collections", "switch_pairs", "train", "rank",
        "report", "run_experiment"]  # fmt: skip
EVERYTHING = [
    "lexicons={vector_texts: {en: a, zh: b}}",
    "seeds=[1, 2]",
    "leave_out={model: static, domain: a/b, methods: [ml-cs]}",
]


def demo(output: Path, *overrides: str) -> experiment.Experiment:
    path = ROOT / "jobs" / "configs" / "from_scratch.yaml"
    return experiment.load(path, [f"output={output}", *EVERYTHING, *overrides])


PLACES = [
    str(path.relative_to(Path("out").absolute()))
    for path in results.places(demo(Path("out").absolute()))
]


def test_the_results_that_are_known():
    assert len(PLACES) == len(set(PLACES))
    assert {
        "titles", "titles.rejected", "collections", "lexicon", "lexicon_card", "vectors/zh",
        "vector_lexicon", "training_candidates", "switchers/ml-cs", "switchers/translate-test",
        "pairs/zero-shot", "pairs/fine-tuning", "switch_rates/wiki-cs", "tokenizers/static",
        "tokenizers/cross-encoder", "models/static.ml-cs.2", "models/cross-encoder.zero-shot.1",
        "models/static.ml-cs.1.without-a%2Fb", "evaluation/static.translate-test-ml-cs.1",
        "evaluation/static.ml-cs.2.without-a%2Fb", "candidates", "summary.json", "report.html",
    } <= set(PLACES)  # fmt: skip


REPORT = ("summary.json", "report.html")


def run(job: str, output: Path, monkeypatch, capsys) -> str:
    """What a job says in its last line, where it may not even start an engine."""
    monkeypatch.chdir(ROOT)
    monkeypatch.syspath_prepend(str(ROOT))
    module = importlib.import_module(f"jobs.{job}")
    for engine in ("pyspark.sql.SparkSession.builder.getOrCreate", "ray.init"):
        monkeypatch.setattr(engine, lambda *_, **__: pytest.fail("an engine was started"))
    config = "jobs/configs/from_scratch.yaml"
    monkeypatch.setattr(sys, "argv", [job, "--config", config, "--set", f"output={output}"])
    with pytest.raises(SystemExit) as ended:
        command.run_job(module.main)
    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert said.startswith("error: ") and said.count("\n") == 1
    return said


def write(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("mine")


@pytest.mark.parametrize("job", JOBS)
def test_the_folder_of_one_s_data_is_no_output_folder(job, tmp_path, monkeypatch, capsys):
    """The layout that domains.yaml asks for; loading collections once removed them all."""
    for name in ("collections/xquad/en/corpus.jsonl", "dumps/enwiki-page.sql.gz",
                 "lexicons/muse/en-de.tsv", "titles/mine", "models/mine"):  # fmt: skip
        write(tmp_path / name)
    before = sorted(tmp_path.rglob("*"))
    said = run(job, tmp_path, monkeypatch, capsys)
    assert f"{tmp_path}: not an output folder" in said and "new or empty folder" in said
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("job", JOBS)
def test_every_job_refuses_what_lies_in_the_place_of_any_result(job, tmp_path, monkeypatch, capsys):
    demo(tmp_path).workspace.open()
    write(tmp_path / "models" / "static.ml-cs.1" / "notes.txt")
    said = run(job, tmp_path, monkeypatch, capsys)
    assert str(tmp_path / "models" / "static.ml-cs.1") in said and "notes.txt" in said


@pytest.mark.parametrize("place", PLACES)
def test_what_is_ours_is_replaced_and_what_is_a_user_s_is_not(place, tmp_path):
    settings = demo(tmp_path)
    loose = place in (*REPORT, "titles.rejected")

    def make(path):
        write(path / "data" if place not in REPORT else path)
        return {}

    def again(origin):
        if loose:
            manifest.replace(settings.workspace, tmp_path / place, make)
        else:
            manifest.publish(settings.workspace, tmp_path / place, {**origin, **rest}, make)

    rest = {"settings": {}, "version": "1"}
    for origin in ({"inputs": {"a": "1"}}, {"inputs": {"a": "2"}}):
        again(origin)
        results.begin(settings)
    theirs = tmp_path / place if place in REPORT else tmp_path / place / "notes.txt"
    theirs.write_text("notes")
    with pytest.raises(InputError, match="move it away") as error:
        results.begin(settings)
    assert str(tmp_path / place) in str(error.value) and "\n" not in str(error.value)
    with pytest.raises(InputError, match="move it away"):
        again({"inputs": {"a": "3"}})
    assert theirs.read_text() == "notes"


def test_a_look_makes_no_folder(tmp_path):
    results.begin(demo(tmp_path / "out"))
    assert not (tmp_path / "out").exists()
    (tmp_path / "out").mkdir()
    results.begin(demo(tmp_path / "out"))
    assert not (tmp_path / "out" / PRIVATE).exists()


def test_what_is_no_result_of_the_experiment_is_left_alone(tmp_path):
    settings = demo(tmp_path)
    settings.workspace.open()
    for name in ("models/my-own/notes", "notes/a", "pairs/old.partial.1/a", "readme.txt"):
        write(tmp_path / name)
    results.begin(settings)


def test_clean_removes_what_install_made_and_no_results():
    command = ["env", "-u", "MAKEFLAGS", "make", "-n", "--no-print-directory", "clean"]
    command.append("VENV=.venv")
    said = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert said.stdout == "test ! -e .venv/.installed || rm -rf .venv\n"
