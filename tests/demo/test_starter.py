"""The models that ship with the project: small, whole, and worth looking at in every class."""

import numpy as np
import pytest

from demo.catalog import STARTER, Catalog
from demo.sampling import SampleRequest, draw_samples

NAMES = sorted(path.name for path in STARTER.iterdir() if path.is_dir())


def test_a_page_without_a_pipeline_has_something_to_show(tmp_path):
    catalog = Catalog(tmp_path / "nowhere", starter=STARTER)
    assert list(catalog.models("sample")) == NAMES != []
    assert [entry.problem for entry in catalog.entries()] == [""] * len(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_a_model_is_small_and_paints_every_class(name, tmp_path):
    assert (STARTER / name / "model.onnx").stat().st_size < 16 * 2**20
    model = Catalog(tmp_path, starter=STARTER).model(name, task="sample")
    assert model.card.recipe == name
    assert f"## {name}" in (STARTER / "README.md").read_text()
    pictures = []
    for choice in model.card.choices:
        request = SampleRequest.parse(model, choice=choice.name, seed=1, count=3, truncation=1.0, enlarge=1)
        pictures.append([np.asarray(sample.image, float) for sample in draw_samples(model, request)])
    arrays = np.stack(pictures)
    assert arrays.std(axis=(3, 2, 4)).min() > 10, "no picture is flat"
    assert arrays.std(axis=1).mean(axis=(1, 2, 3)).min() > 5, "seeds differ in every class"
    assert arrays.mean(axis=1).std(axis=0).mean() > 20, "classes differ"
