import numpy as np
import pytest
from tiny_models import sampler_proto

from demo.engine import Model
from demo.errors import RequestError
from demo.journeys import EASINGS, Journey, travel
from demo.places import Place, draw_place

PINS = [{"seed": 1, "class": "dots"}, {"seed": 2, "class": "waves"}, {"seed": 3, "class": "lines"}]
GOOD = {"pins": PINS, "seconds": 0.5, "rate": 10, "easing": "linear"}


@pytest.fixture
def model(save):
    return Model.open(save(sampler_proto()))


def parse(model, **changes):
    return Journey.parse(model.card, GOOD | changes)


def test_a_journey_passes_every_pin(model):
    journey = parse(model)
    frames = [np.asarray(picture.image, int) for picture in travel(model, journey)]
    assert len(frames) == journey.frames == 11
    for frame, pin in zip(frames[::5], PINS, strict=True):
        alone = draw_place(model, Place.parse(model.card, {"pins": [pin]})).image
        assert np.abs(frame - np.asarray(alone, int)).max() <= 1


def test_one_that_comes_back_ends_before_its_first_picture(model):
    places = list(parse(model, loop=True).places())
    assert len(places) == 15
    assert [pin.seed for pin in places[-1].pins] == [3, 1]
    assert places[-1].x == pytest.approx(0.8)


@pytest.mark.parametrize("name", EASINGS)
def test_easings_go_from_0_to_1_and_are_as_fast_out_as_in(name):
    ease = EASINGS[name]
    shares = np.linspace(0, 1, 21)
    eased = np.array([ease(share) for share in shares])
    assert (ease(0), ease(1)) == (0, 1)
    assert (np.diff(eased) > 0).all()
    np.testing.assert_allclose(eased + eased[::-1], 1, atol=1e-12)


def test_each_frame_can_be_drawn_again_from_its_own_recipe(model):
    picture = list(travel(model, parse(model, easing="gentle")))[3]
    said = {key: value for key, value in picture.recipe.items() if key not in {"model", "sha256"}}
    assert np.array_equal(draw_place(model, Place.parse(model.card, said)).image, picture.image)


def test_the_recipe_is_read_back_as_the_same_journey(model):
    journey = parse(model, loop=True)
    recipe = journey.recipe(model)
    assert (recipe.pop("model"), recipe.pop("sha256")) == ("dabbler", model.sha256)
    assert Journey.parse(model.card, recipe) == journey


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"pins": PINS[:1]}, "pins must be 2 to 12 pictures, not 1"),
        ({"pins": PINS * 5}, "pins must hold at most 12 entries"),
        ({"seconds": 0}, "seconds must lie between 0.2 and 20"),
        ({"rate": 30}, "rate must be one of 10, 20, 25, 50"),
        ({"easing": "bouncy"}, "easing must be one of linear, smooth, gentle, sine"),
        ({"loop": 1}, "loop must be true or false"),
        ({"seconds": 20, "rate": 50}, "the journey has 2001 frames, more than the 600 of 8 x 8 pixels"),
        ({"speed": 2}, "a journey has no 'speed'"),
    ],
)
def test_arguments_are_checked(model, change, sentence):
    with pytest.raises(RequestError, match=sentence):
        parse(model, **change)


def test_larger_frames_make_shorter_films(save):
    model = Model.open(save(sampler_proto()))
    card = model.card.__class__.from_json(model.card.to_json().replace('"size": 8', '"size": 256'))
    with pytest.raises(RequestError, match="more than the 11 of 2048 x 2048 pixels"):
        Journey.parse(card, GOOD | {"enlarge": 8, "seconds": 1})
