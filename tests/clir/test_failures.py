"""What is said when an engine fails; of Spark's failures and Ray's killing, see the other tests."""

import pytest

from clir import failures

# As Ray 2.60 says it, shortened.
KILLED = """1 worker(s) were killed due to the node running low on memory. Memory on the node \
(IP: 192.0.2.2, ID: 4a0b) was 61.30GB used / 64.00GB limit (0.957812)
OOM kill reason: Memory usage 65820000000B exceeded threshold of 65283502899B (95.0% of 64.00GB)
Considered workers: [
Selected to kill: (Actor: job ID=01000000, lease ID=00, {name}, required resources={{CPU: 1}}, \
pid=17312, actual memory used=41.04GB, worker ID=cb50)
]
Top 10 memory users: PID\tMEM(GB)\tCOMMAND
17312\t41.04\tray::{command}
14691\t1.73\tjava -cp jars
Refer to the documentation on how to address the out of memory issue: https://docs.ray.io."""
RAY = {
    ("actor name=RayTrainWorker.__init__", "RayTrainWorker"): "lower training.batch_size (or",
    ("task name=MapWorker(MapBatches(_Worker)).submit", "MapWorker"): "lower evaluation.batch_size",
}


@pytest.mark.parametrize("killed", RAY)
def test_what_ray_kills_for_memory_is_told_with_sizes_and_a_setting(killed):
    name, command = killed
    error = RuntimeError("Training failed due to worker errors:\n[Rank 0]\n")
    error.__cause__ = MemoryError(KILLED.format(name=name, command=command))
    assert failures.in_a_line(error).startswith(
        f"Ray killed {name.partition('=')[2]}, which took 41.04GB, for memory; its machine had "
        f"64.00GB, of which 61.30GB were in use; its largest process took 41.04GB "
        f"(ray::{command}): {RAY[killed]}"
    )


SAID = {
    "CUDA out of memory. Tried to allocate 20.00 MiB. GPU 0 has a total capacity of 79.10 GiB of "
    "which 8.69 MiB is free. Process 1 has 7\n File ray_app/training/train_loop.py": (
        "CUDA out of memory. Tried to allocate 20.00 MiB. GPU 0 has a total capacity of 79.10 GiB "
        "of which 8.69 MiB is free: lower training.batch_size"
    ),
    "CUDA out of memory.\n File ray_app/evaluation/rerank.py": (
        "CUDA out of memory: lower evaluation.batch_size or evaluation.workers"
    ),
    "Lost task 0.3 in stage 1.0: ExecutorLostFailure (executor 3 exited caused by one of the "
    "running tasks) Reason: Command exited with code 137\nDriver stacktrace:": (
        "Spark lost executor 3 (Command exited with code 137): the system may have killed it"
    ),
    "System memory 62914560 must be at least 471859200. Please increase heap size": (
        "spark.driver_memory: give it 471859200 bytes or more"
    ),
    "The actor died: its node 4a0b was terminated": "Ray lost a node: the same command goes on",
}


@pytest.mark.parametrize("text", SAID)
def test_a_failure_of_an_engine_is_known_by_what_it_says(text):
    said = failures.in_a_line(RuntimeError(f"Something failed:\n{text}"))
    assert said.startswith(SAID[text]) and "\n" not in said


def test_a_jvm_that_is_gone_has_said_why_in_the_log():
    gone = ConnectionError("Answer from Java side is empty")
    assert failures.in_a_line(gone).startswith("Spark's JVM is gone: the system may have killed it")
    said = "WARN\njava.lang.OutOfMemoryError: GC overhead limit exceeded\n\tat"
    told = failures.in_a_line(gone, said)
    assert told.startswith("a JVM of Spark's is out of memory (GC overhead limit exceeded): raise")


def test_a_refusal_of_the_system_is_no_fault_of_ours():
    said = failures.in_a_line(PermissionError(13, "Permission denied", "/data/a"))
    assert said == "the system refuses: PermissionError: [Errno 13] Permission denied: '/data/a'"


def test_an_error_whose_jvm_is_gone_is_told_by_what_the_jvm_said_last():
    class Py4JJavaError(Exception):
        def __str__(self):
            raise ConnectionRefusedError(111, "Connection refused")

    log = "WARN java.lang.OutOfMemoryError: Java heap space\n"
    assert failures.in_a_line(Py4JJavaError(), log).startswith("a JVM of Spark's is out of memory")
    assert failures.in_a_line(Py4JJavaError()).startswith("Spark's JVM is gone")
