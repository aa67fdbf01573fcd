"""What is done is skipped, what is a user's is never removed, what was damaged is never used."""

import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from clir import manifest
from clir.errors import InputError
from clir.output_folder import PRIVATE
from clir.workspace import Workspace


def write(text="x"):
    def files(out):
        (out / "data").mkdir()
        (out / "data" / "rows.txt").write_text(text)
        (out / "data" / ".rows.txt.crc").write_bytes(b"\0")  # Spark leaves such beside its own
        (out / "data" / "_SUCCESS").write_bytes(b"")
        return {"rows": 1, "dropped: empty": 2}

    return files


@pytest.fixture
def output(tmp_path):
    return tmp_path / "out"


def build(folder, *inputs, settings=None, text="x", hashes=True):
    """A stage in the output folder that it is in, or that its folder is in."""
    outputs = [place for place in folder.parents if place.name == "out"]
    workspace = Workspace(outputs[0], hashes)
    return manifest.build(workspace, folder, inputs, settings or {"a": 1}, write(text))


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "source"
    path.write_text("input")
    return path


def must_not_start(out):
    raise AssertionError("work began")


def refused(work, *parts):
    """What is said, in a line, when ``work`` is refused."""
    with pytest.raises(InputError) as error:
        work()
    message = str(error.value)
    assert "\n" not in message and all(str(part) in message for part in parts), message
    return message


def test_done_once_for_the_same_inputs_and_settings(output, source):
    folder = output / "stage"
    assert build(folder, source) and not build(folder, source)
    made = manifest.read(folder)
    assert set(made) == {"inputs", "settings", "version", "counts", "seconds", "files"}
    assert made["counts"] == {"rows": 1, "dropped: empty": 2}
    assert made["files"]["data/rows.txt"] == {
        "bytes": 1,
        "sha256": "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881",
    }
    assert sorted(made["files"]) == ["data/.rows.txt.crc", "data/_SUCCESS", "data/rows.txt"]
    assert build(folder, source, settings={"a": 2})
    source.write_text("changed")
    assert build(folder, source, settings={"a": 2}, text="new")
    assert (folder / "data" / "rows.txt").read_text() == "new"


def test_a_stage_downstream_follows_a_change_upstream(output, source):
    first, second = output / "first", output / "more" / "second"
    build(first, source)
    assert build(second, first) and not build(second, first)
    source.write_text("changed")
    build(first, source)
    assert build(second, first)


def test_a_stage_that_fails_leaves_nothing_that_is_read(output, source):
    folder, writers = output / "stage", []

    def dies(out):
        (out / "half").write_text("h")
        writers.append(out)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        manifest.build(Workspace(output), folder, [source], {}, dies)
    assert not folder.exists() and not list(output.rglob("half"))
    refused(lambda: manifest.read(folder), folder, "run the job that makes it first")

    def twice(out):  # by what is left of its workers too
        for place in (*writers, out):
            (place / "data").mkdir(parents=True)
            (place / "data" / f"part-{place is out}").write_text("rows")
        return {"rows": 1}

    assert manifest.build(Workspace(output), folder, [source], {}, twice)
    assert [path.name for path in (folder / "data").iterdir()] == ["part-True"]
    writers[0].mkdir(parents=True)  # later still
    assert build(folder, source)  # and what they left is taken away next time
    assert not list((output / PRIVATE / "work").iterdir())


def test_a_missing_input(output):
    with pytest.raises(InputError, match="no such file or folder"):
        build(output / "stage", output / "none")


# A user's folder or file in the place of a stage, as they are met.
USERS = {
    "a file": lambda place: place.write_text("mine"),
    "a folder of files": lambda place: (place / "mine.txt", place.mkdir())[0].write_text("mine"),
    "folders": lambda place: (place / "deep" / "deeper").mkdir(parents=True),
    "hidden files": lambda place: (place / ".mine", place.mkdir())[0].write_text("mine"),
    "a manifest of other kind": lambda place: (place / manifest.NAME, place.mkdir())[0].write_text(
        '{"name": "my extension", "version": "1.0", "files": {}}'
    ),
    "a list for a manifest": lambda place: (place / manifest.NAME, place.mkdir())[0].write_text(
        '["mine"]'
    ),
}


def contents(folder: Path) -> dict[str, bytes | None]:
    """All that lies below a folder, but for what is private to us."""
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
        for path in sorted(folder.rglob("*"))
        if PRIVATE not in path.parts
    }


@pytest.mark.parametrize("name", ["stage", "more/stage"])
@pytest.mark.parametrize("users", USERS)
def test_what_a_user_put_in_a_stage_s_place_stays(output, source, users, name):
    Workspace(output).open()
    place = output / name
    place.parent.mkdir(exist_ok=True)
    USERS[users](place)
    before = contents(output)

    for work in (
        lambda: manifest.build(Workspace(output), place, [source], {}, must_not_start),
        lambda: manifest.publish(Workspace(output), place, {}, must_not_start),
        lambda: manifest.replace(Workspace(output), place, must_not_start),
        lambda: manifest.remove(Workspace(output), place),
        lambda: manifest.read(place),
    ):
        assert "run again" in refused(work, place)
        assert contents(output) == before


@pytest.mark.parametrize("name", ["notes.txt", "data/notes.txt", "data/_notes", ".notes", "new/n"])
def test_a_user_s_file_among_ours_keeps_the_folder(output, source, name):
    folder = output / "stage"
    build(folder, source)
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_text("mine")
    before = contents(output)
    for settings in ({"a": 1}, {"a": 2}):  # up to date, and to be replaced
        refused(lambda s=settings: build(folder, source, settings=s), folder, name, "move it away")
    refused(lambda: manifest.remove(Workspace(output), folder), folder, name)
    assert contents(output) == before


def test_a_file_that_comes_while_we_work_keeps_the_folder(output, source):
    folder = output / "stage"
    build(folder, source)

    def busy(out):
        (folder / "notes.txt").write_text("mine")
        return {}

    refused(
        lambda: manifest.build(Workspace(output), folder, [source], {"a": 2}, busy), "notes.txt"
    )
    assert (folder / "notes.txt").exists() and (folder / "data" / "rows.txt").exists()


def test_links_are_not_followed(output, source, tmp_path):
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    (theirs / "mine.txt").write_text("mine")
    folder = output / "stage"
    build(folder, source)
    (folder / "link").symlink_to(theirs)  # among our files: a folder behind it, not listed
    refused(lambda: build(folder, source, settings={"a": 2}), folder, "link")
    (folder / "link").unlink()
    (output / "more").symlink_to(theirs)  # above a stage
    refused(lambda: build(output / "more" / "stage", source), output / "more", "a link")
    elsewhere = tmp_path / "elsewhere" / "out" / "stage"
    build(elsewhere, source)
    (output / "other").symlink_to(elsewhere)  # a stage of another output folder: read, not replaced
    assert not build(output / "other", source)
    refused(lambda: build(output / "other", source, settings={"a": 2}), output / "other", "a link")
    assert manifest.read(elsewhere)
    (output / "gone").symlink_to(tmp_path / "nothing")
    refused(lambda: build(output / "gone", source), output / "gone")
    assert (theirs / "mine.txt").read_text() == "mine"
    assert [path.name for path in theirs.iterdir()] == ["mine.txt"]


def test_a_private_place_that_is_a_link_is_none_of_ours(output, tmp_path):
    theirs = tmp_path / "theirs"
    (theirs / "work" / "stage" / "mine").mkdir(parents=True)
    output.mkdir()
    (output / PRIVATE).symlink_to(theirs)
    refused(lambda: build(output / "stage"), PRIVATE)
    (output / PRIVATE).unlink()
    (output / PRIVATE).mkdir()
    (output / PRIVATE / "work").symlink_to(theirs / "work")
    refused(lambda: build(output / "stage"), PRIVATE)
    assert (theirs / "work" / "stage" / "mine").exists()


DAMAGES = {
    "missing": (lambda file: file.unlink(), "is missing"),
    "cut": (lambda file: file.write_text(""), "has 0 bytes, written were 1"),
    "longer": (lambda file: file.write_text("xx"), "has 2 bytes, written were 1"),
    "another byte": (lambda file: file.write_text("y"), "was changed since it was written"),
}


def forget():
    """As another process would find it."""
    manifest.verified.clear()


@pytest.mark.parametrize("damage", DAMAGES)
def test_nothing_is_computed_from_a_damaged_stage(output, source, damage):
    first, second = output / "first", output / "second"
    build(first, source)
    build(second, first)
    forget()
    change, said = DAMAGES[damage]
    change(first / "data" / "rows.txt")

    workspace = Workspace(output)
    message = refused(
        lambda: manifest.build(workspace, second, [first], {"a": 2}, must_not_start),
        first, "data/rows.txt", said,
    )  # fmt: skip
    assert message.endswith("delete the folder and run again")
    refused(lambda: manifest.verify(workspace, first), "data/rows.txt", said)
    if damage != "another byte":  # that is told by reading all bytes alone
        refused(lambda: manifest.read(first), said)
        refused(lambda: build(first, source), said)
    else:
        sizes = Workspace(output, hashes=False)
        assert manifest.build(sizes, second, [first], {"a": 3}, write())


def test_a_damaged_byte_is_told_by_the_process_that_wrote_the_file_too(output, source):
    build(output / "first", source)
    (output / "first" / "data" / "rows.txt").write_text("y")
    refused(lambda: build(output / "second", output / "first"), "was changed")


def test_a_table_is_hashed_once_in_a_process(output, source, monkeypatch):
    hashed, digest = [], manifest.sha256_of
    monkeypatch.setattr(manifest, "sha256_of", lambda path: hashed.append(path) or digest(path))
    first = output / "first"
    build(first, source)
    for number in range(3):
        build(output / f"stage{number}", first)
    assert sum(path.name == "rows.txt" and "first" in path.parts for path in hashed) == 1
    forget()
    hashed.clear()
    for number in range(3):
        build(output / f"stage{number}", first, settings={"a": 2})
    assert sum(path == first / "data" / "rows.txt" for path in hashed) == 1


def test_without_hashes_no_byte_is_read(output, monkeypatch):
    monkeypatch.setattr(manifest, "sha256_of", lambda path: pytest.fail("read"))
    assert build(output / "first", hashes=False)
    assert build(output / "second", output / "first", hashes=False)
    monkeypatch.undo()
    assert build(output / "third", output / "first")  # sizes are all that is known of it


@pytest.mark.parametrize(
    "content",
    [
        "", "{", "null", "[]", "3", '"text"', "{}", '{"inputs": {}}', "\0", "[" * 100_000,
        '{"inputs": [], "settings": {}, "version": "1", "counts": {}, "files": {}}',
        '{"inputs": {}, "settings": {}, "version": "1", "counts": {}, "files": {"a": 1}}',
    ],
)  # fmt: skip
def test_a_manifest_of_another_shape_means_not_done(output, source, content):
    folder = output / "more" / "stage"
    build(folder, source)
    (folder / manifest.NAME).write_text(content)
    before = contents(output)
    for work in (
        lambda: manifest.read(folder),
        lambda: build(folder, source),
        lambda: build(output / "second", folder),
        lambda: manifest.verify(Workspace(output), folder),
    ):
        refused(work, folder, "not done")
    assert contents(output) == before


def test_an_input_of_the_user_s_may_have_a_manifest_of_other_kind(output, tmp_path):
    texts = tmp_path / "texts"
    texts.mkdir()
    (texts / "manifest.json").write_text('{"name": "a data set"}')
    (texts / "a.txt").write_text("a")
    assert build(output / "stage", texts) and not build(output / "stage", texts)
    (texts / "a.txt").write_text("b")
    assert build(output / "stage", texts)


def test_a_result_without_a_manifest_is_replaced_while_it_is_as_we_wrote_it(output):
    workspace = Workspace(output)
    page, table = output / "report.html", output / "titles.rejected"

    def folder(place):
        place.mkdir()
        (place / "rows").write_text("rows")

    for text in ("one", "two"):
        manifest.replace(workspace, page, lambda place, text=text: place.write_text(text))
        manifest.replace(workspace, table, folder)
        assert page.read_text() == text and (table / "rows").read_text() == "rows"
    page.write_text("mine")
    (table / "notes").write_text("mine")
    for place in (page, table):
        refused(lambda p=place: manifest.replace(workspace, p, folder), place, "move it away")
        refused(lambda p=place: manifest.remove(workspace, p), place)
    assert page.read_text() == "mine" and (table / "notes").read_text() == "mine"
    (table / "notes").unlink()
    (table / "link").symlink_to("nowhere")
    refused(lambda: manifest.remove(workspace, table), table)
    (table / "link").unlink()
    manifest.remove(workspace, table)
    assert not table.exists()


@pytest.mark.parametrize("held", ["collections/a.jsonl", "manifest.json", ".hidden", "x"])
def test_an_output_folder_that_is_not_ours_is_refused(tmp_path, held):
    output = tmp_path / "out"
    (output / held).parent.mkdir(parents=True)
    (output / held).write_text("mine")
    refused(lambda: build(output / "collections"), output, held.split("/")[0])
    assert (output / held).read_text() == "mine" and not (output / PRIVATE).exists()


def test_an_output_folder_that_is_no_folder(tmp_path):
    (tmp_path / "out").write_text("mine")
    refused(lambda: build(tmp_path / "out" / "stage"), tmp_path / "out")
    (tmp_path / "file").write_text("mine")
    refused(lambda: build(tmp_path / "file" / "out" / "stage"), "file")
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "out").symlink_to("nowhere")
    refused(lambda: build(tmp_path / "more" / "out" / "stage"), "a link to nothing")


def test_an_empty_output_folder_becomes_ours(tmp_path):
    (tmp_path / "out").mkdir()
    assert build(tmp_path / "out" / "stage")
    assert "keep nothing" in (tmp_path / "out" / PRIVATE / "README.txt").read_text()


WORKING = """
import os, signal, sys, time
from pathlib import Path
from clir import manifest
from clir.workspace import Workspace

output, how = Path(sys.argv[1]), sys.argv[2]

def write(out):
    (out / "half").write_text("h")
    print("working", flush=True)
    if how == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(600)

manifest.build(Workspace(output), output / "pairs" / "ml-cs", [], {}, write)
"""


def working(output: Path, how: str) -> subprocess.Popen:
    process = subprocess.Popen(
        [sys.executable, "-c", WORKING, str(output), how], stdout=subprocess.PIPE
    )
    assert process.stdout.readline() == b"working\n"
    return process


LOOKALIKES = ["ml-cs.partial.0123abcd", "ml-cs.0123456789ab", "_ml-cs", "ml-cs.partial", "_x.1"]


def test_a_killed_start_leaves_nothing_behind_for_long(output):
    Workspace(output).open()
    for name in LOOKALIKES:  # a user's, called as our half-written work once was
        (output / "pairs" / name).mkdir(parents=True)
        (output / "pairs" / name / "mine").write_text("mine")
    assert working(output, "killed").wait() == -signal.SIGKILL
    assert len(list(output.rglob("half"))) == 1
    assert build(output / "pairs" / "ml-cs")
    assert not list(output.rglob("half"))
    assert all((output / "pairs" / name / "mine").exists() for name in LOOKALIKES)


def test_what_was_left_of_another_stage_is_cleared_too(output):
    working(output, "killed").wait()
    Workspace(output).clear()
    assert not list(output.rglob("half"))


def test_a_second_start_leaves_the_work_of_the_first_alone(output):
    first = working(output, "slow")
    try:
        build(output / "titles")
        Workspace(output).clear()
        message = refused(lambda: build(output / "pairs" / "ml-cs"), output / "pairs" / "ml-cs")
        assert f"process {first.pid} on " in message and "is making it now" in message
        assert len(list(output.rglob("half"))) == 1
    finally:
        os.kill(first.pid, signal.SIGKILL)
        first.wait()
    assert build(output / "pairs" / "ml-cs")
    assert not list(output.rglob("half"))


def test_the_manifest_is_on_the_disk_before_the_folder_has_its_name(output, monkeypatch):
    events, sync, rename = [], os.fsync, Path.rename

    def synced(descriptor):
        events.append(f"sync {Path(f'/proc/self/fd/{descriptor}').readlink()}")
        sync(descriptor)

    def renamed(path, target):
        events.append(f"rename {target}")
        return rename(path, target)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(Path, "rename", renamed)
    build(output / "stage")
    named = events.index(f"rename {output / 'stage'}")
    before = "\n".join(events[:named])
    assert re.search(r"sync .*/_manifest\.json\nrename .*/manifest\.json\nsync .*/stage$", before)
    assert events[named + 1] == f"sync {output}"


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_part_of_a_checkpoint_is_checked_where_parts_are_joined(tmp_path, damage):
    whole = tmp_path / "whole"
    for rank in range(2):
        part = tmp_path / f"part{rank}"
        (part / "state").mkdir(parents=True)
        (part / "run.json").write_text("the same")
        (part / "state" / f"rank{rank}.pt").write_text("x")
        manifest.list_files(part, f"files.{rank}.json")
        shutil.copytree(part, whole, dirs_exist_ok=True)
    (whole / ".metadata.json").write_text("Ray's own")
    for rank in range(2):
        manifest.check_files(whole, f"files.{rank}.json")
    DAMAGES[damage][0](whole / "state" / "rank1.pt")
    manifest.check_files(whole, "files.0.json")
    with pytest.raises(ValueError, match=r"state/rank1\.pt (is missing|is of|was changed)"):
        manifest.check_files(whole, "files.1.json")
    manifest.check_files(whole, "files.2.json")  # was written without a list
