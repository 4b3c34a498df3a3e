"""Pictures in bulk from a model that ships: the same bytes from any machines, resumed, checked, refused when torn."""

import hashlib
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from commands import call
from recipes import PAINTER, write_params

import demo
from demo.engine import Model
from pipeline import sample as module
from pipeline.errors import ExportError, ShardError
from pipeline.gathering import sampling_feeds
from pipeline.pictures import to_uint8
from pipeline.sample import sample
from pipeline.shards import Shard
from pipeline.workspace import Workspace

STARTER = Path(demo.__file__).parent / "starter"
COUNT = 37


@pytest.fixture
def shipped(workplace):
    """A workspace with the model of a starter."""
    workspace = Workspace("atelier")
    workspace.model.parent.mkdir(parents=True)
    shutil.copyfile(STARTER / "atelier" / "model.onnx", workspace.model)
    return workspace


@pytest.fixture
def workspace(shipped, monkeypatch):
    """The same, with parts of 8 pictures in batches of 4."""
    monkeypatch.setattr(module, "BATCH", 4)
    monkeypatch.setattr(module, "PART", 8)
    return shipped


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_every_picture_is_that_of_its_seed_and_class(workspace, workplace):
    sample(workspace, workplace / "out", COUNT)
    manifest = json.loads((workplace / "out" / "manifest.json").read_text())
    assert manifest["model"] == hashlib.sha256(workspace.model.read_bytes()).hexdigest()
    assert (manifest["pictures"], len(manifest["parts"]), manifest["parts"][-1]["pictures"]) == (COUNT, 5, 5)
    pictures = np.concatenate([np.load(workplace / "out" / part["file"]) for part in manifest["parts"]])
    assert (pictures.shape, pictures.dtype) == ((COUNT, 3, 64, 64), np.uint8)
    model = Model.open(workspace.model)
    index = 36
    feeds = sampling_feeds(model.card, [index], np.array([index % len(manifest["classes"])]))
    alone = to_uint8(model.run(feeds))[0]
    assert np.abs(alone.astype(int) - pictures[index]).max() <= 1
    assert len({picture.tobytes() for picture in pictures}) == COUNT


@pytest.mark.parametrize("count", [2, 3, 9])
def test_shards_come_to_the_bytes_of_one_go(workspace, workplace, count):
    sample(workspace, workplace / "whole", COUNT)
    for shard in reversed(Shard.all_of(count)):
        sample(workspace, workplace / "shared", COUNT, shard=shard)
    assert not (workplace / "shared" / "manifest.json").exists()
    sample(workspace, workplace / "shared", COUNT, merge=True)
    assert contents(workplace / "shared") == contents(workplace / "whole")


def test_a_share_without_parts_says_that_there_are_more_shares_than_parts(workspace, workplace, capsys):
    sample(workspace, workplace / "out", COUNT, shard=Shard(1, 30))
    told = capsys.readouterr().err
    assert told.endswith("out: shard 1/30 has nothing to draw, there are more shares than parts (5)\n")
    assert not (workplace / "out").exists()


def test_what_is_there_is_not_drawn_again_and_what_a_kill_left_is(workspace, workplace, monkeypatch):
    out = workplace / "out"
    sample(workspace, out, COUNT)
    before = contents(out)
    (out / "part-000002.json").unlink()  # as if it had ended between the pictures and their sheet
    (out / "manifest.json").unlink()
    drawn = []
    draw = module._draw
    monkeypatch.setattr(module, "_draw", lambda model, part: drawn.append(part.first) or draw(model, part))
    sample(workspace, out, COUNT)
    assert drawn == [16]
    assert contents(out) == before
    sample(workspace, out, 50)
    assert drawn == [16, 32, 40, 48], "the last part was a shorter one"


def test_a_missing_part_at_the_merge(workspace, workplace):
    out = workplace / "out"
    sample(workspace, out, COUNT, shard=Shard(1, 2))
    with pytest.raises(ShardError, match=r"out/part-000002.npy: part 3 of 5 is missing.* without --merge, or bring it"):
        sample(workspace, out, COUNT, merge=True)
    assert not (out / "manifest.json").exists()


@pytest.mark.parametrize("how", ["cut", "longer", "changed", "gone", "other"])
def test_a_torn_part_at_the_merge(workspace, workplace, how):
    out = workplace / "out"
    sample(workspace, out, COUNT)
    (out / "manifest.json").unlink()
    path = out / "part-000001.npy"
    content = path.read_bytes()
    path.unlink()
    if how != "gone":
        changed = content[:-9] + bytes([content[-9] ^ 1]) + content[-8:]
        path.write_bytes({"cut": content[:-1], "longer": content + b"x", "changed": changed, "other": b"text"}[how])
    with pytest.raises(ShardError, match=r"part-000001.npy: part 2 of 5 is damaged; remove it and part-000001.json"):
        sample(workspace, out, COUNT, merge=True)
    assert not (out / "manifest.json").exists()


def test_parts_of_another_model(workspace, workplace):
    out = workplace / "out"
    sample(workspace, out, COUNT)
    sheet = json.loads((out / "part-000000.json").read_text())
    (out / "part-000000.json").write_text(json.dumps(sheet | {"model": "0" * 64}))
    with pytest.raises(ShardError, match=r"part 1 of 5 is missing, or another model or device drew it"):
        sample(workspace, out, COUNT, merge=True)
    sample(workspace, out, COUNT, shard=Shard.parse("1/5"))
    assert not (out / "manifest.json").exists(), "it would tell of a part that is another now"


def test_a_model_that_draws_from_no_seeds(workplace):
    workspace = Workspace("salon")
    shutil.copytree(STARTER / "salon", workspace.model.parent)
    with pytest.raises(ExportError, match="the model 'salon' does not draw from seeds"):
        sample(workspace, workplace / "out", 4)
    assert not (workplace / "out").exists()


def test_a_file_in_the_place_of_the_folder_is_one_sentence(shipped, workplace, capfd):
    write_params(workplace / "params.yaml", atelier=PAINTER)
    Path("out").write_text("mine")
    answer = call(capfd, "sample", "atelier", "out", "--count", "3")
    assert (answer.returncode, answer.stdout) == (1, "")
    assert answer.stderr == "cannot write out: Not a directory; name another folder\n"
    assert Path("out").read_text() == "mine"


def test_the_command(shipped, workplace, capfd):
    write_params(workplace / "params.yaml", atelier=PAINTER)

    def run(*options):
        return call(capfd, "sample", "atelier", *options)

    assert run("whole", "--count", "70").returncode == 0
    assert np.load(workplace / "whole" / "part-000000.npy").shape == (70, 3, 64, 64)
    refused = run("nothing", "--count", "70", "--merge")
    assert refused.returncode == 1
    assert refused.stderr == (
        "nothing/part-000000.npy: part 1 of 1 is missing, or another model or device drew it; draw it with the same "
        "command without --merge, or bring it here\n"
    )
    shipped.model.unlink()
    refused = run("nothing", "--count", "70", "--shard", "1/2")
    assert refused.returncode == 1
    assert refused.stderr == "models/atelier/model.onnx does not exist; make it with `make repro`\n"
