import io
import json

import numpy as np
import PIL.Image
import pytest
from PIL.PngImagePlugin import PngInfo
from tiny_models import sampler_proto, stylizer_proto

from demo.catalog import Catalog
from demo.errors import PictureError
from demo.journeys import Journey, travel
from demo.places import Place, draw_place
from demo.provenance import RECIPE_KEY
from demo.sampling import SampleRequest, draw_samples
from demo.verification import verify

PINS = [{"seed": seed, "class": "dots"} for seed in (1, 2, 3, 4)]


@pytest.fixture
def catalog(save, tmp_path):
    save(sampler_proto())
    save(stylizer_proto())
    return Catalog(tmp_path)


@pytest.fixture
def model(catalog):
    return catalog.model("dabbler", task="sample")


def png(image, recipe):
    stream, texts = io.BytesIO(), PngInfo()
    texts.add_itxt(RECIPE_KEY, recipe if isinstance(recipe, str) else json.dumps(recipe))
    image.save(stream, "PNG", pnginfo=texts)
    return stream.getvalue()


def sample(model, **changes):
    said = {"choice": "any", "seed": 11, "count": 1, "truncation": 0.8, "enlarge": 2} | changes
    return draw_samples(model, SampleRequest.parse(model, **said))[0]


def test_what_each_tab_makes_is_the_same_bit_for_bit(catalog, model):
    place = Place.parse(model.card, {"pins": PINS, "x": 0.37, "y": 0.81, "enlarge": 4})
    frame = list(travel(model, Journey.parse(model.card, {"pins": PINS, "seconds": 0.3})))[4]
    for picture in (sample(model), draw_place(model, place), frame):
        report = verify(catalog, picture.to_png())
        assert (report.verdict, report.differing, report.largest) == ("same", 0, 0)
        assert report.pixels == picture.image.width * picture.image.height
        assert report.recipe == picture.recipe
        assert np.array_equal(report.regenerated.image, picture.image)


def test_one_changed_pixel_is_found(catalog, model):
    picture = sample(model)
    pixels = np.array(picture.image)
    pixels[3, 5, 1] ^= 7
    report = verify(catalog, png(PIL.Image.fromarray(pixels), picture.recipe))
    assert (report.verdict, report.differing) == ("differs", 1)
    assert 0 < report.largest <= 7


def test_another_size_differs_everywhere(catalog, model):
    picture = sample(model)
    report = verify(catalog, png(picture.image.resize((20, 10)), picture.recipe))
    assert (report.verdict, report.differing, report.pixels) == ("differs", 200, 200)


def test_another_model_file_is_told_even_where_the_pixels_agree(catalog, model):
    picture = sample(model)
    report = verify(catalog, png(picture.image, picture.recipe | {"sha256": "0" * 64}))
    assert (report.verdict, report.differing, report.served_sha256) == ("other file", 0, model.sha256)


def test_a_model_that_is_not_here(catalog, model):
    picture = sample(model)
    assert verify(catalog, png(picture.image, picture.recipe | {"model": "elsewhere"})).verdict == "no model"


def test_a_stylised_picture_lacks_its_photograph(catalog):
    image = PIL.Image.new("RGB", (8, 8))
    report = verify(catalog, png(image, {"model": "tinter", "styles": {"rust": 1}, "photograph": "0" * 64}))
    assert (report.verdict, report.regenerated) == ("needs picture", None)


@pytest.mark.parametrize("text", ["", "{", "[]", "7", "[" * 60_000, " " * 70_000 + "{}"])
def test_what_is_no_recipe(catalog, text):
    assert verify(catalog, png(PIL.Image.new("L", (8, 8)), text)).verdict == "no recipe"


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"seed": 1e308}, "seed must lie between"),
        ({"class": "cats"}, "class_name must be one of"),
        ({"truncation": None}, "truncation must be a number"),
        ({"pins": []}, "a place has no"),
    ],
)
def test_a_damaged_recipe_is_told(catalog, model, change, sentence):
    picture = sample(model)
    report = verify(catalog, png(picture.image, dict(picture.recipe) | change))
    assert report.verdict == "not followed"
    assert sentence in report.reason


def test_a_recipe_of_huge_pictures_is_not_followed(catalog, model, monkeypatch):
    picture = sample(model)
    for recipe in (picture.recipe, {"model": "dabbler", "sha256": model.sha256, "pins": PINS}):
        content = png(picture.image, {**recipe, "enlarge": 8})
        assert verify(catalog, content).verdict == "differs"
        with monkeypatch.context() as patch:
            patch.setattr("demo.places.MAX_PIXELS", 64 * 64 - 1)
            report = verify(catalog, content)
        assert report.verdict == "not followed"
        assert "enlarge may not make more than" in report.reason


@pytest.mark.parametrize(("side", "sentence"), [(2048, "another photograph"), (2049, "up to 2048 pixels a side")])
def test_a_huge_painting_is_not_made_again(catalog, photograph, side, sentence):
    recipe = {"model": "tinter", "styles": {"rust": 1}, "photograph": "0" * 64}
    for size in ((side, 8), (8, side)):
        report = verify(catalog, png(PIL.Image.new("RGB", size), recipe), {"photograph": photograph})
        assert report.verdict == "not followed"
        assert sentence in report.reason


def test_a_recipe_of_another_task_is_not_followed(catalog):
    image = PIL.Image.new("RGB", (8, 8))
    report = verify(catalog, png(image, {"model": "tinter", "seed": 1, "enlarge": 8}))
    assert report.verdict == "not followed"
    assert "there is no model 'tinter' for this" in report.reason


def test_only_png_is_read(catalog):
    stream = io.BytesIO()
    PIL.Image.new("RGB", (8, 8)).save(stream, "JPEG")
    with pytest.raises(PictureError, match="only a PNG as it was saved here can be checked"):
        verify(catalog, stream.getvalue())
