import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest
from tiny_models import sampler_proto, stylizer_proto

from demo.catalog import Catalog
from demo.engine import Model
from demo.errors import ModelError, RequestError
from demo.shelf import Shelf


def test_good_and_bad_models_stand_side_by_side(save, tmp_path):
    save(sampler_proto())
    save(stylizer_proto())
    torn = save(sampler_proto("torn"))
    torn.write_bytes(torn.read_bytes()[:200])
    (tmp_path / "unfinished").mkdir()
    (tmp_path / "notes.txt").touch()
    catalog = Catalog(tmp_path)
    assert [entry.name for entry in catalog.entries()] == ["dabbler", "tinter", "torn", "unfinished"]
    assert list(catalog.models("sample")) == ["dabbler"]
    assert list(catalog.models("stylize")) == ["tinter"]
    problems = [entry.problem for entry in catalog.entries()]
    assert problems[:2] == ["", ""]
    assert "damaged or cut short" in problems[2]
    assert "does not exist; make it with `make repro`" in problems[3]
    with pytest.raises(ModelError, match="damaged or cut short"):
        catalog.model("torn", task="sample")
    with pytest.raises(RequestError, match="no model 'tinter' for this; choose from: dabbler"):
        catalog.model("tinter", task="sample")


def test_models_of_grey_pictures_come_after_those_of_coloured_ones(save, tmp_path):
    save(sampler_proto())
    grey = sampler_proto("ashen")
    entry = grey.metadata_props[0]
    entry.value = entry.value.replace('"channels": 3', '"channels": 1')
    save(grey)
    assert list(Catalog(tmp_path).models("sample")) == ["dabbler", "ashen"]


def test_an_export_is_picked_up_and_an_unchanged_file_is_not_opened_again(save, tmp_path):
    catalog = Catalog(tmp_path)
    assert catalog.entries() == ()
    path = save(sampler_proto())
    first = catalog.model("dabbler", task="sample")
    assert catalog.model("dabbler", task="sample") is first
    path.write_bytes(sampler_proto(metadata={"note": "again"}).SerializeToString())
    os.utime(path, ns=(1, 1))
    second = catalog.model("dabbler", task="sample")
    assert second.sha256 != first.sha256
    path.unlink()
    assert catalog.models("sample") == {}
    save(sampler_proto())
    assert catalog.model("dabbler", task="sample").sha256 == first.sha256


def test_models_that_ship_are_served_until_the_folder_has_one_of_that_name(save, tmp_path):
    path = save(sampler_proto())
    starter = tmp_path / "starter"
    (starter / "dabbler").mkdir(parents=True)
    path.rename(starter / "dabbler" / "model.onnx")
    catalog = Catalog(tmp_path / "models", starter=starter)
    shipped = catalog.model("dabbler", task="sample")
    (tmp_path / "models" / "etcher").mkdir(parents=True)
    assert [entry.name for entry in catalog.entries()] == ["etcher", "dabbler"], "what ships comes last"
    own = catalog.folder / "dabbler" / "model.onnx"
    own.parent.mkdir(parents=True)
    own.write_bytes(sampler_proto(metadata={"note": "own"}).SerializeToString())
    assert catalog.model("dabbler", task="sample").sha256 != shipped.sha256
    own.unlink()
    own.parent.rmdir()
    assert catalog.model("dabbler", task="sample").sha256 == shipped.sha256


@pytest.mark.parametrize(
    "name", ["", ".", "..", "../models/dabbler", "dabbler/", "_dabbler", "dab\0bler", "d" * 5000, 7, None]
)
def test_only_the_name_of_a_folder_finds_a_model(save, tmp_path, name):
    save(sampler_proto())
    (tmp_path / "_dabbler").mkdir()
    catalog = Catalog(tmp_path)
    assert catalog.find("dabbler").model
    assert catalog.find(name) is None
    with pytest.raises(RequestError, match="choose from: dabbler"):
        catalog.model(name, task="sample")


def test_a_model_that_many_ask_for_at_once_is_read_once(save, tmp_path, monkeypatch):
    save(sampler_proto())
    catalog, read, begin = Catalog(tmp_path), [], threading.Barrier(8)

    def reading(path, *, engine):
        read.append(path)
        time.sleep(0.05)
        return Model.read(path, engine=engine)

    monkeypatch.setattr("demo.catalog.Model", SimpleNamespace(read=reading))

    def ask(_: int) -> Model:
        begin.wait()
        return catalog.model("dabbler", task="sample")

    with ThreadPoolExecutor(8) as threads:
        models = list(threads.map(ask, range(8)))
    assert len(read) == 1
    assert all(model is models[0] for model in models)


def test_no_folder_is_no_model(tmp_path):
    catalog = Catalog(tmp_path / "nowhere")
    assert catalog.entries() == ()
    assert catalog.provider() is None
    with pytest.raises(RequestError, match="make repro"):
        catalog.model("dabbler", task="sample")


def test_provider_is_read_from_the_sessions(save, tmp_path):
    save(sampler_proto())
    catalog = Catalog(tmp_path, Shelf("cpu"))
    assert catalog.provider() == "CPU"
