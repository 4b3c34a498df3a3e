import hashlib
import io
import json

import numpy as np
import PIL.Image
import pytest
from tiny_models import TINTS, stylizer_proto

from demo.engine import Model, draw_noise
from demo.errors import PictureError, RequestError
from demo.images import to_array
from demo.stylization import StyleRequest, read_photograph, stylize

GOOD = {"style": "moss", "strength": 0.5, "variation": 0, "size": 256}


@pytest.fixture
def model(save):
    return Model.open(save(stylizer_proto()))


@pytest.fixture
def upload(tmp_path, photograph):
    path = tmp_path / "photograph.jpg"
    path.write_bytes(photograph)
    return path


def paint(model, upload, **changes):
    request = StyleRequest.parse(model, **(GOOD | changes))
    picture, digest = read_photograph(upload, size=request.size)
    return stylize(model, request, photograph=picture, digest=digest)


def test_result_is_the_graphs_own_and_as_large_as_the_photograph(model, upload):
    painted = paint(model, upload)
    assert painted.image.size == painted.photograph.size == (100, 75)
    content = to_array(painted.photograph)[0]
    expected = 0.5 * content + 0.5 * np.tanh(TINTS[1])[:, None, None]
    difference = np.asarray(painted.image).transpose(2, 0, 1) - (expected + 1) * 127.5
    assert np.abs(difference).max() <= 0.51


def test_strength_zero_is_the_photograph_itself(model, upload):
    painted = paint(model, upload, strength=0)
    assert painted.image is painted.photograph
    with PIL.Image.open(upload) as image:
        assert np.array_equal(painted.image, image)


def test_variation_moves_the_result_and_zero_does_not(model, upload):
    plain, varied, again = (paint(model, upload, strength=1, variation=variation) for variation in (0, 5, 5))
    noise = draw_noise([5], 3)[0]
    np.testing.assert_allclose(
        np.asarray(varied.image)[0, 0], (np.tanh(TINTS[1] + noise) + 1) * 127.5, atol=0.51, rtol=0
    )
    assert varied.to_png() == again.to_png()
    assert plain.to_png() != varied.to_png()


def test_longer_side_is_limited(model, upload):
    assert paint(model, upload, size=128).image.size == (100, 75)
    wide = PIL.Image.open(upload).resize((600, 300))
    wide.save(upload)
    assert paint(model, upload, size=128).image.size == (128, 64)


def test_png_tells_how_to_make_it_again(model, upload, photograph):
    with PIL.Image.open(io.BytesIO(paint(model, upload).to_png())) as image:
        recipe = json.loads(image.text["ganvas.recipe"])
    assert recipe == {
        "model": "tinter",
        "sha256": model.sha256,
        "style": "moss",
        "strength": 0.5,
        "variation": 0,
        "size": 256,
        "photograph": hashlib.sha256(photograph).hexdigest(),
    }


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"style": "lava"}, "style must be one of rust, moss, not 'lava'"),
        ({"strength": 1.01}, "strength must lie between 0 and 1"),
        ({"strength": float("nan")}, "strength must be a number"),
        ({"variation": -3}, "variation must lie between"),
        ({"variation": 0.5}, "variation must be a whole number"),
        ({"size": 64}, "size must lie between 128 and 2048"),
        ({"size": 1e308}, "size must lie between 128 and 2048"),
    ],
)
def test_arguments_are_checked(model, upload, change, sentence):
    with pytest.raises(RequestError, match=sentence):
        paint(model, upload, **change)


def test_no_photograph_is_said_so(model):
    with pytest.raises(RequestError, match="choose a photograph first"):
        paint(model, None)


def test_photographs_that_cannot_be_taken(model, upload, tmp_path):
    with pytest.raises(PictureError, match="no longer on the server"):
        paint(model, tmp_path / "gone.jpg")
    PIL.Image.new("RGB", (2000, 40)).save(upload)
    with pytest.raises(PictureError, match="2000 x 40 pixels, too small or too narrow to paint at size 256"):
        paint(model, upload)
    upload.write_bytes(b"GIF89a nothing")
    with pytest.raises(PictureError, match="PNG, JPEG or WEBP"):
        paint(model, upload)
    with upload.open("wb") as stream:
        stream.truncate(33 * 2**20)
    with pytest.raises(PictureError, match="larger than 32 MiB"):
        paint(model, upload)
