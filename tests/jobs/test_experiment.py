"""The whole way on the sample, small: real Spark, Ray Train, DeepSpeed and Ray Data."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import ir_measures
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from safetensors.numpy import load_file

from clir import experiment, manifest
from clir.errors import InputError
from clir.scoring.measures import MEASURES
from clir.workspace import Workspace
from tests.sample_runs import (
    DATA,
    ODD,
    ROOT,
    SMALL,
    command,
    linked,
    must_not_start,
    run,
    succeed,
)


def test_another_start_does_nothing_again(finished):
    def written():
        return {path: path.stat().st_mtime_ns for path in finished.glob("*/*/manifest.json")}

    before = written()
    succeed(*command(finished))
    assert before == written()


def test_a_plan_says_what_would_be_made_and_starts_nothing(finished):
    changed = command(finished, "training.steps=41", "evaluation.depth=9")
    said = " ".join(succeed(*changed, "--plan").stdout.replace("│", " ").split())
    assert "pairs/ml-cs up to date" in said
    assert "models/static.ml-cs.1 other settings: model" in said
    assert "models/static.ml-cs.1 will be made anew" in said
    # Its own steps: what is shared changes nothing for it.
    assert "models/cross-encoder.zero-shot.1 up to date" in said


def test_a_report_tells_of_no_other_settings_than_the_experiment_s(finished):
    before = (finished / "report.html").read_bytes()
    done = run(*command(finished, "training.steps=41", job="report"))
    assert done.returncode == 2 and done.stderr.count("\n") == 1
    assert "models/static.zero-shot.1: other settings: model" in done.stderr
    assert (finished / "report.html").read_bytes() == before


SWITCHED = [
    "leave_out=null",
    "models={static: {family: static, methods: [zero-shot, bl-cs, ml-cs, wiki-cs]}}",
    "switching.probability=0.25",
    "switching.phrase_probability=0.75",
]


@pytest.fixture(scope="module")
def switched(finished, tmp_path_factory) -> Path:
    """An experiment with the pairs of every method that switches, by Spark."""
    output = tmp_path_factory.mktemp("switched") / ODD
    linked(output, finished, "titles", "collections", "lexicon")
    succeed(*command(output, *SWITCHED, job="switch_pairs"))
    return output


def test_ray_data_switches_as_spark_does(switched):
    """With every method that does, the pairs that Ray Data switches are those Spark wrote."""
    succeed(sys.executable, "-c", _SWITCH_ON_RAY, str(switched), *SMALL, *SWITCHED)
    for method in ("bl-cs", "ml-cs", "wiki-cs"):
        shards = list((switched / "pairs" / method / "data").glob("*.parquet"))
        sizes = [pq.read_metadata(path).num_rows for path in shards]
        assert len(sizes) == 4 and max(sizes) < 1.25 * min(sizes)  # each worker's share is alike
        written = pa.concat_tables(map(pq.read_table, shards)).sort_by("pair_id")
        found = pq.read_table(switched / "on-ray" / method).sort_by("pair_id")
        assert found.select(written.column_names).equals(written) and len(found) > 3000


_SWITCH_ON_RAY = """
import sys
from pathlib import Path

from clir import experiment
from ray_app import cluster
from ray_app.training.switched_pairs import switched_pairs

output, *overrides = sys.argv[1:]
overrides = [f"output={output}", *overrides]
settings = experiment.load(Path("jobs/configs/from_scratch.yaml"), overrides)
with cluster.connection() as connect:
    connect()
    for method in ("bl-cs", "ml-cs", "wiki-cs"):
        switched_pairs(settings, method).write_parquet(f"{output}/on-ray/{method}")
"""


def test_the_contract_of_the_results(finished):
    rows = json.loads((finished / "summary.json").read_text())
    keys = set(
        "method model without_domain collection domain condition query_lang doc_lang measure value "
        "queries masked_value masked_queries zero_shot_value p_value p_bonferroni".split()
    )
    assert all(set(row) == keys for row in rows)
    expected = {
        "method": {"zero-shot", "ml-cs", "translate-test"},
        "without_domain": {"", "social"},
        "measure": set(MEASURES),
        "domain": {"all", "news", "scientific", "social"},
    }
    assert {key: {row[key] for row in rows} for key in expected} == expected
    assert {row["condition"] for row in rows} >= {"MoIR", "CLIR", "MLIR-xx-en", "MLIR-xx-xx"}
    for row in rows:
        assert 0 <= row["value"] <= 1 and row["queries"] in (24, 72)
        assert row["masked_value"] == row["value"]  # the sample's translations are good
        assert (row["p_value"] is None) == (row["method"] == "zero-shot")


def test_trec_runs_and_per_query_values_agree_with_the_summary(finished):
    folder = finished / "evaluation" / "static.ml-cs.1"
    run, qrels = (str(folder / "trec" / f"test.en.de.{kind}") for kind in ("run", "qrels"))
    read = ir_measures.read_trec_qrels(qrels), ir_measures.read_trec_run(run)
    reciprocal = {
        row.query_id: row.value for row in ir_measures.iter_calc([ir_measures.RR @ 10], *read)
    }
    (row,) = [
        row
        for row in json.loads((finished / "summary.json").read_text())
        if (row["model"], row["method"], row["domain"], row["measure"])
        == ("static", "ml-cs", "all", "MRR@10")
        and (row["query_lang"], row["doc_lang"]) == ("en", "de")
    ]
    assert row["value"] == pytest.approx(sum(reciprocal.values()) / len(reciprocal))
    values = pq.read_table(folder / "measures").to_pandas()
    values = values[(values.measure == "MRR@10") & (values.query_lang == "en")]
    per_query = values[values.doc_lang == "de"].set_index("query_id")["value"].to_dict()
    assert per_query == pytest.approx(reciprocal)


def test_the_report_is_one_file_that_names_everything(finished):
    page = (finished / "report.html").read_text()
    assert not re.search(r'(src|href)="(?!#|data:)', page)  # nothing is fetched from elsewhere
    for part in ("Lexicon quality card", "Where time went", "Language by language",
                 "Gain over zero-shot by domain", "translate-test", "What was run",
                 "A domain never seen: trained with and without social"):  # fmt: skip
        assert part in page


# What is damaged, what is taken away so that something is made from it again, and by which job.
DAMAGED = [
    ("pairs/ml-cs/data/*.parquet", "models/static.ml-cs.1", "train"),
    ("tokenizers/static/tokenizer.json", "models/static.ml-cs.1", "train"),
    ("models/static.zero-shot.1/model.safetensors", "evaluation/static.zero-shot.1", "rank"),
    ("collections/documents/*.parquet", "evaluation/static.zero-shot.1", "rank"),
    ("candidates/data/*.parquet", "evaluation/cross-encoder.zero-shot.1", "rank"),
    ("switchers/translate-test/de/keys.npy", "evaluation/static.translate-test.1", "rank"),
    ("evaluation/static.ml-cs.1/measures/*.parquet", "summary.json", "report"),
    ("lexicon_card/card.json", "summary.json", "report"),
]


@pytest.mark.parametrize(("damaged", "due", "job"), DAMAGED)
@pytest.mark.parametrize("how", ["deleted", "another byte"])
def test_nothing_is_computed_from_what_was_damaged(
    finished, tmp_path, monkeypatch, damaged, due, job, how
):
    """Before an engine does anything: neither Ray nor Spark is running here."""
    from ray_app.evaluation import pipeline
    from ray_app.report import files
    from ray_app.training import launch_on_ray

    monkeypatch.chdir(ROOT)
    settings = experiment.load(
        Path("jobs/configs/from_scratch.yaml"), [f"output={finished}", *SMALL]
    )
    work = {
        "train": lambda: launch_on_ray.train(must_not_start, settings),
        "rank": lambda: pipeline.evaluate(must_not_start, settings),
        "report": lambda: files.write(settings),
    }[job]
    stage, _, pattern = damaged.partition("/")
    file = sorted((finished / stage).glob(pattern))[0]
    content, aside = file.read_bytes(), tmp_path / "aside"
    manifest.verified.clear()  # as in a process of its own
    (finished / due).rename(aside)
    try:
        if how == "deleted":
            file.unlink()
        else:
            file.write_bytes(content[:-9] + bytes([content[-9] ^ 1]) + content[-8:])
        with pytest.raises(InputError) as error:
            work()
        said = "is missing" if how == "deleted" else "was changed since it was written"
        assert f"{file.name} {said}; delete the folder and run again" in str(error.value)
        assert not (finished / due).exists()
    finally:
        file.write_bytes(content)
        aside.rename(finished / due)


@pytest.mark.parametrize(
    ("job", "override", "message"),
    [
        ("run_experiment", "training.stepz=1", "unknown key training.stepz"),
        ("run_experiment", "titles=[{lang: en, page: none.gz, langlinks: none.gz}]", "none.gz"),
        ("train", "models.static.base=PICKLED", "pytorch_model.bin is a pickle"),
    ],
)
def test_a_mistake_ends_the_command_in_one_line(tmp_path, job, override, message):
    (tmp_path / "pytorch_model.bin").write_bytes(b"\x80\x04")
    override = override.replace("PICKLED", str(tmp_path))
    done = run(*command(tmp_path / "out", override, job=job))
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1 and message in done.stderr
    assert not (tmp_path / "out").exists()


def test_a_damaged_dump_ends_a_spark_job_in_one_line(tmp_path):
    whole = (ROOT / "jobs/sample/dumps/enwiki-20260101-page.sql.gz").read_bytes()
    cut = tmp_path / "page.sql.gz"
    cut.write_bytes(whole[: len(whole) // 2])
    links = "jobs/sample/dumps/enwiki-20260101-langlinks.sql.gz"
    dumps = f"titles=[{{lang: en, page: {cut}, langlinks: {links}}}]"
    done = run(*command(tmp_path / "out", dumps, job="mine_titles"))
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith(f"error: {cut}: truncated")
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "out" / "titles").exists()


def test_training_goes_on_from_a_base_model_on_ray_and_here(finished, tmp_path):
    """To the same weights by DeepSpeed in a worker of Ray Train, and by torch alone."""
    base = finished / "models" / "static.zero-shot.1"
    model = {"family": "static", "methods": ["ml-cs"], "base": str(base), "token_dropout": 0.1}
    other = {"family": "bi-encoder", "methods": ["zero-shot"], "vocabulary": 3000, "layers": 1}
    few = ["training.steps=12", "training.workers=1", "training.gradient_clip=0.5"]
    few += ["training.accumulate=2"]
    asked = [f"models={json.dumps({'m': model, 'b': other})}", *few, "leave_out=null"]
    trained = []
    for place in ("ray", "here"):
        output = tmp_path / place
        linked(output, finished, *DATA)
        started = command(output, *asked, job="train")
        succeed(*started, *(["--here"] if place == "here" else []))
        runs = ("m.ml-cs.1", "b.zero-shot.1")
        trained.append([load_file(output / "models" / r / "model.safetensors") for r in runs])
    before = load_file(base / "model.safetensors")["embedding.weight"]
    assert 0 < abs(trained[0][0]["embedding.weight"] - before).max() < 0.1
    for on_ray, here in zip(*trained, strict=True):
        assert max(abs(on_ray[name] - here[name]).max() for name in on_ray) < 1e-6


def test_an_interrupted_training_here_goes_on_from_its_checkpoint(finished, tmp_path):
    model = "models={m: {family: static, methods: [zero-shot], vocabulary: 2000, hidden_size: 32}}"
    asked = [model, "training.workers=1", "training.steps=1000", "leave_out=null"]
    whole, cut = (linked(tmp_path / name, finished, *DATA) for name in ("whole", "cut"))
    start = [*command(cut, *asked, job="train"), "--here"]
    job = subprocess.Popen(start, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    kept = Workspace(cut).kept(cut / "checkpoints") / "here" / "run.json"
    end = time.monotonic() + 120
    while not kept.exists():
        assert job.poll() is None and time.monotonic() < end
        time.sleep(0.02)
    job.send_signal(signal.SIGTERM)
    assert b"stopped by SIGTERM" in job.communicate()[1] and job.returncode == 143
    assert "m.zero-shot.1: resumed at step" in succeed(*start).stdout
    succeed(*command(whole, *asked, job="train"), "--here")
    weights = (out / "models" / "m.zero-shot.1" / "model.safetensors" for out in (whole, cut))
    one, other = (path.read_bytes() for path in weights)
    assert one == other


def test_a_model_cut_in_parts_by_zero_3_learns_the_same(finished, tmp_path):
    linked(tmp_path, finished, *DATA)
    succeed(*command(tmp_path, "leave_out=null", "training.zero_stage=3", job="train"))
    for name in ("static.ml-cs.1", "cross-encoder.zero-shot.1"):
        whole, parts = (
            load_file(folder / "models" / name / "model.safetensors")
            for folder in (finished, tmp_path)
        )
        assert whole.keys() == parts.keys()
        assert max(abs(whole[name] - parts[name]).max() for name in whole) < 1e-6


def test_a_training_killed_by_ray_for_memory_is_told_in_a_line(finished, tmp_path):
    """More than a fiftieth of this machine's memory is in use, so whatever works is killed."""
    linked(tmp_path, finished, *DATA, "tokenizers")
    little = os.environ | {"RAY_memory_usage_threshold": "0.02"}
    done = run(*command(tmp_path, "leave_out=null", job="train"), env=little)
    assert done.returncode == 1
    size = r"[\d.]+GB"
    assert re.fullmatch(
        rf"error: Ray killed \S+, which took {size}, for memory; its machine had {size}, of which "
        rf"{size} were in use; its largest process took {size} \(.+\): lower training\.batch_size "
        r"\(or models\.NAME\.batch_size\) or models\.NAME\.max_length; engines' own lines: "
        rf"{re.escape(str(tmp_path / 'engines.log'))}\n",
        done.stderr,
    )
