import os
import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from demo.errors import OutputError
from demo.scratch import Scratch, save_result


def fill(folder, *, age, size, name="picture.png"):
    path = folder / f"{age}" / name
    path.parent.mkdir(exist_ok=True, parents=True)
    path.write_bytes(bytes(size))
    os.utime(path, (time.time() - age,) * 2)
    return path


@pytest.fixture
def scratch(tmp_path):
    fill(tmp_path, age=99_999, size=500, name="of-the-page.jpg")
    return Scratch(tmp_path, quota=1000, spare=0)


def test_the_oldest_leave_first_and_what_the_page_has_stays(scratch):
    old, older, oldest = (fill(scratch.folder, age=age, size=400) for age in (100, 200, 300))
    assert scratch.used() == 1200
    scratch.make_room()
    assert not oldest.parent.exists()
    assert older.exists()
    assert old.exists()
    scratch.make_room(500)
    assert not older.exists()
    assert old.exists()
    scratch.make_room(1000)
    assert not old.exists()
    assert (scratch.folder / "99999" / "of-the-page.jpg").exists()


def test_what_somebody_works_with_stays_and_newcomers_wait(scratch):
    young = fill(scratch.folder, age=5, size=900)
    with pytest.raises(OutputError, match="for temporary files are in use; try again in a minute"):
        scratch.make_room(200)
    assert young.exists()


def test_uploads_at_the_same_time_share_the_room(scratch):
    with scratch.taking(600), pytest.raises(OutputError, match="in use"), scratch.taking(600):
        pass
    with scratch.taking(600):
        pass


def test_what_a_broken_upload_left_goes(scratch):
    whole = fill(scratch.folder, age=1, size=10)
    with scratch.taking(10):
        (scratch.folder / "tmp1").write_bytes(b"half")
        with scratch.taking(10):
            (scratch.folder / "tmp2").write_bytes(b"half")
        assert (scratch.folder / "tmp1").exists()
    assert not list(scratch.folder.glob("tmp*"))
    assert whole.exists()


def test_a_disk_that_is_nearly_full_is_one_sentence(tmp_path):
    free = shutil.disk_usage(tmp_path).free
    scratch = Scratch(tmp_path, quota=1000, spare=free + 2**30)
    with pytest.raises(OutputError, match="the server's disk is nearly full"):
        scratch.make_room()


def test_a_result_that_comes_again_leaves_its_file_alone_and_makes_it_young(tmp_path):
    path = Path(save_result(b"picture", "a.png", tmp_path))
    with path.open("rb") as reading:
        os.utime(path, (0, 0))
        assert save_result(b"picture", "a.png", tmp_path) == str(path)
        assert os.fstat(reading.fileno()).st_ino == path.stat().st_ino
        assert reading.read() == b"picture"
    assert time.time() - path.stat().st_mtime < 60
    assert save_result(b"other", "a.png", tmp_path) != str(path)
    assert len([file for file in tmp_path.rglob("*") if file.is_file()]) == 2


def test_many_may_save_the_same_at_once(tmp_path):
    with ThreadPoolExecutor(8) as pool:
        paths = set(pool.map(lambda _: save_result(bytes(10**6), "a.png", tmp_path), range(32)))
    assert [file.stat().st_size for file in tmp_path.rglob("*.*")] == [10**6]
    assert len(paths) == 1
