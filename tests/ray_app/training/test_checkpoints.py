"""Which checkpoint a run goes on from."""

import json
from types import SimpleNamespace

import pytest

from clir import manifest
from clir.workspace import Workspace
from ray_app.training.checkpoints import resume

ORIGIN = {"settings": {"seed": 1}}


class Here:
    """One worker, that others may disagree with."""

    def __init__(self, folders, others=lambda folder: True, rank=0, workers=1):
        self.folders, self.others, self.asked = folders, others, iter(folders)
        self.rank, self.workers = rank, workers

    def checkpoints(self):
        return self.folders

    def all_say(self, yes):
        return yes and self.others(next(self.asked))


@pytest.fixture
def run(tmp_path):
    workspace = Workspace(tmp_path / "out")
    return SimpleNamespace(
        name="m.ml-cs.1", origin=ORIGIN, workspace=workspace, folder=workspace.model("m.ml-cs.1")
    )


def checkpoint(folder, step, name="m.ml-cs.1", origin=ORIGIN, workers=1):
    folder.mkdir()
    (folder / "state").write_text(str(step))
    note = {"run": name, "step": step, "origin": origin, "workers": workers}
    (folder / "run.json").write_text(json.dumps(note))
    for rank in range(workers):
        manifest.list_files(folder, f"files.{rank}.json")
    return folder


def resumed(run, context):
    engine = SimpleNamespace(load=lambda folder: int((folder / "state").read_text()))
    return resume(run, engine, context)


def test_the_newest_checkpoint_of_the_run_is_gone_on_from(run, tmp_path):
    assert resumed(run, Here([])) == 0
    old, new = (checkpoint(tmp_path / str(step), step) for step in (10, 20))
    other = checkpoint(tmp_path / "30", 30, name="m.zero-shot.1")
    changed = checkpoint(tmp_path / "40", 40, origin={"settings": {"seed": 2}})
    assert resumed(run, Here([changed, other, new, old])) == 20
    assert resumed(run, Here([other])) == 0


@pytest.mark.parametrize("damage", ["longer", "gone", "no note", "strange note"])
def test_of_damaged_ones_it_is_said_and_the_one_before_is_used(run, tmp_path, capsys, damage):
    old, new = (checkpoint(tmp_path / str(step), step) for step in (10, 20))
    if damage == "longer":
        (new / "state").write_text("200")
    elif damage == "gone":
        (new / "state").unlink()
    elif damage == "no note":
        (new / "run.json").unlink()
    else:
        (new / "run.json").write_text("[]")
    assert resumed(run, Here([new, old])) == 10
    said = capsys.readouterr().out
    assert "models/m.ml-cs.1: a checkpoint was damaged (" in said and "it is left out" in said
    assert resumed(run, Here([new])) == 0  # there is no other: from the beginning


def test_other_workers_than_those_that_wrote_it_look_at_all_its_parts(run, tmp_path):
    three = checkpoint(tmp_path / "three", 30, workers=3)
    assert [resumed(run, Here([three], rank=rank, workers=2)) for rank in (0, 1)] == [30, 30]
    (three / "files.2.json").write_text("cut")
    assert [resumed(run, Here([three], rank=rank, workers=2)) for rank in (0, 1)] == [0, 30]
    one = checkpoint(tmp_path / "one", 10)
    assert resumed(run, Here([one], rank=1, workers=2)) == 10


def test_a_checkpoint_is_used_by_all_workers_or_by_none(run, tmp_path, capsys):
    old, new = (checkpoint(tmp_path / str(step), step) for step in (10, 20))
    assert resumed(run, Here([new, old], others=lambda folder: folder == old)) == 10
    assert "a part of another worker" in capsys.readouterr().out
