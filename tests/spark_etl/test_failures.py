"""What is said when Spark fails: its own errors, really raised."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from clir import failures
from tests.sample_runs import ROOT


def write_to_a_full_disk(_):
    with Path("/dev/full").open("w") as file:
        file.write("x")


IN_A_TASK = {
    "a Python worker of Spark's ended": lambda _: os.kill(os.getpid(), signal.SIGKILL),
    "no space left on a disk: free some": write_to_a_full_disk,
    "a fault of this program, not of your input: ": lambda _: 1 // 0,
}


@pytest.mark.parametrize("said", IN_A_TASK)
def test_a_failure_in_a_task_is_told_in_a_line(spark, said):
    with pytest.raises(Exception) as failure:
        spark().sparkContext.parallelize([1], 1).map(IN_A_TASK[said]).collect()
    line = failures.in_a_line(failure.value)
    assert line.startswith(said) and "\n" not in line and len(line) < 400


# Eight bytes for each of 400 million numbers, where there is half a gigabyte.
OUT_OF_MEMORY = """
import sys
from pathlib import Path
from clir import command, terminal
from clir.experiment import Spark
from clir.workspace import Workspace
from spark_etl.session import spark_session

def main():
    terminal.give_engines(Workspace(Path(sys.argv[1])))
    with spark_session(Spark(master="local[1]", driver_memory="512m")) as spark:
        spark().sql("select id, array_repeat(id, 400000000) from range(1)").collect()

command.run(main)
"""


def test_a_jvm_without_memory_is_told_in_a_line(tmp_path):
    call = [sys.executable, "-c", OUT_OF_MEMORY, str(tmp_path / "out")]
    done = subprocess.run(call, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 1 and done.stdout == ""
    log = tmp_path / "out" / "engines.log"
    assert done.stderr == (
        "error: a JVM of Spark's is out of memory (Java heap space): raise spark.driver_memory, "
        f"with spark-submit --driver-memory or --executor-memory; engines' own lines: {log}\n"
    )
    assert "Traceback" in log.read_text() and "WARN" in log.read_text()
