import hashlib
import io
import json
import re
from fractions import Fraction

import numpy as np
import PIL.Image
import pytest
from tiny_models import STYLES, THUMBNAIL, TINTS, stylizer_proto
from tiny_stylizers import descriptor_proto, encoder_proto

from demo.colours import LUMA, keep_colours
from demo.engine import Model
from demo.errors import PictureError, RequestError
from demo.gallery import open_gallery
from demo.refinement import refine
from demo.styles import Style, parse_mixture
from demo.uploads import STYLE_SIDE, fit_style, read_style_picture

MEAN = np.array([120, 128, 65]) / 127.5 - 1
LARGEST = np.array([230, 128, 90]) / 127.5 - 1


@pytest.fixture
def model(save):
    return Model.open(save(stylizer_proto(), {"encoder": encoder_proto()}))


@pytest.fixture
def add(model, tmp_path):
    """Write the file of an added style."""

    def write(file, **changes):
        path = tmp_path / "_styles" / "tinter" / f"{file}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        fields = {"name": file, "code": [0.5, 0, -1.25], "thumbnail": THUMBNAIL, "model": model.sha256} | changes
        path.write_text(json.dumps({key: value for key, value in fields.items() if value is not None}))

    return write


def picture(pixels, kind="PNG"):
    stream = io.BytesIO()
    PIL.Image.fromarray(np.asarray(pixels, np.uint8)).save(stream, kind)
    return stream.getvalue()


def stripes(width=64, height=48):
    pixels = np.zeros((height, width, 3))
    pixels[:] = (10, 128, 90)
    pixels[:, ::2] = (230, 128, 40)
    return picture(pixels)


def test_a_gallery_is_the_cards_styles_then_the_added_ones(model, add, tmp_path):
    assert open_gallery(model, tmp_path).names == STYLES
    add("willow")
    add("ash", code=[1, 2, 3])
    gallery = open_gallery(model, tmp_path)
    assert gallery.names == (*STYLES, "ash", "willow")
    assert gallery.problems == ()
    assert np.array_equal(gallery.code("willow"), np.float32([0.5, 0, -1.25]))
    assert np.array_equal(gallery.code("moss"), TINTS[1])
    assert gallery.styles[3].thumbnail == THUMBNAIL


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"model": "0" * 64}, "it was made for another state of the model; add the style again"),
        ({"code": [1, 2]}, "it is damaged"),
        ({"code": [1, 2, "3"]}, "it is damaged"),
        ({"code": [1, 2, float("nan")]}, "it is damaged"),
        ({"code": None}, "it is damaged"),
        ({"name": ""}, "it is damaged"),
        ({"name": "moss"}, "there is another style 'moss'; add it again under another name"),
        ({"thumbnail": "x" * 2**20}, "it is larger than 1 MiB"),
    ],
)
def test_an_added_style_that_cannot_be_used_is_named_and_the_others_are_shown(model, add, tmp_path, changes, reason):
    add("willow")
    add("bad", **changes)
    gallery = open_gallery(model, tmp_path)
    assert gallery.names == (*STYLES, "willow")
    (problem,) = gallery.problems
    assert problem.endswith(reason) or f"bad.json is not shown: {reason}" in problem


def test_weights_are_shares(model, tmp_path):
    gallery = open_gallery(model, tmp_path)
    for mixture in ({"rust": 1, "moss": 3}, '{"rust": 0.25, "moss": 0.75}'):
        mixed = parse_mixture(gallery, mixture=mixture)
        assert mixed.weights == {"rust": 0.25, "moss": 0.75}
        np.testing.assert_allclose(mixed.code, [0.25 * TINTS[0] + 0.75 * TINTS[1]], atol=1e-6)
    alone = parse_mixture(gallery, style="moss")
    assert np.array_equal(alone.code, TINTS[1:])
    own = {"picture": Style("picture", np.float32([1, 1, 1]), "digest")}
    assert np.array_equal(parse_mixture(gallery, uploaded=own).code, [[1, 1, 1]])
    half = parse_mixture(gallery, mixture={"picture": 2, "moss": 2}, uploaded=own)
    np.testing.assert_allclose(half.code, [(1 + TINTS[1]) / 2], atol=1e-6)
    assert half.recipe() == {
        "styles": {"picture": 0.5, "moss": 0.5},
        "uploaded": {
            "picture": {"picture": "digest", "refined": 0, "code": hashlib.sha256(own["picture"].code).hexdigest()}
        },
    }


@pytest.mark.parametrize(
    ("choice", "sentence"),
    [
        ({}, "style must be one of rust, moss, not ''"),
        ({"style": "lava"}, "style must be one of rust, moss, not 'lava'"),
        ({"style": "moss", "mixture": {"rust": 1}}, "either a style or a mixture"),
        ({"mixture": {"lava": 1}}, "a style of the mixture must be one of rust, moss, not 'lava'"),
        ({"mixture": {"rust": 0, "moss": 0}}, "the weights of the mixture sum to zero"),
        ({"mixture": {"rust": -1, "moss": 2}}, "the weight of 'rust' must be a number from 0 up, not -1"),
        ({"mixture": {"rust": float("nan")}}, "the weight of 'rust' must be a number from 0 up, not NaN"),
        ({"mixture": {"rust": "much"}}, "the weight of 'rust' must be a number from 0 up"),
        ({"mixture": "rust"}, "mixture must be JSON like"),
        ({"mixture": "[1, 2]"}, "mixture must be JSON like"),
        ({"mixture": "[" * 100_000}, "mixture must be JSON like"),
    ],
)
def test_what_is_no_mixture_is_refused(model, tmp_path, choice, sentence):
    with pytest.raises(RequestError, match=re.escape(sentence)):
        parse_mixture(open_gallery(model, tmp_path), **choice)


def test_a_style_picture_is_encoded_at_once(model):
    (fitting,) = fit_style(model, stripes(), name="stripes.png")
    style = fitting.style
    np.testing.assert_allclose(style.code, MEAN, atol=1e-5)
    assert (style.name, style.picture, style.refined) == ("stripes.png", hashlib.sha256(stripes()).hexdigest(), 0)
    assert fitting.share == 1


def test_refinement_finds_the_code_whose_painting_looks_like_the_picture(model):
    """A code paints its tanh, so a picture of the mean m is painted by atanh(m), not by the m that the encoder says."""
    fittings = list(fit_style(model, stripes(), name="stripes.png", steps=4))
    np.testing.assert_allclose(fittings[0].style.code, MEAN, atol=1e-5)
    np.testing.assert_allclose(fittings[-1].style.code, np.arctanh(MEAN), atol=0.01)
    shares = [fitting.share for fitting in fittings]
    assert shares == sorted(shares)
    assert (shares[0], shares[-1], fittings[-1].style.refined) == (0, 1, 4)


def test_a_descriptor_is_what_refinement_goes_by_where_there_is_one(save):
    model = Model.open(save(stylizer_proto(), {"encoder": encoder_proto(), "descriptor": descriptor_proto()}))
    *_, fitting = fit_style(model, stripes(), name="stripes.png", steps=6)
    np.testing.assert_allclose(fitting.style.code, np.arctanh(LARGEST), atol=0.02)


def test_refinement_never_leads_farther_away(model):
    start = np.float32([3, -3, 0.5])
    distances = [step.distance for step in refine(model, start, style=read_style_picture(stripes(), name="x"), steps=2)]
    assert distances == sorted(distances, reverse=True)
    assert distances[-1] < distances[0]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (
            picture(np.full((64, 64, 3), (9, 90, 200))),
            "the style picture 'x' is of one colour; choose one with strokes",
        ),
        (picture(np.full((64, 64, 3), (9, 90, 200)), "JPEG"), "is of one colour"),
        (picture(np.arange(500)[:, None] % 256), "is 1 x 500 pixels, too small or too narrow"),
        (picture(np.tile(np.arange(10_000, dtype=np.uint8), (5000, 1))), "10000 x 5000 pixels, more than the 16"),
        (b"nothing", "the style picture 'x' is not a readable"),
        (b"", "the style picture 'x' is empty"),
    ],
    ids=["flat", "flat JPEG", "narrow", "50 megapixels", "no picture", "empty"],
)
def test_style_pictures_that_cannot_be_taken(model, content, sentence):
    with pytest.raises(PictureError, match=sentence):
        list(fit_style(model, content, name="x"))


def test_large_style_pictures_are_looked_at_smaller(model):
    pixels = np.zeros((3 * STYLE_SIDE, 4 * STYLE_SIDE, 3))
    pixels[:, 2 * STYLE_SIDE :] = 255
    (fitting,) = fit_style(model, picture(pixels), name="x")
    np.testing.assert_allclose(fitting.style.code, [0, 0, 0], atol=0.02)


def test_kept_colours_have_the_paintings_luma_and_the_photographs_chroma():
    random = np.random.default_rng(1)
    painted, photograph = (random.uniform(-0.3, 0.3, (3, 9, 7)).astype(np.float32) for _ in range(2))
    kept = keep_colours(painted, photograph, 1)
    np.testing.assert_allclose(np.tensordot(LUMA, kept, 1), np.tensordot(LUMA, painted, 1), atol=1e-6)
    np.testing.assert_allclose(kept - kept[:1], photograph - photograph[:1], atol=1e-6)
    assert keep_colours(painted, photograph, 0) is painted
    np.testing.assert_allclose(keep_colours(painted, photograph, 0.25), 0.75 * painted + 0.25 * kept, atol=1e-6)
    assert float(sum(Fraction(str(value)) for value in LUMA.tolist())) == pytest.approx(1)


def test_kept_colours_stay_within_what_a_screen_shows():
    bright, dark = (
        np.ones((3, 2, 2), np.float32),
        np.float32([1, -1, -1])[:, None, None] * np.ones((3, 2, 2), np.float32),
    )
    assert np.abs(keep_colours(bright, dark, 1)).max() <= 1
