import io
import json
import zipfile

import numpy as np
import PIL.Image
import pytest
from tiny_models import CLASS_SHIFT, FAMILIES, sampler_proto, truncating_proto

from demo.engine import Model, draw_noise
from demo.errors import RequestError
from demo.places import ANY, MAX_SEED
from demo.sampling import SampleRequest, draw_samples, file_name, pack_samples

GOOD = {"choice": "waves", "seed": 7, "count": 3, "truncation": 0.5, "enlarge": 1}


@pytest.fixture
def model(save):
    return Model.open(save(sampler_proto()))


def draw(model, **changes):
    return draw_samples(model, SampleRequest.parse(model, **(GOOD | changes)))


def test_pictures_are_the_graphs_own(model):
    samples = draw(model)
    assert [sample.recipe["seed"] for sample in samples] == [7, 8, 9]
    expected = np.tanh(draw_noise([8], 192)[0] * 0.5 + CLASS_SHIFT[2]).reshape(3, 8, 8).transpose(1, 2, 0)
    difference = np.asarray(samples[1].image) - (expected + 1) * 127.5
    assert np.abs(difference).max() <= 0.51


def test_a_picture_depends_on_its_seed_alone(model):
    together = draw(model, choice=ANY, count=16, seed=0)
    alone = draw(model, choice=ANY, count=1, seed=11)[0]
    assert together[11].to_png() == alone.to_png()
    assert together[11].recipe == alone.recipe


def test_any_class_goes_by_the_seed(model):
    classes = [sample.recipe["class"] for sample in draw(model, choice=ANY, count=4, seed=1)]
    assert classes == [FAMILIES[1], FAMILIES[2], FAMILIES[0], FAMILIES[1]]


def test_without_truncation_left_all_pictures_of_a_class_agree(model):
    pictures = [np.asarray(sample.image) for sample in draw(model, truncation=0)]
    assert np.array_equal(pictures[0], pictures[1])


@pytest.mark.parametrize("truncation", [0, 0.4, 1, 1.5])
def test_a_graph_that_truncates_gets_the_share_and_the_noise_stays_whole(save, truncation):
    model = Model.open(save(truncating_proto()))
    sample = draw(model, choice=ANY, seed=5, count=1, truncation=truncation)[0]
    latent, noise = np.split(draw_noise([5], 384)[0], 2)
    expected = np.tanh(latent * truncation + noise).reshape(3, 8, 8).transpose(1, 2, 0)
    assert np.abs(np.asarray(sample.image) - (expected + 1) * 127.5).max() <= 0.51
    assert sample.recipe["truncation"] == truncation


@pytest.mark.parametrize("factor", [1, 2, 4, 8])
def test_enlarged_pictures(model, factor):
    assert draw(model, enlarge=factor)[0].image.size == (8 * factor, 8 * factor)


def test_png_tells_how_to_make_it_again(model):
    sample = draw(model)[0]
    with PIL.Image.open(io.BytesIO(sample.to_png())) as image:
        recipe = json.loads(image.text["ganvas.recipe"])
        assert np.array_equal(image, sample.image)
    assert recipe == {
        "model": "dabbler",
        "sha256": model.sha256,
        "seed": 7,
        "class": "waves",
        "truncation": 0.5,
        "enlarge": 1,
    }


def test_zip_holds_every_picture_and_its_recipe(model):
    samples = draw(model)
    packed = pack_samples(samples)
    assert packed == pack_samples(draw(model))
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        assert archive.testzip() is None
        manifest = json.loads(archive.read("manifest.json"))
        for sample, entry in zip(samples, manifest["pictures"], strict=True):
            assert archive.read(entry["file"]) == sample.to_png()
            assert entry == {"file": file_name(sample), **sample.recipe}


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"choice": "cats"}, "class_name must be one of any, dots, lines, waves, not 'cats'"),
        ({"choice": None}, "class_name must be one of"),
        ({"seed": -1}, "seed must lie between 0 and"),
        ({"seed": 1e308}, "seed must lie between"),
        ({"seed": float("nan")}, "seed must be a number"),
        ({"seed": "7"}, "seed must be a number"),
        ({"seed": True}, "seed must be a number"),
        ({"seed": 1.5}, "seed must be a whole number"),
        ({"seed": MAX_SEED}, "seed must lie between"),
        ({"count": 0}, "count must lie between 1 and 16"),
        ({"count": 17}, "count must lie between 1 and 16"),
        ({"count": [3]}, "count must be a number"),
        ({"truncation": 1.6}, "truncation must lie between 0 and 1.5"),
        ({"truncation": float("inf")}, "truncation must be a number"),
        ({"truncation": None}, "truncation must be a number"),
        ({"enlarge": 3}, "enlarge must be one of 1, 2, 4, 8"),
        ({"enlarge": 16}, "enlarge must lie between 1 and 8"),
    ],
)
def test_arguments_are_checked(model, change, sentence):
    with pytest.raises(RequestError, match=sentence):
        draw(model, **change)


def test_last_seeds_are_allowed(model):
    assert draw(model, seed=MAX_SEED - 2)[-1].recipe["seed"] == MAX_SEED
