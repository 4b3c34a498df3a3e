"""The models that ship with the project: small, whole, and worth looking at in every class."""

import base64
import io

import numpy as np
import PIL.Image
import pytest

from demo.catalog import STARTER, Catalog
from demo.gallery import open_gallery
from demo.images import EXAMPLES, read_picture, to_array
from demo.sampling import SampleRequest, draw_samples

CATALOG = Catalog(STARTER / "nowhere", starter=STARTER)
NAMES = sorted(path.name for path in STARTER.iterdir() if path.is_dir())
PAINTERS, STYLISTS = (sorted(CATALOG.models(task)) for task in ("sample", "stylize"))


def test_a_page_without_a_pipeline_has_something_to_show(tmp_path):
    catalog = Catalog(tmp_path / "nowhere", starter=STARTER)
    assert [entry.problem for entry in catalog.entries()] == [""] * len(NAMES)
    assert PAINTERS
    assert STYLISTS


@pytest.mark.parametrize("name", NAMES)
def test_a_model_is_small_and_told_of(name):
    assert sum(file.stat().st_size for file in (STARTER / name).iterdir()) < 32 * 2**20
    assert f"## {name}" in (STARTER / "README.md").read_text()


@pytest.mark.parametrize("name", PAINTERS)
def test_a_painter_paints_every_class(name, tmp_path):
    model = Catalog(tmp_path, starter=STARTER).model(name, task="sample")
    assert model.card.recipe == name
    pictures = []
    for choice in model.card.choices:
        request = SampleRequest.parse(model, choice=choice.name, seed=1, count=3, truncation=1.0, enlarge=1)
        pictures.append([np.asarray(sample.image, float) for sample in draw_samples(model, request)])
    arrays = np.stack(pictures)
    assert arrays.std(axis=(3, 2, 4)).min() > 10, "no picture is flat"
    assert arrays.std(axis=1).mean(axis=(1, 2, 3)).min() > 5, "seeds differ in every class"
    assert arrays.std(axis=0).mean() > 10, "a seed differs from class to class"
    assert arrays.mean(axis=1).std(axis=0).mean() > 20, "classes differ"


def painted(model, code, *, strength=1.0):
    photograph = read_picture(EXAMPLES[0]).convert("RGB").resize((128, 96))
    feeds = {
        "content": to_array(photograph),
        "code": np.asarray(code, np.float32)[None],
        "strength": np.full((1, 1), strength, np.float32),
        "noise": np.zeros((1, model.card.inputs[3].shape[1]), np.float32),
    }
    return model.run(feeds)[0], feeds["content"][0]


@pytest.mark.parametrize("name", STYLISTS)
def test_a_stylist_knows_its_styles_apart_and_keeps_the_photograph_at_strength_zero(name):
    model = CATALOG.model(name, task="stylize")
    styles = open_gallery(model, STARTER).styles
    results = [painted(model, style.code) for style in styles]
    photograph = results[0][1]
    assert np.array_equal(painted(model, styles[0].code, strength=0.0)[0], photograph)
    pictures = np.stack([picture for picture, _ in results])
    assert pictures.std(axis=(2, 3)).max(axis=1).min() > 0.05, "no picture is flat"
    assert (
        np.abs(pictures[:, None] - pictures[None]).mean(axis=(2, 3, 4))[~np.eye(len(styles), dtype=bool)].min() > 0.02
    )


def moments(picture):
    return np.concatenate([picture.mean(axis=(1, 2)), picture.std(axis=(1, 2))])


@pytest.mark.parametrize("name", STYLISTS)
def test_a_stylist_takes_the_colours_of_the_picture_that_it_is_shown(name):
    """Of the paintings by all thumbnails' codes, its own is nearest to a thumbnail in its colours, for most of them."""
    model = CATALOG.model(name, task="stylize")
    shown, made = [], []
    for style in open_gallery(model, STARTER).styles:
        thumbnail = PIL.Image.open(io.BytesIO(base64.b64decode(style.thumbnail.partition(",")[2]))).convert("RGB")
        shown.append(moments(to_array(thumbnail)[0]))
        made.append(moments(painted(model, model.companion("encoder").run({"style": to_array(thumbnail)})[0])[0]))
    distances = np.linalg.norm(np.stack(shown)[:, None] - np.stack(made)[None], axis=2)
    assert (distances.argmin(axis=1) == np.arange(len(shown))).mean() >= 0.6
