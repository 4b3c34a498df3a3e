"""The stage as a whole: what it writes, what it refuses, and what a kill leaves behind."""

import errno
import hashlib
import io
import json
import os
import signal
import struct
import subprocess
import sys
import textwrap

import numpy as np
import PIL.Image
import pytest
from recipes import PAINTER, write_params
from rich.console import Console

from pipeline.data.dataset import Dataset
from pipeline.errors import DataError, StorageError
from pipeline.metrics.neighbours import NEIGHBOURS
from pipeline.prepare import COMPARABLE, prepare
from pipeline.recipe import read_recipe
from pipeline.workspace import Workspace


@pytest.fixture
def run(workplace):
    """Prepare a recipe with this data section in an empty working directory, and return its workspace."""

    def prepared(**data):
        write_params(workplace / "params.yaml", painter=PAINTER | {"data": data})
        workspace = Workspace("painter")
        prepare(read_recipe(workplace / "params.yaml", "painter"), workspace)
        return workspace

    return prepared


def put(path, level, size=(8, 8)):
    path.parent.mkdir(parents=True, exist_ok=True)
    PIL.Image.new("L", size, level).save(path)


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_writes_what_the_dataset_opens(run, capsys):
    workspace = run(name="procedural", size=16, count=50, families=["waves", "mondrian"], validation=0.2)
    dataset = Dataset.open(workspace.prepared)
    assert dataset.image.classes == ("mondrian", "waves")
    assert dataset.images.shape == (50, 3, 16, 16)
    assert np.bincount(dataset.labels).tolist() == [25, 25]
    assert np.bincount(dataset.labels[dataset.validation]).tolist() == [5, 5]
    assert sorted([*dataset.training, *dataset.validation]) == list(range(50))
    pixels = dataset.images / 255
    assert dataset.manifest["mean"] == pytest.approx(pixels.mean((0, 2, 3)).tolist(), abs=1e-6)
    assert dataset.manifest["std"] == pytest.approx(pixels.std((0, 2, 3)).tolist(), abs=1e-6)
    split = np.load(workspace.prepared / "split.npy")
    packed = dataset.images.tobytes() + dataset.labels.tobytes() + split.tobytes()
    assert dataset.digest == hashlib.md5(packed, usedforsecurity=False).hexdigest()
    with PIL.Image.open(workspace.prepared / "preview.png") as preview:
        assert preview.mode == "RGB"
        assert preview.width > 8 * 64
    assert capsys.readouterr().err.endswith(
        "data/painter: 50 pictures of 16 px in 2 classes, 40 for training and 10 for validation; "
        "left out 0 unreadable and 0 duplicates.\n",
    )


@pytest.mark.parametrize(
    ("count", "share", "few"), [(12, 0.2, False), (11, 0.2, True), (40, 0.0, True), (40, 0.02, True)]
)
def test_too_few_pictures_to_be_compared_with_are_told_before_the_training(run, capsys, count, share, few):
    assert COMPARABLE == 2 * (NEIGHBOURS + 1)
    run(name="procedural", size=8, count=count, families=["waves"], validation=share)
    told = capsys.readouterr().err
    assert ("`evaluate` asks of most models at least 12, 2 or more held back; add some, or raise" in told) == few


def test_same_bytes_every_time(run):
    section = {"name": "procedural", "size": 16, "count": 20}
    first = contents(run(**section).prepared)
    assert contents(run(**section).prepared) == first
    assert contents(run(**section, seed=1).prepared)["manifest.json"] != first["manifest.json"]


def test_manifest_names_no_place_of_this_machine(run, workplace):
    put(workplace / "mine" / "a" / "1.png", 0)
    put(workplace / "mine" / "a" / "2.png", 1)
    (workplace / "mine" / "a" / "3.png").write_bytes(b"")
    workspace = run(name="folder", path=str(workplace / "mine"), max_bad=0.5)
    assert str(workplace) not in (workspace.prepared / "manifest.json").read_text()


def test_leaves_out_and_reports_bad_pictures_and_duplicates(run, workplace, capsys):
    for number in range(10):
        put(workplace / "mine" / "a" / f"{number}.png", 10 * number)
    put(workplace / "mine" / "b" / "same.png", 20, size=(16, 16))
    (workplace / "mine" / "b" / "broken.png").write_bytes(b"broken")
    dataset = Dataset.open(run(name="folder", path="mine", size=8, channels=1, max_bad=0.1).prepared)
    assert dataset.image.classes == ("a",)
    assert len(dataset.images) == 10
    assert dataset.manifest["duplicates"] == {"total": 1, "first": ["b/same.png"]}
    assert dataset.manifest["unreadable"]["total"] == 1
    assert dataset.manifest["unreadable"]["first"][0].startswith("b/broken.png: broken.png is not a readable")
    assert "left out 1 unreadable and 1 duplicates" in capsys.readouterr().err


def test_too_many_bad_pictures(run, workplace):
    put(workplace / "mine" / "1.png", 0)
    put(workplace / "mine" / "2.png", 1)
    (workplace / "mine" / "0.png").write_bytes(b"")
    with pytest.raises(
        DataError, match=r"1 of 3 pictures are unreadable, more than the share max_bad = 0.05 \(the first: 0.png"
    ):
        run(name="folder", path="mine")
    assert not (workplace / "data" / "painter").exists()


def test_fewer_than_two_pictures(run, workplace):
    put(workplace / "mine" / "1.png", 7)
    put(workplace / "mine" / "2.png", 7)
    with pytest.raises(DataError, match=r"1 of 2 pictures remain \(0 unreadable, 1 duplicates\), and training needs"):
        run(name="folder", path="mine")


def test_empty_folder(run, workplace):
    (workplace / "mine").mkdir()
    with pytest.raises(DataError, match="mine: holds no pictures"):
        run(name="folder", path="mine")
    assert list((workplace / "data").iterdir()) == []


def test_one_class_only(run, workplace):
    for number in range(5):
        put(workplace / "mine" / f"{number}.png", number)
    dataset = Dataset.open(run(name="folder", path="mine").prepared)
    assert dataset.image.classes == ("mine",)
    assert set(dataset.labels.tolist()) == {0}


def test_preview_of_more_classes_than_it_shows(run, workplace):
    for number in range(40):
        put(workplace / "mine" / f"class {number}" / "1.png", number)
    workspace = run(name="folder", path="mine", size=8)
    with PIL.Image.open(workspace.prepared / "preview.png") as preview:
        assert preview.height < 1300


def test_output_below_a_file(run, workplace):
    (workplace / "data").write_bytes(b"")
    with pytest.raises(StorageError, match=r"cannot write data/painter: "):
        run(name="procedural", size=8, count=4)


def test_full_disk_leaves_the_old_folder(run, monkeypatch):
    before = contents(run(name="procedural", size=8, count=4).prepared)

    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("pipeline.prepare.np.save", full)
    with pytest.raises(StorageError, match="cannot write data/painter: the disk is full; free some space"):
        run(name="procedural", size=8, count=5)
    workspace = Workspace("painter")
    assert contents(workspace.prepared) == before
    assert [path.name for path in workspace.prepared.parent.iterdir()] == ["painter"]


def test_file_larger_than_allowed(run, workplace):
    write_params(workplace / "params.yaml", painter=PAINTER | {"data": {"name": "procedural", "size": 64, "count": 40}})
    script = """
        import resource
        from pathlib import Path
        from pipeline.errors import StorageError
        from pipeline.prepare import prepare
        from pipeline.recipe import read_recipe
        from pipeline.workspace import Workspace
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
        try:
            prepare(read_recipe(Path("params.yaml"), "painter"), Workspace("painter"))
        except StorageError as error:
            print(error)
    """
    result = subprocess.run([sys.executable, "-c", textwrap.dedent(script)], capture_output=True, text=True, check=True)
    assert result.stdout == "cannot write data/painter: File too large\n"
    assert list((workplace / "data").iterdir()) == []


def test_kill_leaves_the_old_folder(run, workplace):
    before = contents(run(name="procedural", size=8, count=4).prepared)
    write_params(workplace / "params.yaml", painter=PAINTER | {"data": {"name": "procedural", "size": 8, "count": 300}})
    script = """
        if __name__ == "__main__":
            import os, signal
            from pathlib import Path
            from pipeline import prepare as stage
            from pipeline.data.decoding import decode
            from pipeline.recipe import read_recipe
            from pipeline.workspace import Workspace

            def decode_until_killed(source):
                for count, picture in enumerate(decode(source)):
                    if count == 100:
                        os.kill(os.getpid(), signal.SIGKILL)
                    yield picture

            os.cpu_count = lambda: 2
            stage.decode = decode_until_killed
            stage.prepare(read_recipe(Path("params.yaml"), "painter"), Workspace("painter"))
    """
    (workplace / "killed.py").write_text(textwrap.dedent(script))
    # The pipes close when the last decoding process has ended, so this would wait for ever for one that stays behind.
    result = subprocess.run([sys.executable, "killed.py"], capture_output=True, check=False, timeout=60)
    assert result.returncode == -signal.SIGKILL
    workspace = Workspace("painter")
    assert contents(workspace.prepared) == before
    assert len(Dataset.open(workspace.prepared).images) == 4
    run(name="procedural", size=8, count=6)
    assert len(Dataset.open(workspace.prepared).images) == 6


def test_memory_stays_bounded(run, workplace):
    """Pack 150 MB of pictures and grow by less than a third of that."""
    count, side = 3000, 128
    random = np.random.default_rng(0)
    for kind, dimensions, content in (
        ("images-idx3", (count, side, side), random.bytes(count * side * side)),
        ("labels-idx1", (count,), bytes(count)),
    ):
        head = bytes([0, 0, 8, len(dimensions)]) + struct.pack(f">{len(dimensions)}I", *dimensions)
        (workplace / f"train-{kind}-ubyte").write_bytes(head + content)
    small = PAINTER | {"data": {"name": "procedural", "size": 8, "count": 4}}
    large = PAINTER | {"data": {"name": "idx", "path": ".", "size": side}}
    write_params(workplace / "params.yaml", small=small, large=large)
    script = """
        if __name__ == "__main__":
            import resource
            from pathlib import Path
            from pipeline.prepare import prepare
            from pipeline.recipe import read_recipe
            from pipeline.workspace import Workspace

            def peak():
                return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

            prepare(read_recipe(Path("params.yaml"), "small"), Workspace("small"))
            before = peak()
            prepare(read_recipe(Path("params.yaml"), "large"), Workspace("large"))
            print(peak() - before)
    """
    (workplace / "measure.py").write_text(textwrap.dedent(script))
    result = subprocess.run([sys.executable, "measure.py"], capture_output=True, text=True, check=True)
    dataset = Dataset.open(workplace / "data" / "large")
    assert dataset.images.nbytes == count * 3 * side * side
    unit = 1 if sys.platform == "darwin" else 1024
    assert int(result.stdout) * unit < dataset.images.nbytes / 3
    # The first picture is the one that was put in.
    raw = (workplace / "train-images-idx3-ubyte").read_bytes()[16 : 16 + side * side]
    assert dataset.images[0, 1].tobytes() == raw


def test_progress_on_a_terminal_shows_the_time_left(run, monkeypatch):
    screen = io.StringIO()
    monkeypatch.setattr("pipeline.progress.console", Console(file=screen, force_terminal=True, width=120))
    run(name="procedural", size=8, count=20)
    assert "painter: preparing pictures" in screen.getvalue()
    assert "20/20" in screen.getvalue()


def test_manifest_is_readable_text(run, workplace):
    for number in range(3):
        put(workplace / "画" / "山水" / f"{number}.png", number)
    text = (run(name="folder", path="画").prepared / "manifest.json").read_text(encoding="utf-8")
    assert '"山水"' in text
    assert json.loads(text)["counts"]["by_class"] == {"山水": 3}
