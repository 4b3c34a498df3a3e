"""Shares of the preparation: what separate machines make is joined to the bytes of one go, or refused."""

import json
import shutil
from itertools import pairwise

import PIL.Image
import pytest
from commands import call
from hypothesis import given
from hypothesis import strategies as st
from recipes import PAINTER, write_params

from pipeline.errors import DataError, ShardError
from pipeline.prepare import merge, prepare, prepare_shard
from pipeline.recipe import read_recipe
from pipeline.shards import Shard
from pipeline.workspace import Workspace


@given(st.integers(0, 10_000), st.integers(1, 60))
def test_shards_cover_everything_once_in_order_and_evenly(total, count):
    spans = [shard.span(total) for shard in Shard.all_of(count)]
    assert (spans[0].start, spans[-1].stop) == (0, total)
    assert all(one.stop == other.start for one, other in pairwise(spans))
    assert max(map(len, spans)) - min(map(len, spans)) <= 1


@pytest.mark.parametrize("text", ["0/3", "4/3", "1/0", "1", "a/b", "-1/3", "1/3/5", ""])
def test_what_is_no_shard(text):
    with pytest.raises(ShardError, match="no share of a whole; write 2/5 for the second of five"):
        Shard.parse(text)


def test_a_shard_is_written_as_it_is_read():
    assert str(Shard.parse("2/5")) == "2/5"


@pytest.fixture
def recipe(workplace):
    """Pictures with duplicates across shares, unreadable ones and two classes."""
    for number in range(26):
        path = workplace / "mine" / ("a", "b")[number % 2] / f"{number:02}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        PIL.Image.new("RGB", (20, 16), (number % 22 * 10, 7 * number, 3)).save(path)
    for number in (3, 25):
        (workplace / "mine" / "b" / f"{number:02}.png").write_bytes(b"broken")
    for number in (0, 5, 9):  # copies that lie in other shares than what they copy
        name = f"{number:02}.png"
        shutil.copyfile(workplace / "mine" / ("a", "b")[number % 2] / name, workplace / "mine" / "b" / f"copy {name}")
    data = {"name": "folder", "path": "mine", "size": 16, "max_bad": 0.2, "validation": 0.2}
    write_params(workplace / "params.yaml", painter=PAINTER | {"data": data})
    return read_recipe(workplace / "params.yaml", "painter")


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def make_shards(recipe, count):
    for shard in reversed(Shard.all_of(count)):
        prepare_shard(recipe, Workspace("painter"), shard)


@pytest.mark.parametrize("count", [1, 3, 7, 40])
def test_shards_come_to_the_bytes_of_one_go(recipe, count):
    workspace = Workspace("painter")
    prepare(recipe, workspace)
    whole = contents(workspace.prepared)
    manifest = json.loads(whole["manifest.json"])
    assert (manifest["duplicates"]["total"], manifest["unreadable"]["total"]) == (3, 2)
    assert set(whole) == {"images.npy", "labels.npy", "split.npy", "manifest.json", "preview.png"}
    shutil.rmtree(workspace.prepared)
    make_shards(recipe, count)
    assert not workspace.prepared.exists()
    merge(recipe, workspace, count)
    assert contents(workspace.prepared) == whole


def test_the_limit_of_unreadable_pictures_is_that_of_all_of_them(workplace, recipe):
    strict = recipe.data.model_copy(update={"max_bad": 0.05})
    write_params(
        workplace / "params.yaml",
        painter=PAINTER | {"data": {key: value for key, value in strict if key in strict.model_fields_set}},
    )
    recipe = read_recipe(workplace / "params.yaml", "painter")
    make_shards(recipe, 3)
    with pytest.raises(DataError, match="2 of 29 pictures are unreadable"):
        merge(recipe, Workspace("painter"), 3)


@pytest.mark.parametrize("torn", ["pixels.npy", "records.jsonl", "shard.json"])
@pytest.mark.parametrize("how", ["gone", "cut", "longer", "changed", "empty"])
def test_a_torn_shard_is_named_and_what_was_there_stays(recipe, torn, how):
    workspace = Workspace("painter")
    prepare(recipe, workspace)
    before = contents(workspace.prepared)
    make_shards(recipe, 2)
    path = workspace.shards / "2-of-2" / torn
    content = path.read_bytes()
    middle = len(content) // 2
    changed = content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]
    path.unlink()
    if how != "gone":
        path.write_bytes({"cut": content[:-5], "longer": content + b"{}", "changed": changed, "empty": b""}[how])
    with pytest.raises(ShardError, match=r"shard 2/2 (is|was made).*`python -m pipeline prepare painter --shard 2/2`"):
        merge(recipe, workspace, 2)
    assert contents(workspace.prepared) == before
    assert [path.name for path in workspace.prepared.parent.iterdir()] == ["painter"]


def test_a_missing_shard(recipe):
    for shard in (Shard(1, 3), Shard(3, 3)):
        prepare_shard(recipe, Workspace("painter"), shard)
    with pytest.raises(ShardError, match=r"shard 2/3 is missing \(shards/painter/2-of-3\); run `python -m pipeline"):
        merge(recipe, Workspace("painter"), 3)


def test_a_shard_of_other_settings(workplace, recipe):
    make_shards(recipe, 2)
    data = {"name": "folder", "path": "mine", "size": 8}
    write_params(workplace / "params.yaml", painter=PAINTER | {"data": data})
    other = read_recipe(workplace / "params.yaml", "painter")
    prepare_shard(other, Workspace("painter"), Shard(1, 2))
    with pytest.raises(ShardError, match=r"shard 2/2 was made of other settings \(shards/painter/2-of-2/shard.json\)"):
        merge(other, Workspace("painter"), 2)


def test_a_shard_of_a_source_in_another_state(workplace, recipe):
    prepare_shard(recipe, Workspace("painter"), Shard(1, 2))
    (workplace / "mine" / "a" / "00.png").unlink()
    prepare_shard(recipe, Workspace("painter"), Shard(2, 2))
    with pytest.raises(ShardError, match="shard 1/2 was made where the source had 29 pictures, and here it has 28"):
        merge(recipe, Workspace("painter"), 2)


def test_the_commands_of_machines_that_share_a_folder(workplace, capfd):
    data = {"name": "procedural", "size": 16, "count": 20, "families": ["mondrian", "waves"]}
    write_params(workplace / "params.yaml", painter=PAINTER | {"data": data})

    def run(*options):
        return call(capfd, "prepare", "painter", *options)

    assert run().returncode == 0
    whole = contents(workplace / "data" / "painter")
    shutil.rmtree(workplace / "data")
    for share in ("2/2", "1/2"):
        assert "10 of 20 pictures" in run("--shard", share).stderr
    assert run("--merge", "2").returncode == 0
    assert contents(workplace / "data" / "painter") == whole
    refused = run("--merge", "3")
    assert refused.returncode == 1
    assert refused.stderr == (
        "shard 1/3 is missing (shards/painter/1-of-3); run `python -m pipeline prepare painter --shard 1/3`, and bring "
        "its folder here\n"
    )
    both = run("--shard", "1/2", "--merge", "2")
    assert both.returncode == 1
    assert both.stderr == "--shard makes a share and --merge joins all of them; give one of the two\n"
