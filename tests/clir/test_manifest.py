import pytest

from clir import manifest
from clir.errors import InputError


def build(folder, source, settings=None, text="x"):
    def write(out):
        (out / "data.txt").write_text(text)
        return {"rows": 1, "dropped: empty": 2}

    return manifest.build(folder, [source], settings or {"a": 1}, write)


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "source"
    path.write_text("input")
    return path


def test_done_once_for_the_same_inputs_and_settings(tmp_path, source):
    folder = tmp_path / "stage"
    assert build(folder, source) and not build(folder, source)
    assert manifest.read(folder)["counts"] == {"rows": 1, "dropped: empty": 2}
    assert build(folder, source, {"a": 2})
    source.write_text("changed")
    assert build(folder, source, {"a": 2}, text="new")
    assert (folder / "data.txt").read_text() == "new"


def test_a_stage_downstream_follows_a_change_upstream(tmp_path, source):
    first, second = tmp_path / "first", tmp_path / "second"
    build(first, source)
    assert build(second, first) and not build(second, first)
    source.write_text("changed")
    build(first, source)
    assert build(second, first)


def test_a_killed_stage_leaves_nothing_that_is_read(tmp_path, source):
    folder = tmp_path / "stage"

    def dies(out):
        (out / "half").write_text("h")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        manifest.build(folder, [source], {}, dies)
    assert not folder.exists()
    with pytest.raises(InputError, match="run the job that makes it first"):
        manifest.read(folder)
    assert build(folder, source)
    assert not (folder / "half").exists()


def test_what_a_killed_stage_s_workers_still_write_is_not_read(tmp_path, source):
    folder, writers = tmp_path / "stage", []

    def dies(out):
        writers.append(out)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        manifest.build(folder, [source], {}, dies)

    def write(out):
        for place in (*writers, out):
            (place / "data").mkdir(parents=True)
            (place / "data" / f"part-{place is out}").write_text("rows")
        return {"rows": 1}

    assert manifest.build(folder, [source], {}, write)
    assert [path.name for path in (folder / "data").iterdir()] == ["part-True"]
    assert build(folder, source)  # and what they left is taken away next time
    assert sorted(path.name for path in tmp_path.iterdir()) == ["source", "stage"]


def test_a_missing_input(tmp_path):
    with pytest.raises(InputError, match="no such file or folder"):
        build(tmp_path / "stage", tmp_path / "none")
