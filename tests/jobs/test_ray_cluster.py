"""Training on a Ray cluster of two nodes, one of which is lost while it works."""

import os
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil
import pytest
import ray

from clir.workspace import Workspace
from tests.sample_runs import DATA, ROOT, command, linked

RAY = Path(sys.executable).with_name("ray")
# A node that says nothing for three seconds is lost, and nobody waits a minute for its workers.
QUICK = {
    "RAY_AUTH_MODE": "disabled",
    "RAY_health_check_period_ms": "1000",
    "RAY_health_check_failure_threshold": "3",
    "RAY_health_check_timeout_ms": "1000",
    "RAY_TRAIN_WORKER_GROUP_START_TIMEOUT_S": "10",
}


class Node:
    """A node on this machine, of one core."""

    def __init__(self, folder: Path, *arguments: str):
        self.log = (folder / f"{len(list(folder.iterdir()))}.log").open("w")
        line = [str(RAY), "start", "--block", "--num-cpus=1", "--disable-usage-stats", *arguments]
        self.process = subprocess.Popen(
            line, stdout=self.log, stderr=self.log, env=os.environ | QUICK
        )

    def kill(self) -> None:
        """As a machine dies: all its processes at once."""
        own = psutil.Process(self.process.pid)
        for process in [own, *own.children(recursive=True)]:
            if process.is_running():
                process.kill()
        self.process.wait()
        self.log.close()


@pytest.fixture
def cluster(tmp_path):
    """The address of a cluster, and its second node."""
    # Short enough for the paths of sockets.
    with tempfile.TemporaryDirectory(prefix="r", dir="/tmp") as short, socket.socket() as free:
        free.bind(("", 0))
        here, port = ray.util.get_node_ip_address(), free.getsockname()[1]
        free.close()
        address, node = f"{here}:{port}", f"--node-ip-address={here}"
        logs = tmp_path / "logs"
        logs.mkdir()
        head = Node(logs, "--head", node, f"--temp-dir={short}", f"--port={port}",
                    "--include-dashboard=false")  # fmt: skip
        second = Node(logs, f"--address={address}", node)
        yield address, second
        for node in (second, head):
            if node.process.poll() is None:
                node.kill()


def test_training_goes_on_with_fewer_workers_where_a_node_is_lost(cluster, finished, tmp_path):
    address, second = cluster
    output = linked(tmp_path / "out", finished, *DATA)
    model = "models={static: {family: static, methods: [zero-shot], vocabulary: 3000, "
    few = [model + "hidden_size: 32}}", "training.steps=500", "training.min_workers=1",
           "training.checkpoint_every=20", "leave_out=null"]  # fmt: skip
    said = tmp_path / "said"
    with said.open("w") as out:
        job = subprocess.Popen(
            command(output, *few, job="train"), cwd=ROOT, stdout=out, stderr=out,
            env=os.environ | QUICK | {"RAY_ADDRESS": address},
        )  # fmt: skip
    kept = Workspace(output).kept(output / "checkpoints")
    end = time.monotonic() + 240
    while not any(
        "checkpoint_dir_name" in note.read_text()
        for note in kept.glob("*/checkpoint_manager_snapshot.json")
    ):
        assert job.poll() is None and time.monotonic() < end, said.read_text()[-3000:]
        time.sleep(0.05)
    second.kill()
    assert job.wait(240) == 0, said.read_text()[-3000:]
    assert "models/static.zero-shot.1: resumed at step" in said.read_text()
    assert (output / "models/static.zero-shot.1/model.safetensors").exists()
