import json

import pytest
from tiny_models import sampler_proto, truncating_proto

from demo.comparison import COLUMNS, read_table, side_by_side
from demo.engine import Model
from demo.errors import ModelError, RequestError
from demo.sampling import ANY, SampleRequest, draw_samples


@pytest.fixture
def models(save):
    return {
        name: Model.open(save(make(name))) for name, make in (("dabbler", sampler_proto), ("grainy", truncating_proto))
    }


def test_every_model_paints_the_same_seeds(models):
    sides = side_by_side(models, seed=5, count=2)
    assert [side.name for side in sides] == ["dabbler", "grainy"]
    for side in sides:
        assert [sample.recipe["seed"] for sample in side.samples] == [5, 6]
        request = SampleRequest.parse(models[side.name], choice=ANY, seed=5, count=2, truncation=1, enlarge=1)
        expected = draw_samples(models[side.name], request)
        assert [sample.to_png() for sample in side.samples] == [sample.to_png() for sample in expected]
        files = models[side.name].folder.glob("*.onnx")
        assert side.kilobytes == pytest.approx(sum(file.stat().st_size for file in files) / 1000, abs=0.1)
        assert side.milliseconds > 0


@pytest.mark.parametrize(("seed", "count"), [(-1, 2), (0, 0), (0, 17), ("0", 2), (0, 1.5)])
def test_what_is_out_of_range_is_refused(models, seed, count):
    with pytest.raises(RequestError):
        side_by_side(models, seed=seed, count=count)


def test_no_model_at_all_is_refused(models):
    with pytest.raises(RequestError, match="choose 1 to 8 models"):
        side_by_side({}, seed=0, count=1)


def test_the_table_of_a_zoo(tmp_path):
    row = dict.fromkeys(COLUMNS, 1)
    path = tmp_path / "zoo.json"
    assert read_table(path) == []
    path.write_text(json.dumps([row]))
    assert read_table(path) == [row]
    for damaged in ("[", "[1]", json.dumps([{"recipe": "x"}])):
        path.write_text(damaged)
        with pytest.raises(ModelError, match="make it anew"):
            read_table(path)
