"""A standalone Spark cluster on this machine: started, watched and killed by recorded ids."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

import pyspark

from clir.workspace import Workspace

ROOT = Path(__file__).parents[1]
HOME = Path(pyspark.__file__).parent
_T = TypeVar("_T")


def wait_for(found: Callable[[], _T], log: Path, seconds: int = 600) -> _T:
    """The first true answer of ``found``; what the log says where none comes."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if answer := found():
            return answer
        time.sleep(0.05)
    raise AssertionError(f"waited in vain:\n{log.read_text()[-3000:]}")


def processes(session: int) -> dict[int, str]:
    """The processes of a session, with their command lines; a daemon's executors are in its own."""
    found = {}
    for entry in Path("/proc").iterdir():
        with suppress(ProcessLookupError, FileNotFoundError):  # it has just ended
            if entry.name.isdigit() and os.getsid(int(entry.name)) == session:
                found[int(entry.name)] = (entry / "cmdline").read_text().replace("\0", " ")
    return found


def send(ids: Iterable[int], what: signal.Signals) -> None:
    for process in ids:
        with suppress(ProcessLookupError):
            os.kill(process, what)


class Job:
    """A script given to spark-submit: its process, what it said, and what Spark knows of it."""

    def __init__(self, folder: Path, number: int, command: list[str], env: dict[str, str]):
        self.log, self._events = folder / f"job{number}.log", folder / f"events{number}"
        self._events.mkdir()
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self._port = free.getsockname()[1]
        settings = {
            "spark.ui.port": self._port,
            "spark.eventLog.enabled": "true",
            "spark.eventLog.dir": self._events.as_uri(),
            "spark.eventLog.compress": "false",
            "spark.eventLog.rolling.enabled": "false",
            "spark.log.level": "WARN",
        }
        options = [part for k, v in settings.items() for part in ("--conf", f"{k}={v}")]
        command = [str(HOME / "bin" / "spark-submit"), *options, *command]
        self.process = _start(command, self.log, env)

    def done(self) -> None:
        assert self.process.wait(timeout=600) == 0, self.log.read_text()[-3000:]

    def kill(self) -> None:
        """As a machine dies: the JVM and its Python, at once."""
        send(processes(self.process.pid), signal.SIGKILL)
        self.process.wait()

    def busy(self) -> set[str]:
        """The executors that are running a task now, by the driver's own account."""
        try:
            (application,) = self._ask("applications")
            executors = self._ask(f"applications/{application['id']}/executors")
        except OSError:  # its server is not up yet
            return set()
        return {executor["id"] for executor in executors if executor["activeTasks"]}

    def _ask(self, what: str) -> Any:
        with urllib.request.urlopen(f"http://127.0.0.1:{self._port}/api/v1/{what}") as answer:
            return json.load(answer)

    def events(self, kind: str) -> list[dict[str, Any]]:
        (file,) = (path for path in self._events.iterdir() if not path.name.startswith("."))
        whole, _, _ = file.read_text().rpartition("\n")  # a killed driver's last line may be cut
        parsed = map(json.loads, whole.splitlines())
        return [event for event in parsed if event["Event"] == f"SparkListener{kind}"]


class Cluster:
    """A master and two workers of one core; ``submit`` gives them work."""

    def __init__(self, folder: Path):
        self._folder, self._jobs = folder, []
        # No node has the project's code: what a task runs is what was shipped to it.
        (folder / "node" / "clir").mkdir(parents=True)
        (folder / "node" / "clir" / "__init__.py").write_text("raise ImportError('not shipped')\n")
        own = {"PYSPARK_PYTHON", "PYTHONPATH"}  # left by a local session, or by who started us
        self._env = {k: v for k, v in os.environ.items() if k not in own} | {
            "SPARK_HOME": str(HOME),
            "SPARK_LOCAL_IP": "127.0.0.1",
            "SPARK_DAEMON_MEMORY": "256m",
            # These live for seconds: the thorough compiler would never pay.
            "JAVA_TOOL_OPTIONS": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC",
            "SPARK_MASTER_OPTS": "-Dspark.master.rest.enabled=false",
        }
        self._daemons: list[subprocess.Popen[bytes]] = []

    def start(self) -> None:
        said = self._daemon("master.Master", ["--port", "0"], r"Spark master at (spark://\S+)")
        self.url = said[1]
        for _ in range(2):
            work = self._folder / f"work{len(self._daemons)}"
            options = ["--cores", "1", "--memory", "1g", "--work-dir", str(work), self.url]
            self._daemon("worker.Worker", options, "Successfully registered with master")

    def _daemon(self, name: str, options: list[str], ready: str) -> re.Match[str]:
        command = [str(HOME / "bin" / "spark-class"), f"org.apache.spark.deploy.{name}"]
        command += ["--host", "127.0.0.1", "--webui-port", "0", *options]
        log = self._folder / f"daemon{len(self._daemons)}.log"
        env = self._env | {"PYTHONPATH": str(self._folder / "node")}
        self._daemons.append(_start(command, log, env))
        return wait_for(lambda: re.search(ready, log.read_text()), log)

    def submit(self, script: str, *arguments: str, options: Iterable[str] = ()) -> Job:
        """As a user does it, in a shell where the virtual environment is active."""
        command = ["--master", self.url, "--executor-memory", "600m", *options]
        path = f"{Path(sys.executable).parent}:{self._env['PATH']}"
        env = self._env | {"PATH": path, "PYTHONPATH": str(ROOT)}
        job = Job(self._folder, len(self._jobs), [*command, script, *arguments], env)
        self._jobs.append(job)
        return job

    def kill_at_work(self, job: Job, writing: Path, worker: bool = False) -> str:
        """Kill an executor in the middle of a task that writes below ``writing``; its id.

        With ``worker`` the worker and all its processes die with it. The victim is stopped first,
        and killed only if the driver still counts a task of it: what it runs then, it never ends.
        """

        def hit() -> str | None:
            assert job.process.poll() is None, job.log.read_text()[-3000:]
            for executor in job.busy() if is_written(writing) else ():
                victims = self._processes_of(executor, worker)
                send(victims, signal.SIGSTOP)
                time.sleep(1)  # until the driver knows what the victim had ended before
                if victims and executor in job.busy():
                    send(victims, signal.SIGKILL)
                    return executor
                send(victims, signal.SIGCONT)
            return None

        return wait_for(hit, job.log)

    def _processes_of(self, executor: str, worker: bool) -> list[int]:
        for place in self._daemons[1:]:
            members = processes(place.pid)
            own = [id for id, line in members.items() if f"--executor-id {executor} " in line]
            if own:
                return list(members) if worker else own
        return []

    def stop(self) -> None:
        for process in [*(job.process for job in self._jobs), *self._daemons]:
            send(processes(process.pid), signal.SIGKILL)
            process.wait()


def is_written(folder: Path) -> bool:
    """Whether a task is writing the stage's data now: it has a file that is not committed."""
    by_spark, by_itself = "data/_temporary/0/_temporary/attempt_*/*.parquet", "staging/_*.parquet.*"
    # A stage of an output folder, or of a folder in it.
    places = [Workspace(output).work(folder) for output in (folder.parent, folder.parent.parent)]
    return any(
        any(place.glob(f"*/*/{files}")) for place in places for files in (by_spark, by_itself)
    )


def _start(command: list[str], log: Path, env: dict[str, str]) -> subprocess.Popen[bytes]:
    with log.open("w") as file:
        return subprocess.Popen(
            command, cwd=ROOT, env=env, stdout=file, stderr=file, start_new_session=True
        )
