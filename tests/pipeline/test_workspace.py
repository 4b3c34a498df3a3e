import errno
from pathlib import Path

import pytest

from pipeline.errors import StorageError
from pipeline.workspace import Workspace, writing


def test_a_file_appears_whole(tmp_path: Path) -> None:
    target = tmp_path / "deep" / "file.txt"
    with writing(target) as scratch:
        scratch.write_text("new")
        assert not target.exists()
    assert target.read_text() == "new"
    assert list(target.parent.iterdir()) == [target]


@pytest.mark.parametrize("failure", [ValueError("no"), OSError(errno.ENOSPC, "full"), KeyboardInterrupt()])
def test_a_failure_leaves_what_was_there(tmp_path: Path, failure: BaseException) -> None:
    target = tmp_path / "file.txt"
    target.write_text("old")
    expected = StorageError if isinstance(failure, OSError) else type(failure)

    def write() -> None:
        with writing(target) as scratch:
            scratch.write_text("half")
            raise failure

    with pytest.raises(expected):
        write()
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_a_folder_takes_a_folders_place(tmp_path: Path) -> None:
    target = tmp_path / "folder"
    for name in ("one", "two"):
        with writing(target) as scratch:
            scratch.mkdir()
            (scratch / name).touch()
    assert [path.name for path in target.iterdir()] == ["two"]
    assert list(tmp_path.iterdir()) == [target]


def test_a_folder_that_cannot_be_replaced_stays(tmp_path: Path) -> None:
    target = tmp_path / "folder"
    target.mkdir()
    (target / "old").touch()
    with pytest.raises(StorageError), writing(target):
        pass  # nothing was written, so nothing can take the folder's place
    assert [path.name for path in target.iterdir()] == ["old"]


def test_what_a_killed_writer_left_is_cleared(tmp_path: Path) -> None:
    target = tmp_path / "file.txt"
    left = tmp_path / ".file.txt.writing"
    left.mkdir()
    (left / "file.txt").write_text("half")
    with writing(target) as scratch:
        assert not scratch.exists()
        scratch.write_text("new")
    assert list(tmp_path.iterdir()) == [target]


def test_a_full_disk_is_explained(tmp_path: Path) -> None:
    target = tmp_path / "file.txt"
    with pytest.raises(StorageError, match=r"file\.txt: the disk is full; free some space"), writing(target):
        raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs Linux's always full device")
def test_a_really_full_device_is_explained(tmp_path: Path) -> None:
    def write() -> None:
        with writing(tmp_path / "file.txt") as scratch:
            scratch.symlink_to("/dev/full")
            scratch.write_text("x" * 100_000)

    with pytest.raises(StorageError, match="the disk is full"):
        write()


def test_a_path_that_cannot_be_made_is_explained(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match="cannot write"), writing(tmp_path / "file" / "below.txt"):
        pass


def test_the_places_of_a_recipe(tmp_path: Path) -> None:
    workspace = Workspace("painter", tmp_path)
    assert workspace.model == tmp_path / "models" / "painter" / "model.onnx"
    assert workspace.prepared == tmp_path / "data" / "painter"


def test_a_file_does_not_take_the_place_of_a_folder(tmp_path):
    (tmp_path / "reports").mkdir()
    (tmp_path / "reports" / "kept").touch()
    with (
        pytest.raises(StorageError, match="a folder stands there; name another file"),
        writing(tmp_path / "reports") as scratch,
    ):
        scratch.touch()
    assert (tmp_path / "reports" / "kept").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["reports"]
