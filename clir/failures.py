"""What went wrong in an engine, in a line: what happened, and what to do about it.

Engines wrap each other's errors and tell of them in pages of text, so they are known by what they
say. No engine is loaded here.
"""

import re
import traceback

from clir import errors

_RESUMES = "the same command goes on where it was"
_GONE = f"the system may have killed it for memory; {_RESUMES}"
# What needs less memory, by what shows that it was at work.
_SETTINGS = {
    r"TrainWorker|TrainController|ray_app.training": (
        "lower training.batch_size (or models.NAME.batch_size) or models.NAME.max_length"
    ),
    r"MapWorker|ray_app.evaluation": "lower evaluation.batch_size or evaluation.workers",
    "": "have fewer workers at work",
}
# Who is gone has said why in the log, if anywhere.
_SPEECHLESS = (
    r"Py4JNetworkError|Py4JJavaError: \w+Error: |Answer from Java side is empty|JAVA_GATEWAY_EXITED"
)
# The first that is found is told, with its groups.
_FAILURES = {
    r"No space left on device|OutOfDiskError|Disk quota exceeded": (
        "no space left on a disk: free some where the output folder and TMPDIR lie, on a cluster "
        f"on its nodes too; {_RESUMES}"
    ),
    r"killed due to the node running low on memory": "{ray}: {less}",
    r"(CUDA out of memory|CUDA error: out of memory)([^\n]{0,200}free\.)?": "{0}{1}: {less}",
    r"java\.lang\.OutOfMemoryError: ([^\n]+)": (
        "a JVM of Spark's is out of memory ({0}): raise spark.driver_memory, with spark-submit "
        "--driver-memory or --executor-memory"
    ),
    r"ExecutorLostFailure \((executor \S+) [^\n]*?Reason: ([^\n]{0,160})": (
        f"Spark lost {{0}} ({{1}}): {_GONE}"
    ),
    r"Python worker exited unexpectedly": (
        f"a Python worker of Spark's ended: {_GONE}; with fewer cores in spark.master there are "
        "fewer of them"
    ),
    r"System memory \d+ must be at least (\d+)": "spark.driver_memory: give it {0} bytes or more",
    _SPEECHLESS: f"Spark's JVM is gone: {_GONE}",
    r"ObjectStoreFullError": (
        "Ray's object store is full: lower evaluation.workers, or start Ray with a larger one "
        "(--object-store-memory)"
    ),
    r"NodeDiedError|[Nn]ode (?:\S+ )?(?:has died|died|is dead|was terminated)": (
        f"Ray lost a node: {_RESUMES}"
    ),
    r"LocalRayletDiedError|RaySystemError|GCS (?:has|is|client)": (
        f"Ray's own processes on this machine are gone: {_GONE}"
    ),
    r"ActorDiedError|ActorUnavailableError|WorkerCrashedError": f"a worker of Ray's died: {_GONE}",
    r"\bMemoryError": "no memory left: {less}",
}
# In what Ray says when it kills a worker.
_NODE = re.compile(r"was ([\d.]+ ?GB) used / ([\d.]+ ?GB) limit")
_KILLED = re.compile(
    r"Selected to kill: \([^\n]*?(?:task|actor) name=([^,\n]+)[^\n]*?memory used=([\d.]+ ?GB)"
)
_LARGEST = re.compile(
    r"Top \d+ memory users: PID\s+MEM\(GB\)\s+COMMAND\s+\d+\s+([\d.]+)\s+(\S[^\n]*)"
)


def in_a_line(error: BaseException, log: str = "") -> str:
    """What ended the work; what is none of engines' failures is told as a fault of our own.

    ``log``: what engines have said last.
    """
    text = "\n".join(
        f"{type(cause).__name__}: {errors.text_of(cause)}" for cause in errors.causes(error)
    )
    if re.search(_SPEECHLESS, text):
        text += log
    for pattern, said in _FAILURES.items():
        if found := re.search(pattern, text):
            killed = _KILLED.search(text)
            took = killed[1] if killed else "".join(traceback.format_exception(error)) + text
            less = next(less for at_work, less in _SETTINGS.items() if re.search(at_work, took))
            groups = (" ".join((group or "").split()).rstrip(".") for group in found.groups())
            return said.format(*groups, less=less, ray=_killed_by_ray(text))
    if isinstance(error, OSError):
        return f"the system refuses: {errors.in_a_line(error)}"
    return f"a fault of this program, not of your input: {errors.in_a_line(error)}"


def _killed_by_ray(text: str) -> str:
    said = "Ray killed a worker for memory"
    if killed := _KILLED.search(text):
        said = f"Ray killed {killed[1]}, which took {killed[2]}, for memory"
    if node := _NODE.search(text):
        said += f"; its machine had {node[2]}, of which {node[1]} were in use"
    if largest := _LARGEST.search(text):
        said += f"; its largest process took {largest[1]}GB ({largest[2][:60]})"
    return said
