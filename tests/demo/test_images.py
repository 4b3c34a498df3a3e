import io
import zlib
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import ImageCms

from demo.errors import PictureError
from demo.images import (
    WEB_FORMATS,
    alpha_of,
    fit_within,
    from_array,
    on_white,
    pad_to_multiple,
    read_picture,
    to_array,
    to_png,
    upright_size,
)

RED = (200, 40, 30)


def encoded(image: PIL.Image.Image, kind: str = "PNG", **options) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def plain(mode: str = "RGB", color=RED, size=(6, 4)) -> PIL.Image.Image:
    return PIL.Image.new(mode, size, color)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "BMP", "TIFF", "GIF", "PPM"])
def test_every_format_keeps_its_colour(kind):
    picture = read_picture(encoded(plain(size=(32, 32)), kind))
    assert picture.mode == "RGB"
    assert np.abs(np.asarray(picture).astype(int) - RED).max() <= 6


@pytest.mark.parametrize("kind", ["BMP", "TIFF", "GIF"])
def test_the_web_takes_fewer_formats(kind):
    with pytest.raises(PictureError, match="not a readable PNG, JPEG or WEBP picture"):
        read_picture(encoded(plain(), kind), formats=WEB_FORMATS)


def test_grey_stays_grey():
    assert read_picture(encoded(plain("L", 77))).getpixel((0, 0)) == 77
    assert read_picture(encoded(plain("1", 1))).getpixel((0, 0)) == 255


def test_cmyk_becomes_rgb():
    picture = read_picture(encoded(plain("CMYK", (0, 255, 255, 0), (16, 16)), "JPEG", quality=100))
    assert picture.mode == "RGB"
    assert np.abs(np.asarray(picture).astype(int) - (255, 0, 0)).max() <= 4


@pytest.mark.parametrize(("level", "expected"), [(0, 0), (65535, 255), (32896, 128), (257, 1), (128, 0), (129, 1)])
def test_sixteen_bits_become_eight(level, expected):
    image = PIL.Image.fromarray(np.full((4, 4), level, dtype=np.uint16))
    picture = read_picture(encoded(image))
    assert picture.mode == "L"
    assert picture.getpixel((0, 0)) == expected


def test_numbers_without_a_range_are_refused():
    with pytest.raises(PictureError, match="32-bit"):
        read_picture(encoded(PIL.Image.fromarray(np.ones((4, 4), dtype=np.float32)), "TIFF"))


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_transparent_shows_white(mode):
    picture = read_picture(encoded(plain(mode, (*RED, 0) if mode == "RGBA" else (10, 0))))
    assert set(np.asarray(picture).ravel()) == {255}


def test_half_transparent_is_blended_with_white():
    picture = read_picture(encoded(plain("RGBA", (0, 0, 0, 51))))
    assert picture.getpixel((0, 0)) == (204, 204, 204)


def test_palette_with_a_transparent_colour():
    image = PIL.Image.new("P", (2, 1))
    image.putpalette([*RED, 1, 2, 3])
    image.putdata([0, 1])
    picture = read_picture(encoded(image, transparency=1))
    assert [picture.getpixel((0, 0)), picture.getpixel((1, 0))] == [RED, (255, 255, 255)]


@pytest.mark.parametrize(("mode", "colour"), [("RGBA", (*RED, 51)), ("LA", (10, 51))])
def test_alpha_is_told_where_there_is_some(mode, colour):
    layer = PIL.Image.new(mode, (3, 2), colour)
    exif = PIL.Image.Exif()
    exif[0x0112] = 6
    assert np.array_equal(alpha_of(encoded(layer, exif=exif)), np.full((3, 2), 51))
    layer.putalpha(255)
    assert alpha_of(encoded(layer)) is None


def test_opaque_kinds_have_no_alpha():
    assert alpha_of(encoded(plain(), "JPEG")) is None
    assert alpha_of(encoded(PIL.Image.fromarray(np.zeros((2, 3), np.uint16)), transparency=0)) is None
    assert np.array_equal(alpha_of(encoded(PIL.Image.new("P", (3, 2)), "GIF", transparency=0)), np.zeros((2, 3)))


def test_layers_come_on_white():
    layer = PIL.Image.new("RGBA", (4, 1), (0, 0, 0, 0))
    layer.putpixel((0, 0), (0, 0, 0, 255))
    assert np.asarray(on_white(layer))[0].tolist() == [[0, 0, 0], *[[255, 255, 255]] * 3]


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(orientation):
    exif = PIL.Image.Exif()
    exif[0x0112] = orientation
    upright = PIL.Image.fromarray(np.arange(6, dtype=np.uint8).reshape(2, 3))
    undo = [None, None, 0, 3, 1, 5, 2, 6, 4][orientation]
    stored = upright if undo is None else upright.transpose(PIL.Image.Transpose(undo))
    content = encoded(stored, exif=exif)
    assert np.array_equal(read_picture(content), upright)
    assert upright_size(content) == upright.size


def test_animation_gives_its_first_frame():
    frames = [plain(color=RED), plain(color=(0, 0, 255))]
    for kind in ("GIF", "WEBP", "PNG"):
        options = {"lossless": True} if kind == "WEBP" else {}
        content = encoded(frames[0], kind, save_all=True, append_images=frames[1:], **options)
        assert read_picture(content).getpixel((1, 1)) == RED


def test_a_colour_profile_is_honoured_and_a_broken_one_ignored():
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    for icc in (profile, b"no profile at all"):
        picture = read_picture(encoded(plain(), icc_profile=icc))
        assert np.abs(np.asarray(picture).astype(int) - RED).max() <= 1


def test_another_colour_space_is_converted():
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    picture = read_picture(encoded(plain("LAB", (128, 128, 128)), "TIFF", icc_profile=lab))
    assert np.abs(np.asarray(picture).astype(int) - 119).max() <= 3  # L* = 50 is level 119 in sRGB


def test_missing_and_empty_files_are_named(tmp_path):
    with pytest.raises(PictureError, match=r"^lost\.png cannot be read \(No such file"):
        read_picture(tmp_path / "lost.png")
    (tmp_path / "empty.png").touch()
    with pytest.raises(PictureError, match=r"^empty\.png is empty"):
        read_picture(tmp_path / "empty.png")
    with pytest.raises(PictureError, match="is empty"):
        read_picture(b"")


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
@pytest.mark.parametrize("share", [0.05, 0.5, 0.9])
def test_truncated_files_are_refused(kind, share):
    noise = PIL.Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8))
    content = encoded(noise, kind)
    with pytest.raises(PictureError, match=r"damaged or cut short|not a readable"):
        read_picture(content[: int(len(content) * share)])


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")  # of damaged tags
@settings(max_examples=60)
@given(st.binary(max_size=300), st.sampled_from(["PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF"]))
def test_no_bytes_do_more_than_be_refused(junk, kind):
    good = encoded(plain(size=(9, 7)), kind)
    for content in (junk, good[: len(good) // 2] + junk, good[:20] + junk + good[20:]):
        try:
            picture = read_picture(content)
        except PictureError:
            continue
        assert picture.mode in {"L", "RGB"}


def test_huge_pictures_are_refused_before_they_are_decoded():
    with pytest.raises(PictureError, match=r"has 4001 x 4000 pixels, more than the 16 megapixels"):
        read_picture(encoded(plain("1", 0, (4001, 4000))))
    with pytest.raises(PictureError, match="has 20 x 20 pixels, more than the 0 megapixels"):
        read_picture(encoded(plain(size=(20, 20))), max_pixels=100)


def test_a_bomb_is_refused_by_its_header_alone():
    header = encoded(plain("1", 0, (1, 1)))
    size = (60000).to_bytes(4, "big")
    chunk = b"IHDR" + size + size + header[24:29]
    bomb = header[:12] + chunk + zlib.crc32(chunk).to_bytes(4, "big") + header[33:]
    with pytest.raises(PictureError, match="hundreds of megapixels"):
        read_picture(bomb)


def test_a_jpeg_that_is_too_large_is_halved_on_request_alone():
    photograph = encoded(PIL.Image.new("RGB", (60, 40), "teal"), "JPEG")
    with pytest.raises(PictureError, match="megapixels"):
        read_picture(photograph, max_pixels=2000)
    assert read_picture(photograph, max_pixels=2000, halve=True).size == (30, 20)
    assert read_picture(photograph, max_pixels=2400, halve=True).size == (60, 40)
    with pytest.raises(PictureError, match="megapixels"):
        read_picture(photograph, max_pixels=599, halve=True)


def test_a_large_jpeg_is_decoded_smaller_where_that_suffices():
    content = encoded(plain(size=(400, 200)), "JPEG")
    assert read_picture(content, shrink_to=100).size == (200, 100)
    assert read_picture(content, shrink_to=100, max_pixels=20_000).size == (200, 100)
    with pytest.raises(PictureError, match="400 x 200"):
        read_picture(content, shrink_to=100, max_pixels=19_999)


@given(st.integers(1, 20), st.integers(1, 20), st.sampled_from(["L", "RGB"]))
def test_arrays_give_the_picture_back(width, height, mode):
    channels = 1 if mode == "L" else 3
    levels = np.random.default_rng(width).integers(0, 256, (height, width, channels), dtype=np.uint8)
    picture = PIL.Image.fromarray(levels[..., 0] if mode == "L" else levels)
    array = to_array(picture)
    assert array.shape == (1, channels, height, width)
    assert array.dtype == np.float32
    assert array.min() >= -1
    assert array.max() <= 1
    assert np.array_equal(from_array(array[0]), picture)


def test_ends_of_the_range():
    ends = to_array(PIL.Image.fromarray(np.array([[0, 255]], dtype=np.uint8)))
    assert ends.tolist() == [[[[-1.0, 1.0]]]]
    assert np.asarray(from_array(np.array([[[-7.0, 7.0]]], dtype=np.float32))).tolist() == [[0, 255]]


@given(st.integers(1, 40), st.integers(1, 40))
def test_padding_mirrors_and_can_be_cropped(height, width):
    picture = np.arange(height * width, dtype=np.float32).reshape(1, 1, height, width)
    padded = pad_to_multiple(picture, 8)
    assert padded.shape[2] % 8 == padded.shape[3] % 8 == 0
    assert padded.shape[2] - height < 8
    assert np.array_equal(padded[:, :, :height, :width], picture)
    assert set(padded.ravel()) == set(picture.ravel())


def test_fitting_keeps_the_proportions_and_never_enlarges():
    assert fit_within(plain(size=(400, 100)), 200).size == (200, 50)
    assert fit_within(plain(size=(40, 10)), 200).size == (40, 10)
    assert fit_within(plain(size=(3000, 2)), 100).size == (100, 1)


def test_png_carries_its_texts(tmp_path):
    path = Path(tmp_path / "picture.png")
    path.write_bytes(to_png(plain(), {"Title": "海浪 · waves"}))
    with PIL.Image.open(path) as image:
        assert image.text == {"Title": "海浪 · waves"}
        assert image.getpixel((0, 0)) == RED
