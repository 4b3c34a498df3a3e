"""The Translate tab and the endpoint `/translate` of the running page, and what its controls do."""

import hashlib
import json
import re
import shutil
from types import SimpleNamespace

import gradio as gr
import numpy as np
import PIL.Image
import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from tiny_models import TINTS, translator_proto

from demo.canvas import hexadecimal, mask_of, take_given
from demo.catalog import Catalog
from demo.composition import to_levels
from demo.images import read_picture
from demo.tabs.translate import _add_hint, _Handlers

TASKS = ("inpaint", "superres", "colorize", "sketch", "unpaired")
SIZE = (100, 75)


@pytest.fixture(scope="module")
def client(server, tmp_path_factory):
    """A client of the page while it also has a model of every translation."""
    for task in TASKS:
        folder = server.models / f"{task}er"
        folder.mkdir()
        (folder / "model.onnx").write_bytes(translator_proto(task).SerializeToString())
    client = Client(server.url, verbose=False, download_files=str(tmp_path_factory.mktemp("downloads")))
    yield client
    client.close()
    for task in TASKS:
        shutil.rmtree(server.models / f"{task}er")


@pytest.fixture
def picture(tmp_path):
    path = tmp_path / "picture.png"
    PIL.Image.fromarray(np.random.default_rng(0).integers(0, 256, (75, 100, 3)).astype(np.uint8)).save(path)
    return path


@pytest.fixture
def mask(tmp_path):
    path = tmp_path / "mask.png"
    image = PIL.Image.new("L", SIZE)
    image.paste(255, (20, 10, 60, 40))
    image.save(path)
    return path


def test_inpainting_by_the_endpoint_keeps_known_pixels(client, picture, mask):
    result, baseline = client.predict(
        handle_file(picture), "inpainter", mask=handle_file(mask), size=256, api_name="/translate"
    )
    with PIL.Image.open(picture) as given, PIL.Image.open(mask) as hole:
        known = np.asarray(hole) == 0
        for path in (result, baseline):
            with PIL.Image.open(path) as image:
                assert image.format == "PNG"
                assert np.array_equal(np.asarray(image)[known], np.asarray(given)[known])
    with PIL.Image.open(result) as image:
        assert (np.asarray(image)[~known] == to_levels(TINTS[0])).all()
        assert json.loads(image.text["ganvas.recipe"])["translation"] == "inpaint"


def test_the_other_tasks_have_defaults(client, picture):
    for model, choice in (("superreser", "x4"), ("colorizeer", ""), ("sketcher", "moss"), ("unpaireder", "")):
        result, baseline = client.predict(handle_file(picture), model, choice, api_name="/translate")
        with PIL.Image.open(result) as image, PIL.Image.open(baseline) as plain:
            assert image.size == plain.size == ((400, 300) if model == "superreser" else SIZE)


def test_hints_arrive(client, picture):
    hints = [[0.5, 0.5, "#ff0000"]]
    result, _ = client.predict(handle_file(picture), "colorizeer", hints=hints, api_name="/translate")
    with PIL.Image.open(result) as image:
        assert json.loads(image.text["ganvas.recipe"])["hints"] == hints


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"model": "inpainter"}, "there is no mask; paint over what is to be filled"),
        ({"model": "superreser", "choice": "x3"}, "choice must be one of x2, x4, not 'x3'"),
        ({"model": "colorizeer", "hints": "red"}, "hints must be a list of at most 64 entries"),
        ({"model": "colorizeer", "hints": [[2, 0, "#ff0000"]]}, "a hint must be like [0.5, 0.25,"),
        ({"model": "unpaireder", "size": 9}, "size must lie between 64 and 2048"),
        ({"model": "dabbler"}, "there is no model 'dabbler' for this; choose from: colorizeer, inpainter"),
    ],
)
def test_the_endpoint_refuses_with_one_sentence(client, picture, arguments, sentence):
    with pytest.raises(AppError, match=re.escape(sentence)):
        client.predict(handle_file(picture), **arguments, api_name="/translate")


def test_pictures_that_cannot_be_taken_are_refused(client, picture, mask, tmp_path):
    with pytest.raises(AppError, match="there is no picture; choose one first"):
        client.predict(None, "unpaireder", api_name="/translate")
    small = tmp_path / "small.png"
    PIL.Image.new("RGB", (5, 90)).save(small)
    with pytest.raises(AppError, match="5 x 90 pixels, smaller than the 8 that the network needs"):
        client.predict(handle_file(small), "unpaireder", api_name="/translate")
    PIL.Image.new("RGB", (50, 90)).save(small)
    with pytest.raises(AppError, match="the mask is 100 x 75 pixels, the picture 50 x 90"):
        client.predict(handle_file(small), "inpainter", mask=handle_file(mask), api_name="/translate")


class TestControls:
    @pytest.fixture
    def do(self, save, tmp_path):
        for task in TASKS:
            save(translator_proto(task))
        cache = tmp_path / "cache"
        cache.mkdir()
        return _Handlers(Catalog(tmp_path), str(cache))

    @pytest.mark.parametrize(
        ("model", "shown"),
        [
            ("inpainter", [2, 7]),
            ("superreser", [0, 1, 4]),
            ("colorizeer", [0, 1, 5, 6, 7]),
            ("sketcher", [3, 4, 7]),
            ("unpaireder", [0, 1, 7]),
            (None, [7]),
        ],
    )
    def test_a_task_shows_what_it_needs(self, do, model, shown):
        updates = do.show_controls(model)
        assert [place for place, update in enumerate(updates[:8]) if update["visible"]] == shown
        assert sum(update["visible"] for update in updates[8:-1]) == (model is not None)
        assert updates[-1] == model

    def test_a_drawing_stays_for_another_model_that_takes_one(self, do):
        canvas = 3
        assert "value" not in do.choose("sketcher", "sketcher")[canvas]
        assert "value" in do.choose("sketcher", "superreser")[canvas]
        assert "value" in do.choose("sketcher", None)[canvas]

    def test_a_painted_picture_is_filled(self, do):
        background = PIL.Image.new("RGBA", SIZE, (10, 200, 30, 255))
        layer = PIL.Image.new("RGBA", SIZE)
        layer.paste((207, 82, 50, 255), (5, 5, 30, 30))
        editor = {"background": background, "layers": [layer], "composite": None}
        values = {"model": "inpainter", "picture": None, "canvas": None, "choice": "", "hints": [], "size": 256}
        html, path = do.show(editor=editor, **values)
        assert html.count("gradio_api/file=") == 2
        with PIL.Image.open(path) as image:
            assert image.getpixel((60, 60)) == (10, 200, 30)
            assert image.getpixel((10, 10)) == tuple(to_levels(TINTS[0]))
        with pytest.raises(gr.Error, match="the mask is empty"):
            do.show(editor=editor | {"layers": []}, **values)
        assert do.reshow(editor=editor | {"layers": []}, **values) == ("", None)
        with pytest.raises(gr.Error, match="there is no picture; choose one first"):
            do.show(editor=None, **values)

    def test_a_drawing_is_painted_and_an_empty_one_refused(self, do):
        canvas = PIL.Image.new("RGBA", (64, 64))
        values = {"model": "sketcher", "picture": None, "editor": None, "choice": "moss", "hints": [], "size": 64}
        for nothing in (None, {"composite": None}, {"composite": canvas}):
            with pytest.raises(gr.Error, match="there is nothing on the drawing"):
                do.show(canvas=nothing, **values)
        canvas.paste((0, 0, 0, 255), (10, 10, 50, 14))
        _, path = do.show(canvas={"composite": canvas}, **values)
        with PIL.Image.open(path) as image:
            assert image.size == (64, 64)

    def test_nothing_is_drawn_before_there_is_a_picture(self, do):
        values = dict.fromkeys(["picture", "editor", "canvas"])
        assert do.reshow(model="unpaireder", choice="", hints=[], size=64, **values) == ("", None)
        assert do.reshow(model=None, choice="", hints=[], size=64, **values) == ("", None)

    def test_a_click_becomes_a_hint(self, picture):
        event = gr.SelectData(None, {"index": [50, 15], "value": None})
        hints = _add_hint({"path": str(picture)}, "rgba(255, 16.2, 0, 1)", [[0, 0, "#000000"]], event)
        assert hints == [[0, 0, "#000000"], [0.5, 0.2, "#ff1000"]]


def test_marks_of_every_layer_become_a_mask():
    first, second = PIL.Image.new("RGBA", (8, 4)), PIL.Image.new("RGBA", (8, 4))
    first.putpixel((1, 1), (0, 0, 0, 255))
    second.putpixel((6, 2), (255, 255, 255, 200))
    marked = np.asarray(mask_of([first, second], (8, 4)))
    assert np.argwhere(marked).tolist() == [[1, 1], [2, 6]]
    assert not np.asarray(mask_of([], (8, 4))).any()


@pytest.mark.parametrize("colour", ["rgba(1.2.3,0,0", "rgba(", "", "rgb(300, 1.5, 2)"])
def test_colours_that_are_none_end_in_no_error(colour):
    assert len(hexadecimal(colour)) <= 7
    assert hexadecimal("rgb(300, 1.5, 2)") == "#ff0102"


def test_a_transparent_picture_is_filled_as_it_is_read_from_its_file(tmp_path):
    picture = PIL.Image.new("RGBA", (64, 64), (200, 60, 90, 255))
    picture.paste((0, 0, 0, 0), (0, 0, 16, 16))
    layer = PIL.Image.new("RGBA", (64, 64))
    layer.paste((255, 0, 0, 255), (30, 30, 40, 40))
    model = SimpleNamespace(card=SimpleNamespace(translation="inpaint"))
    given, mask, digest = take_given(
        model, picture=None, editor={"background": picture, "layers": [layer]}, canvas=None
    )
    path = tmp_path / "picture.png"
    picture.save(path)
    expected = read_picture(path)
    assert np.array_equal(given, expected)
    assert digest == hashlib.sha256(expected.tobytes()).hexdigest()
    assert np.count_nonzero(mask) == 100


def test_colours_of_the_picker():
    assert hexadecimal("#12ab34") == "#12ab34"
    assert hexadecimal("rgba(18, 171.0, 52, 0.5)") == "#12ab34"
