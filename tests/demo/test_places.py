import io
import json

import numpy as np
import PIL.Image
import pytest
from tiny_models import FAMILIES, directed_proto, sampler_proto, truncating_proto

from demo.engine import Model, draw_noise
from demo.errors import RequestError
from demo.latents import slerp
from demo.places import Place, draw_map, draw_place
from demo.provenance import SOURCE_TYPE
from demo.sampling import SampleRequest, draw_samples

PINS = [{"seed": seed, "class": family} for seed, family in zip((7, 8, 9, 10), (*FAMILIES, "dots"), strict=True)]


@pytest.fixture
def model(save):
    return Model.open(save(sampler_proto()))


def feeds(model, **said):
    return Place.parse(model.card, said).feeds(model.card)


def test_one_pin_is_the_picture_of_the_sample_tab(model):
    place = Place.parse(model.card, {"pins": [PINS[1]], "truncation": 0.5, "enlarge": 2})
    request = SampleRequest.parse(model, choice="lines", seed=8, count=1, truncation=0.5, enlarge=2)
    assert np.array_equal(draw_place(model, place).image, draw_samples(model, request)[0].image)


def test_corners_of_the_square_are_the_pins(model):
    for corner, (x, y) in enumerate([(0, 0), (1, 0), (0, 1), (1, 1)]):
        mixed, alone = feeds(model, pins=PINS, x=x, y=y), feeds(model, pins=[PINS[corner]])
        for name in mixed:
            np.testing.assert_allclose(mixed[name], alone[name], atol=1e-6)


def test_inside_the_square_latents_turn_and_classes_blend(model):
    found = feeds(model, pins=PINS, x=0.25, y=0.5)
    a, b, c, d = (draw_noise([pin["seed"]], 192) for pin in PINS)
    np.testing.assert_allclose(found["latent"], slerp(slerp(a, b, 0.25), slerp(c, d, 0.25), 0.5), atol=1e-6)
    np.testing.assert_allclose(found["classes"], [[0.375 + 0.125, 0.125, 0.375]], atol=1e-6)


def test_two_pins_know_no_y(model):
    assert np.array_equal(
        feeds(model, pins=PINS[:2], x=0.3)["latent"], feeds(model, pins=PINS[:2], x=0.3, y=1)["latent"]
    )


def test_moves_go_along_the_directions_of_the_card(save):
    model = Model.open(save(directed_proto()))
    still, moved = (feeds(model, pins=[{"seed": 7}], moves=moves) for moves in ([], [0.5, -2]))
    difference = (moved["latent"] - still["latent"])[0]
    np.testing.assert_allclose(difference[:3], [0.5, -2, 0], atol=1e-6)
    assert not difference[3:].any()


def test_noise_turns_too_and_the_degree_stays(save):
    model = Model.open(save(truncating_proto()))
    found = feeds(model, pins=[{"seed": 1}, {"seed": 2}], x=0.5, truncation=0.7)
    noises = [draw_noise([seed], 384)[:, 192:] for seed in (1, 2)]
    np.testing.assert_allclose(found["noise"], slerp(*noises, 0.5), atol=1e-6)
    np.testing.assert_allclose(found["truncation"], [[0.7]])


def test_the_recipe_in_the_png_is_read_back_as_the_same_place(model):
    place = Place.parse(model.card, {"pins": [{"seed": 5}, PINS[0]], "x": 0.3, "truncation": 0.9})
    picture = draw_place(model, place)
    with PIL.Image.open(io.BytesIO(picture.to_png())) as image:
        recipe = json.loads(image.text["ganvas.recipe"])
        assert image.text["DigitalSourceType"] == SOURCE_TYPE
        assert SOURCE_TYPE in image.text["XML:com.adobe.xmp"]
        pixels = np.asarray(image)
    assert (recipe.pop("model"), recipe.pop("sha256")) == ("dabbler", model.sha256)
    assert recipe["pins"][0] == {"seed": 5, "class": "waves"}
    assert Place.parse(model.card, recipe) == place
    assert np.array_equal(draw_place(model, Place.parse(model.card, recipe)).image, pixels)


def test_a_map_shows_what_single_pictures_show(model):
    places = [Place.parse(model.card, {"pins": PINS, "x": share, "y": 1 - share}) for share in (0, 0.5, 1)]
    for tile, place in zip(draw_map(model, places), places, strict=True):
        difference = np.asarray(tile, int) - np.asarray(draw_place(model, place).image, int)
        assert np.abs(difference).max() <= 1


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"pins": []}, "pins must be 1, 2 or 4 pictures, not 0"),
        ({"pins": PINS[:3]}, "pins must be 1, 2 or 4 pictures, not 3"),
        ({"pins": PINS * 2}, "pins must hold at most 4 entries"),
        ({"pins": None}, "pins must be a list"),
        ({"pins": [7]}, "a pin must be an object with seed, class"),
        ({"pins": [{"class": "dots"}]}, "seed must be a number"),
        ({"pins": [{"seed": 2**32}]}, "seed must lie between 0 and 4294967295"),
        ({"pins": [{"seed": 1, "class": "cats"}]}, "class must be one of any, dots, lines, waves"),
        ({"x": float("nan")}, "x must be a number"),
        ({"x": 1.1}, "x must lie between 0 and 1"),
        ({"y": "0"}, "y must be a number"),
        ({"moves": [1.0]}, "moves must hold at most 0 entries"),
        ({"truncation": 2}, "truncation must lie between"),
        ({"enlarge": 3}, "enlarge must be one of 1, 2, 4, 8"),
        ({"zoom": 2}, "a place has no 'zoom'; it takes pins, x, y"),
    ],
)
def test_arguments_are_checked(model, change, sentence):
    with pytest.raises(RequestError, match=sentence):
        Place.parse(model.card, {"pins": PINS} | change)
