"""Folders and zip archives of all kinds of pictures, sound and not."""

import io
import os
import shutil
import struct
import zipfile

import numpy as np
import PIL.Image
import pytest

from demo.errors import PictureError
from pipeline.data.decoding import decode, square
from pipeline.data.folder import Folder
from pipeline.errors import DataError

RED, BLUE = (200, 30, 40), (20, 40, 210)


def encoded(picture, **settings):
    stream = io.BytesIO()
    picture.save(stream, **{"format": "PNG", **settings})
    return stream.getvalue()


def plain(colour=RED, size=(20, 30)):
    return encoded(PIL.Image.new("RGB", size, colour))


def noisy():
    return encoded(PIL.Image.fromarray(np.random.default_rng(0).integers(0, 256, (24, 24, 3), dtype=np.uint8)))


def laid_out(root, files, archive):
    """Write files as a folder or as a zip archive, and return its path."""
    if archive:
        path = root / "pictures.zip"
        with zipfile.ZipFile(path, "w") as members:
            for name, content in files.items():
                members.writestr(name, content)
        return path
    for name, content in files.items():
        path = root / "pictures" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return root / "pictures"


def labels(path, **fields):
    return {item.origin: item.label for item in Folder(path=str(path), **fields).items()}


@pytest.fixture(params=[False, True], ids=["folder", "zip"])
def lay_out(request, tmp_path):
    return lambda files: laid_out(tmp_path, files, request.param)


def test_class_per_folder(lay_out):
    path = lay_out({"b/1.png": plain(), "a/x/2.PNG": plain(), "a/1.jpeg": plain()})
    assert labels(path) == {"a/1.jpeg": "a", "a/x/2.PNG": "a", "b/1.png": "b"}
    assert list(labels(path)) == sorted(labels(path))
    assert Folder(path=str(path)).total() == 3


def test_flat_pictures_are_one_class(lay_out):
    assert set(labels(lay_out({"1.png": plain(), "2.png": plain()})).values()) == {"pictures"}


def test_wrapping_folders_are_passed_through(lay_out):
    assert set(labels(lay_out({"set/all/cats/1.png": plain(), "set/all/dogs/2.png": plain()})).values()) == {
        "cats",
        "dogs",
    }


def test_an_accent_written_in_two_ways_is_one_class(lay_out):
    path = lay_out({"\u00e9t\u00e9/1.png": plain(), "e\u0301te\u0301/2.png": plain(), "hiver/3.png": plain()})
    assert sorted(labels(path).values()) == ["hiver", "\u00e9t\u00e9", "\u00e9t\u00e9"]


def test_single_class_folder_names_the_class(lay_out):
    assert set(labels(lay_out({"set/cats/1.png": plain(), "set/cats/2.png": plain()})).values()) == {"cats"}


def test_label_stands_for_all_folders(lay_out):
    path = lay_out({"1.png": plain(), "a/2.png": plain()})
    assert set(labels(path, label="photograph").values()) == {"photograph"}


def test_stray_picture_beside_class_folders(lay_out):
    path = lay_out({"1.png": plain(), "a/2.png": plain()})
    with pytest.raises(DataError, match=r"1.png stands beside class folders; move it into one of them, or set `label`"):
        labels(path)


def test_other_files_and_hidden_ones_are_passed_over(lay_out):
    path = lay_out({"a/1.png": plain(), "a/.2.png": plain(), "readme.txt": b"x", ".cache/3.png": plain()})
    assert list(labels(path)) == ["a/1.png"]


def test_empty(lay_out):
    with pytest.raises(DataError, match=r"holds no pictures .*; put some there, a folder for each class"):
        labels(lay_out({"readme.txt": b"nothing here"}))


def test_missing(tmp_path):
    with pytest.raises(DataError, match="there is no such folder or zip archive"):
        labels(tmp_path / "nowhere")


@pytest.mark.parametrize("content", [b"", b"no archive", "cut short"])
def test_damaged_archive(tmp_path, content):
    path = laid_out(tmp_path, {"a/1.png": plain()}, archive=True)
    path.write_bytes(path.read_bytes()[:-30] if content == "cut short" else content)
    with pytest.raises(DataError, match=r"pictures.zip: damaged, or no zip archive"):
        labels(path)


def test_encrypted_archive(tmp_path):
    path = laid_out(tmp_path, {"a/1.png": plain()}, archive=True)
    content = bytearray(path.read_bytes())
    content[content.index(b"PK\1\2") + 8] |= 1
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"pictures.zip: is encrypted; unpack it"):
        labels(path)


def test_damaged_member_is_one_unreadable_picture(tmp_path):
    path = laid_out(tmp_path, {"a/1.png": plain(), "a/2.png": plain(BLUE)}, archive=True)
    content = bytearray(path.read_bytes())
    content[content.index(b"IDAT") + 6] ^= 0xFF
    path.write_bytes(content)
    broken, sound = decode(Folder(path=str(path), size=8))
    assert "a/1.png cannot be unpacked (Bad CRC-32" in broken.problem
    assert sound.pixels is not None


def test_member_that_unpacks_to_too_much(tmp_path):
    path = tmp_path / "bomb.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as members:
        members.writestr("a/1.png", bytes(2**20))
    content = bytearray(path.read_bytes())
    struct.pack_into("<I", content, content.index(b"PK\1\2") + 24, 2**31)
    path.write_bytes(content)
    (item,) = Folder(path=str(path)).items()
    with pytest.raises(PictureError, match="unpacks to more than 256 MiB"):
        item.load()


def test_folder_that_vanishes_is_unreadable(tmp_path):
    path = laid_out(tmp_path, {"a/1.png": plain()}, archive=False)
    items = list(Folder(path=str(path)).items())
    shutil.rmtree(path)
    with pytest.raises(PictureError, match=r"1.png cannot be read"):
        items[0].load()


def animation():
    frames = [PIL.Image.new("RGB", (12, 12), colour) for colour in (RED, BLUE)]
    return encoded(frames[0], format="GIF", save_all=True, append_images=frames[1:])


def sixteen_bit():
    return encoded(PIL.Image.fromarray(np.full((12, 12), 40_000, np.uint16)))


def transparent():
    return encoded(PIL.Image.new("RGBA", (12, 12), (0, 0, 0, 0)))


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (plain(), RED),
        (encoded(PIL.Image.new("CMYK", (12, 12), (0, 255, 255, 0)), format="JPEG"), None),
        (encoded(PIL.Image.new("L", (12, 12), 77)), (77, 77, 77)),
        (encoded(PIL.Image.new("P", (12, 12), 0)), (0, 0, 0)),
        (animation(), RED),
        (sixteen_bit(), (156, 156, 156)),
        (transparent(), (255, 255, 255)),
    ],
    ids=["rgb", "cmyk", "grey", "palette", "animated", "16-bit", "transparent"],
)
@pytest.mark.parametrize("channels", [1, 3])
def test_every_mode_becomes_grey_or_colour(lay_out, content, expected, channels):
    (picture,) = decode(Folder(path=str(lay_out({"a/1.png": content})), size=8, channels=channels))
    assert picture.pixels.shape == (channels, 8, 8)
    if expected is not None and channels == 3:
        assert (np.abs(picture.pixels.mean((1, 2)) - expected) <= 1).all()
    if expected is None and channels == 3:
        red, green, blue = picture.pixels.mean((1, 2))
        assert red > 180
        assert max(green, blue) < 80


def test_rotated_picture_stands_upright(lay_out):
    picture = PIL.Image.new("RGB", (24, 16), RED)
    picture.paste(BLUE, (12, 0, 24, 16))
    exif = picture.getexif()
    exif[0x0112] = 6  # turn by 90 degrees clockwise to see it upright
    path = lay_out({"a/1.png": encoded(picture, exif=exif)})
    (turned,) = decode(Folder(path=str(path), size=16))
    assert (turned.pixels[:, 2, 8] == RED).all()
    assert (turned.pixels[:, 13, 8] == BLUE).all()


@pytest.mark.parametrize(
    ("content", "problem"),
    [(b"", "is empty"), (b"not a picture", "is not a readable"), (noisy()[:900], "damaged or cut short")],
    ids=["empty", "corrupt", "truncated"],
)
def test_bad_pictures_are_reported(lay_out, content, problem):
    (picture,) = decode(Folder(path=str(lay_out({"a/1.png": content}))))
    assert picture.pixels is None
    assert picture.origin == "a/1.png"
    assert problem in picture.problem


def test_huge_picture_is_reported(lay_out):
    huge = encoded(PIL.Image.new("1", (9000, 9000)))
    (picture,) = decode(Folder(path=str(lay_out({"a/1.png": huge}))))
    assert "9000 x 9000 pixels" in picture.problem


def test_large_jpeg_is_decoded_at_a_fraction_and_looks_the_same(lay_out):
    ramp = np.linspace(0, 255, 1024, dtype=np.uint8)
    whole = PIL.Image.fromarray(np.broadcast_to(ramp[:, None, None], (1024, 1024, 3)).copy())
    (item,) = Folder(path=str(lay_out({"a/1.jpg": encoded(whole, format="JPEG", quality=95)})), size=64).items()
    assert item.load().size == (128, 128)
    difference = square(item.load(), size=64, channels=3).astype(int) - square(whole, size=64, channels=3)
    assert np.abs(difference).max() <= 6


def test_folders_behind_links_are_classes_too_and_a_link_back_up_is_no_loop(tmp_path):
    root = laid_out(tmp_path, {"ink/a.png": plain()}, archive=False)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "b.png").write_bytes(plain(BLUE))
    (root / "tea").symlink_to(elsewhere, target_is_directory=True)
    (root / "ink" / "up").symlink_to(root, target_is_directory=True)
    assert labels(root) == {"ink/a.png": "ink", "tea/b.png": "tea"}


def test_a_name_that_is_no_text_is_said(tmp_path):
    root = laid_out(tmp_path, {"ink/a.png": plain()}, archive=False)
    try:
        (root / os.fsdecode(b"caf\xe9")).mkdir()
    except OSError:
        pytest.skip("this file system takes Unicode names alone")
    (root / os.fsdecode(b"caf\xe9") / "b.png").write_bytes(plain(BLUE))
    with pytest.raises(DataError, match="is no Unicode text; rename it"):
        labels(root)
