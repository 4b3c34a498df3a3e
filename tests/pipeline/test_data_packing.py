"""From raw pictures to a packed array: cropping, splitting, naming, leaving out."""

import hashlib

import numpy as np
import PIL.Image
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.data.decoding import Decoded, decode, square
from pipeline.data.packing import NAMES_KEPT, classes_of, pack, stratified_split
from pipeline.data.procedural import Procedural


@settings(max_examples=40, deadline=None)
@given(
    st.integers(1, 90), st.integers(1, 90), st.sampled_from([8, 16, 33]), st.sampled_from([1, 3]), st.integers(0, 255)
)
def test_square_of_one_colour_keeps_it(width, height, size, channels, level):
    pixels = square(PIL.Image.new("RGB", (width, height), (level,) * 3), size=size, channels=channels)
    assert pixels.shape == (channels, size, size)
    assert pixels.dtype == np.uint8
    assert (pixels == level).all()


def test_square_takes_the_middle():
    picture = PIL.Image.new("RGB", (64, 16), "red")
    picture.paste("blue", (24, 0, 40, 16))
    assert (square(picture, size=16, channels=3) == np.array([0, 0, 255])[:, None, None]).all()


def test_square_of_the_right_size_is_the_picture_itself():
    pixels = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    assert (square(PIL.Image.fromarray(pixels), size=32, channels=3) == pixels.transpose(2, 0, 1)).all()


def test_shrinking_does_not_alias():
    # A pattern finer than the result must turn into its mean, not into stripes of its own.
    stripes = np.zeros((256, 256), np.uint8)
    stripes[:, ::2] = 255
    pixels = square(PIL.Image.fromarray(stripes), size=32, channels=1).astype(int)
    assert np.ptp(pixels) <= 2
    assert abs(pixels.mean() - 127.5) <= 1


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(1, 40), min_size=1, max_size=12), st.floats(0, 0.89))
def test_split_is_stratified(counts, share):
    labels = np.repeat(np.arange(len(counts)), counts)
    split = stratified_split(labels, classes=len(counts), share=share)
    assert set(split.tolist()) <= {0, 1}
    held = np.bincount(labels, weights=split, minlength=len(counts))
    assert (held < counts).all()
    assert (np.abs(held - np.array(counts) * share) <= 2).all()
    assert held.sum() <= np.floor(len(labels) * share + 0.5)
    assert (stratified_split(labels, classes=len(counts), share=share) == split).all()


def test_split_holds_back_the_share_where_classes_are_tiny():
    labels = np.repeat(np.arange(50), 4)
    assert stratified_split(labels, classes=50, share=0.1).sum() == 20


def test_what_was_cut_from_one_picture_is_held_back_together():
    labels = np.array([0] * 40 + [1] * 10 + [2] * 6)
    parents = [f"scan {place // 4}" for place in range(40)] + [""] * 10 + ["only one"] * 6
    split = stratified_split(labels, classes=3, share=0.2, parents=parents)
    scans = split[:40].reshape(10, 4)
    assert (scans == scans[:, :1]).all()
    assert scans[:, 0].sum() == 2
    alone = stratified_split(labels, classes=3, share=0.2)
    assert split[40:50].sum() == alone[40:50].sum() == 2, "whole pictures are drawn one by one"
    assert split[50:].sum() == alone[50:].sum() == 1, "a class cut from one picture has no other to hold back"


def test_whole_pictures_among_crops_are_drawn_one_by_one():
    parents = ["scan"] * 10 + [""] * 30
    split = stratified_split(np.zeros(40, int), classes=1, share=0.25, parents=parents)
    assert split[:10].min() == split[:10].max()
    assert split.sum() == 10


@pytest.mark.parametrize(("sizes", "held"), [([90, 10], 10), ([10, 90], 10), ([70, 40, 60], 40), ([5, 90, 5], 10)])
def test_no_large_family_is_held_back_while_a_smaller_one_will_do(sizes, held):
    parents = np.repeat([f"scan {number}" for number in range(len(sizes))], sizes).tolist()
    assert stratified_split(np.zeros(sum(sizes), int), classes=1, share=0.1, parents=parents).sum() == held


def test_equal_families_are_held_back_as_they_are_drawn():
    split = stratified_split(np.zeros(40, int), classes=1, share=0.1, parents=[f"scan {n // 10}" for n in range(40)])
    first = np.random.default_rng(0).permutation(4)[0]
    assert np.flatnonzero(split).tolist() == [*range(10 * first, 10 * first + 10)]


def test_classes_stand_in_the_order_that_people_expect():
    assert classes_of(["10", "b", "2", "A", "2", "a10", "a9"]) == ("2", "10", "A", "a9", "a10", "b")


def picture(origin, level, label="x"):
    return Decoded(origin, label, np.full((1, 2, 2), level, np.uint8))


def test_pack_leaves_out_duplicates_and_unreadable_pictures(tmp_path):
    pictures = [
        picture("a", 0),
        Decoded("b", "x", None, "is empty"),
        picture("c", 255, "y"),
        picture("d", 0, "y"),
        picture("e", 51),
    ]
    packed = pack(pictures, tmp_path / "images.npy", channels=1, size=2)
    images = np.load(tmp_path / "images.npy")
    assert images[:, 0, 0, 0].tolist() == [0, 255, 51]
    assert packed.labels == ["x", "y", "x"]
    assert (packed.unreadable.total, packed.unreadable.names) == (1, ["b: is empty"])
    assert (packed.duplicates.total, packed.duplicates.names) == (1, ["d"])
    assert packed.mean == pytest.approx([images.mean() / 255], abs=1e-6)
    assert packed.std == pytest.approx([images.std() / 255], abs=1e-6)
    assert packed.md5.hexdigest() == hashlib.md5(images.tobytes(), usedforsecurity=False).hexdigest()


def test_pack_names_only_the_first_of_many(tmp_path):
    packed = pack((picture(str(i), 7) for i in range(100)), tmp_path / "images.npy", channels=1, size=2)
    assert packed.duplicates.total == 99
    assert packed.duplicates.names == [str(i) for i in range(1, NAMES_KEPT + 1)]


def test_pack_of_nothing(tmp_path):
    packed = pack([], tmp_path / "images.npy", channels=3, size=8)
    assert packed.labels == []
    assert np.load(tmp_path / "images.npy").shape == (0, 3, 8, 8)


def test_processes_keep_the_order(monkeypatch):
    source = Procedural(count=300, families=("mondrian",), size=8)
    monkeypatch.setattr("os.cpu_count", lambda: 1)
    alone = list(decode(source))
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    together = list(decode(source))
    assert [one.origin for one in together] == [one.origin for one in alone]
    for one, other in zip(together, alone, strict=True):
        assert (one.pixels == other.pixels).all()
