"""Sources of known content: digits, photographs, idx, CIFAR-10, unions of sources."""

import gzip
import io
import itertools
import struct
import tarfile

import numpy as np
import PIL.Image
import pytest

from demo.images import read_picture
from pipeline.contracts import PHOTOGRAPH, Source
from pipeline.data import SOURCES
from pipeline.data.cifar10 import Cifar10
from pipeline.data.contents_and_styles import ContentsAndStyles
from pipeline.data.decoding import decode
from pipeline.data.digits import Digits
from pipeline.data.idx import Idx
from pipeline.data.photographs import Photographs
from pipeline.data.procedural import Procedural
from pipeline.errors import DataError, RecipeError
from pipeline.sections import parse_part


@pytest.fixture(autouse=True)
def no_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("GANVAS_CACHE", str(tmp_path / "cache"))


def test_digits():
    items = list(Digits().items())
    assert len(items) == Digits().total() == 1797
    assert [item.label for item in items[:10]] == list("0123456789")
    zero = np.asarray(items[0].load())
    assert zero.shape == (8, 8)
    assert zero[3, 3] == 0
    assert zero[3, 2] > 190
    assert zero.max() <= 255


def test_photographs_are_square_crops_of_one_class():
    source = Photographs(count=24, size=64)
    items = list(source.items())
    assert {item.label for item in items} == {PHOTOGRAPH}
    pictures = [item.load() for item in items]
    assert all(picture.width == picture.height >= 64 for picture in pictures)
    again = [item.load().tobytes() for item in source.items()]
    assert again == [picture.tobytes() for picture in pictures]
    assert len(set(again)) == len(again)
    others = [item.load().tobytes() for item in Photographs(count=24, size=64, seed=1).items()]
    assert not set(again) & set(others)


def test_crop_is_a_part_of_its_photograph():
    item = next(itertools.islice(Photographs(count=8, size=64).items(), 0, None))
    part = np.asarray(item.load())
    whole = np.asarray(read_picture(item.load.args[0]))
    rows = np.lib.stride_tricks.sliding_window_view(whole[..., 0], part.shape[1], axis=1)
    assert (rows == part[0, :, 0]).all(axis=2).any()


def idx(dimensions, content, kind=0x08):
    return bytes([0, 0, kind, len(dimensions)]) + struct.pack(f">{len(dimensions)}I", *dimensions) + content


PIXELS = np.arange(3 * 4 * 5, dtype=np.uint8)
IMAGES, LABELS = idx((3, 4, 5), PIXELS.tobytes()), idx((3,), bytes([7, 0, 9]))


@pytest.fixture(params=[False, True], ids=["raw", "gz"])
def put(request, tmp_path):
    """Write the two files of a training part, packed or not."""

    def write(images=IMAGES, labels=LABELS, *, cut=0):
        for name, content in (("train-images-idx3-ubyte", images), ("train-labels-idx1-ubyte", labels)):
            packed = gzip.compress(content) if request.param else content
            file = tmp_path / (name + (".gz" if request.param else ""))
            file.write_bytes(packed[: len(packed) - cut])
        return Idx(path=str(tmp_path))

    return write


def test_idx(put):
    source = put()
    items = list(source.items())
    assert source.total() == 3
    assert [item.label for item in items] == ["7", "0", "9"]
    assert (np.stack([np.asarray(item.load()) for item in items]).ravel() == PIXELS).all()


def test_idx_names(put):
    fashion = Idx(path=put().path, collection="fashion_mnist")
    assert [item.label for item in fashion.items()] == ["sneaker", "T-shirt", "ankle boot"]
    named = Idx(path=fashion.path, class_names=tuple("abcdefghij"))
    assert [item.label for item in named.items()] == ["h", "a", "j"]
    with pytest.raises(DataError, match="label 7 has no name; give class_names for labels 0 to 7"):
        list(Idx(path=fashion.path, class_names=("a", "b")).items())


@pytest.mark.parametrize(
    ("files", "problem"),
    [
        ({"cut": 9}, "cut short|no idx file"),
        ({"images": b""}, "cut short"),
        ({"images": idx((3, 4, 5), bytes(61))}, "longer than it says"),
        ({"images": b"<html>not found</html>"}, "no idx file of 3-dimensional unsigned bytes"),
        ({"images": idx((3, 4, 5), PIXELS.tobytes(), kind=0x0D)}, "no idx file"),
        ({"images": idx((4, 4, 5), bytes(80))}, "holds 4 pictures and train-labels.* 3 labels"),
        ({"images": idx((3, 2**20, 2**20), b"")}, "says that it holds pictures of"),
    ],
)
def test_damaged_idx(put, files, problem):
    with pytest.raises(DataError, match=problem):
        list(put(**files).items())


def test_idx_without_files_says_which_is_missing(tmp_path):
    with pytest.raises(DataError, match=r"train-images-idx3-ubyte.gz is missing there; put it there, packed or not"):
        list(Idx(path=str(tmp_path)).items())


def test_idx_without_network_says_which_file_to_put_where(tmp_path, monkeypatch):
    monkeypatch.setattr("pooch.core.time.sleep", lambda _: None)
    where = tmp_path / "cache" / "mnist" / "train-images-idx3-ubyte.gz"
    with pytest.raises(DataError) as caught:
        list(Idx(mirror="http://127.0.0.1:9/").items())
    assert str(caught.value).endswith(f"put it at {where}")


def archived(path, files):
    with tarfile.open(path, "w:gz") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(f"cifar-10-batches-bin/{name}")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return Cifar10(path=str(path))


def records(labels, *, first=0):
    pixels = [np.full((3, 32, 32), first + i, np.uint8) * np.array([1, 2, 3], np.uint8)[:, None, None] for i in labels]
    return b"".join(bytes([label]) + picture.tobytes() for label, picture in zip(labels, pixels, strict=True))


def test_cifar10(tmp_path):
    files = {f"data_batch_{number}.bin": records([number, 9]) for number in range(1, 6)}
    source = archived(tmp_path / "cifar.tar.gz", files | {"test_batch.bin": records([0]), "readme.html": b"x"})
    items = list(source.items())
    assert [item.label for item in items[:4]] == ["automobile", "truck", "bird", "truck"]
    assert len(items) == 10
    assert items[1].load().getpixel((3, 4)) == (9, 18, 27)
    (test,) = Cifar10(path=source.path, part="test").items()
    assert test.label == "airplane"
    assert (Cifar10().total(), Cifar10(part="test").total()) == (50_000, 10_000)


@pytest.mark.parametrize(
    ("files", "problem"),
    [
        ({"test_batch.bin": records([0])[:-1]}, "test_batch.bin is cut short"),
        ({"test_batch.bin": records([10])}, "labels above 9"),
        ({"other.bin": b""}, "lacks test_batch.bin; get a fresh copy of cifar-10-binary.tar.gz"),
    ],
)
def test_damaged_cifar10(tmp_path, files, problem):
    path = archived(tmp_path / "cifar.tar.gz", files).path
    with pytest.raises(DataError, match=problem):
        list(Cifar10(path=path, part="test").items())


@pytest.mark.parametrize("content", [b"", b"nothing of the kind", "cut short"])
def test_broken_archive(tmp_path, content):
    path = tmp_path / "cifar.tar.gz"
    archived(path, {"test_batch.bin": np.random.default_rng(0).bytes(3073 * 100)})
    path.write_bytes(path.read_bytes()[:100_000] if content == "cut short" else content)
    with pytest.raises(DataError, match=r"cifar.tar.gz: damaged or cut short"):
        list(Cifar10(path=str(path), part="test").items())


def test_missing_cifar10(tmp_path):
    with pytest.raises(DataError, match=r"put cifar-10-binary.tar.gz there"):
        list(Cifar10(path=str(tmp_path / "cifar.tar.gz")).items())


SECTION = {
    "name": "contents_and_styles",
    "size": 16,
    "contents": {"name": "digits"},
    "styles": {"name": "procedural", "count": 6, "families": ["waves", "mondrian"]},
}


def test_contents_and_styles():
    source = parse_part(SOURCES, SECTION, "stylist.data")
    assert isinstance(source, Source)
    assert source.total() == 1797 + 6
    pictures = list(decode(source))
    assert [picture.label for picture in pictures[-6:]] == ["waves", "mondrian"] * 3
    assert {picture.label for picture in pictures[:-6]} == {PHOTOGRAPH}
    assert {picture.pixels.shape for picture in pictures} == {(3, 16, 16)}


def test_contents_and_styles_from_sources():
    source = ContentsAndStyles(contents=Photographs(count=2), styles=Procedural(count=2), size=8, channels=1)
    assert {picture.pixels.shape for picture in decode(source)} == {(1, 8, 8)}
    assert source.model_dump(mode="json")["styles"]["count"] == 2


def test_style_of_the_contents_name():
    source = ContentsAndStyles(contents=Photographs(count=2), styles=Photographs(count=2))
    with pytest.raises(DataError, match="a style is called 'photograph', as the contents are"):
        list(source.items())


@pytest.mark.parametrize(
    ("part", "content", "sentence"),
    [
        ("contents", {"name": "photograph"}, "data.contents.name: is 'photograph'; did you mean 'photographs'?"),
        ("contents", {"name": "photographs", "cuont": 3}, "data.contents.cuont: unknown key; did you mean 'count'?"),
        ("styles", {"name": "procedural", "count": 0}, "data.styles.count: is 0; input should be greater than"),
        (
            "styles",
            {"name": "procedural", "families": ["wave"]},
            "data.styles.families: is ['wave']; there is no family",
        ),
        ("styles", {"name": "procedural", "size": 64}, "data.styles.size: does not belong here; write it one level up"),
        ("styles", "procedural", "data.styles: is 'procedural'; it must be a mapping"),
    ],
)
def test_error_in_a_nested_section_names_the_key(part, content, sentence):
    with pytest.raises(RecipeError) as caught:
        parse_part(SOURCES, SECTION | {part: content}, "data")
    assert str(caught.value).startswith(sentence)


def test_missing_nested_section():
    with pytest.raises(RecipeError, match=r"data.styles: missing; this key has no default"):
        parse_part(SOURCES, {key: value for key, value in SECTION.items() if key != "styles"}, "data")


def test_pictures_of_sources_are_grey_or_colour():
    for source in (Digits(), Photographs(count=2), Procedural(count=2)):
        picture = next(source.items()).load()
        assert isinstance(picture, PIL.Image.Image)
        assert picture.mode in {"L", "RGB"}
