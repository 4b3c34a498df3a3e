import io
import json

import av
import numpy as np
import PIL.Image
import pytest

from demo.films import encode_film
from demo.provenance import SOURCE_TYPE

RECIPE = {"model": "dabbler", "seconds": 0.5}
SHADES = (0, 60, 120, 180, 240)


@pytest.fixture
def frames():
    """Five frames of 33 x 31 pixels: odd sides, even shades from black to nearly white."""
    return [PIL.Image.new("RGB", (33, 31), (shade, shade, shade)) for shade in SHADES]


def encode(frames, kind):
    return encode_film(frames, kind=kind, rate=20, recipe=RECIPE, title="dabbler, a journey")


@pytest.mark.parametrize("kind", ["gif", "webp"])
def test_pictures_that_move(frames, kind):
    with PIL.Image.open(io.BytesIO(encode(frames, kind))) as film:
        assert (film.format, film.n_frames, film.size) == (kind.upper(), 5, (33, 31))
        assert film.info["loop"] == 0
        for place, shade in enumerate(SHADES):
            film.seek(place)
            film.load()
            assert film.info["duration"] == 50
            assert np.abs(np.asarray(film.convert("RGB"), int) - shade).max() <= 4


def test_a_gif_and_a_webp_carry_the_recipe(frames):
    with PIL.Image.open(io.BytesIO(encode(frames, "gif"))) as film:
        told = json.loads(film.info["comment"])
    assert (told["recipe"], told["digitalSourceType"]) == (RECIPE, SOURCE_TYPE)
    with PIL.Image.open(io.BytesIO(encode(frames, "webp"))) as film:
        film.load()
        assert b'"seconds": 0.5' in film.info["xmp"]
        assert SOURCE_TYPE.encode() in film.info["xmp"]


def test_an_mp4_plays_with_even_sides_and_carries_the_recipe(frames):
    with av.open(io.BytesIO(encode(frames, "mp4"))) as film:
        stream = film.streams.video[0]
        assert (stream.width, stream.height, stream.codec_context.pix_fmt) == (32, 30, "yuv420p")
        assert stream.average_rate == 20
        assert json.loads(film.metadata["comment"])["recipe"] == RECIPE
        shown = [frame.to_ndarray(format="rgb24") for frame in film.decode(stream)]
    assert len(shown) == 5
    for picture, shade in zip(shown, SHADES, strict=True):
        assert np.abs(picture.astype(int) - shade).max() <= 4


def test_a_grey_film_of_one_frame(frames):
    with PIL.Image.open(io.BytesIO(encode([frames[2].convert("L")], "gif"))) as film:
        assert film.n_frames == 1
