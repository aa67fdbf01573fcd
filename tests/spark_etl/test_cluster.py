"""The jobs by spark-submit on a real standalone cluster, whose parts are killed at work.

What must come out is what a local session makes, row for row; that one has two partitions, the
cluster three.
"""

import gzip
import zipfile
from pathlib import Path

import pytest

from clir import experiment, manifest
from clir.workspace import Workspace
from spark_etl import collection_tables, lexicon_table, titles, training_pairs
from tests.spark_cluster import ROOT, Cluster, Job, is_written, wait_for
from tests.tables import tables_of

CONFIG = "jobs/configs/from_scratch.yaml"
DUMPS = ROOT / "jobs" / "sample" / "dumps"
SMALL = [
    "collections={train: [jobs/sample/collections/train-news], "
    "test: [jobs/sample/collections/train-news], test_split: dev}",
    "switching.copies=100",  # tasks of seconds, long enough to be hit
    "models={static: {family: static, methods: [ml-cs, wiki-cs]}}",
    "leave_out=null",
]


@pytest.fixture(scope="module")
def expected(spark, tmp_path_factory):
    """The tables that a local session makes of the experiment."""
    output = tmp_path_factory.mktemp("local")
    two = ["spark.shuffle_partitions=2", f"output={output}"]
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        settings = experiment.load(Path(CONFIG), [*SMALL, *two])
        titles.mine(spark, settings)
        lexicon_table.build(spark, settings)
        collection_tables.load(spark, settings)
        for method in settings.methods:
            training_pairs.build(spark, settings, method)
    return tables_of(output)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    cluster = Cluster(tmp_path_factory.mktemp("cluster"))
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.stop()


@pytest.fixture(scope="module")
def submit(cluster, tmp_path_factory):
    """Runs a job of the experiment on the cluster, with the code shipped to it as a zip."""
    folder = tmp_path_factory.mktemp("submitted")
    with zipfile.ZipFile(folder / "code.zip", "w") as code:
        for path in [*ROOT.glob("clir/**/*.py"), *ROOT.glob("spark_etl/*.py")]:
            code.write(path, path.relative_to(ROOT))
    three = ["spark.shuffle_partitions=3", f"output={folder / 'out'}"]

    def start(name: str, *options: str, settings: tuple[str, ...] = ()) -> Job:
        sets = [part for value in (*SMALL, *three, *settings) for part in ("--set", value)]
        options = ("--py-files", str(folder / "code.zip"), *options)
        return cluster.submit(f"jobs/{name}.py", "--config", CONFIG, *sets, options=options)

    start.output = folder / "out"
    for name in ("mine_titles", "build_lexicon", "load_collections"):
        start(name).done()
    return start


def lost_tasks(job: Job, executor: str) -> list[tuple[int, int]]:
    """The tasks, by stage and number, that died with an executor; all of them were run again."""
    ended = [
        (event["Task End Reason"]["Reason"], event["Task Info"]["Executor ID"],
         (event["Stage ID"], event["Task Info"]["Index"]))
        for event in job.events("TaskEnd")
    ]  # fmt: skip
    lost = [task for why, who, task in ended if (why, who) == ("ExecutorLostFailure", executor)]
    assert set(lost) <= {task for why, _, task in ended if why == "Success"}
    return lost


def lengthened(dump: Path, statement: str, times: int, path: Path) -> Path:
    """The same dump with a statement more, many times: a task of seconds."""
    begin, end, rest = gzip.decompress(dump.read_bytes()).partition(b"/*!40000 ALTER")
    with path.open("wb") as file:
        file.write(begin)
        for _ in range(times):
            file.write(statement.encode())
        file.write(end + rest)
    return path


def test_an_executor_dies_reading_a_dump(cluster, submit, expected, tmp_path):
    rows = 10_000 * ["(1,'xx','A link into a language that is none of ours')"]
    long = lengthened(
        DUMPS / "enwiki-20260101-langlinks.sql.gz",
        f"INSERT INTO `langlinks` VALUES {','.join(rows)};\n",
        times=500,
        path=tmp_path / "langlinks.sql",
    )
    dump = f"{{lang: en, page: {DUMPS}/enwiki-20260101-page.sql.gz, langlinks: {long}}}"
    out = tmp_path / "out"
    job = submit("mine_titles", settings=(f"titles=[{dump}]", f"output={out}"))
    executor = cluster.kill_at_work(job, out / "titles")
    job.done()
    assert lost_tasks(job, executor)
    made = tables_of(out)
    assert made == {place: expected[place] for place in ("titles/data", "titles/rejected")}
    assert not list((out / "titles").rglob("_*"))  # nor anything half written
    counts = manifest.read(out / "titles")["counts"]
    assert counts["langlinks link into another language"] >= 5_000_000
    long.unlink()  # a quarter of a gigabyte


def test_an_executor_the_driver_and_a_worker_die_at_work(cluster, submit, expected):
    """And the cluster's tables are those of a local session."""
    first, pairs = submit("switch_pairs"), submit.output / "pairs"
    executor = cluster.kill_at_work(first, pairs / "ml-cs")
    wait_for(lambda: is_written(pairs / "wiki-cs"), first.log)
    assert lost_tasks(first, executor)
    first.kill()
    # What was being written has no name of its own, so nobody reads it.
    assert [path.name for path in pairs.iterdir()] == ["ml-cs"]
    whole = (pairs / "ml-cs" / manifest.NAME).stat().st_mtime_ns

    small = "spark.sql.execution.arrow.maxRecordsPerBatch=1000"
    second = submit("switch_pairs", "--conf", small)
    executor = cluster.kill_at_work(second, pairs / "wiki-cs", worker=True)
    second.done()
    assert lost_tasks(second, executor)
    assert (pairs / "ml-cs" / manifest.NAME).stat().st_mtime_ns == whole  # not made again
    assert sorted(path.name for path in pairs.iterdir()) == ["ml-cs", "wiki-cs"]
    assert not list(Workspace(submit.output).work(pairs).parent.iterdir())
    assert tables_of(submit.output) == expected
    assert len(list((pairs / "ml-cs" / "data").glob("*.parquet"))) == 3
    # It did run there; and what spark-submit is told goes before what we set.
    (environment,) = second.events("EnvironmentUpdate")
    settings = dict(environment["Spark Properties"])
    assert settings["spark.master"].startswith("spark://127.0.0.1:")
    assert settings["spark.sql.execution.arrow.maxRecordsPerBatch"] == "1000"
    assert settings["spark.sql.parquet.compression.codec"] == "zstd"
    assert settings["spark.app.name"] == "switch_pairs.py"
