"""Paintings of photographs are made again from the photograph, and from no other."""

import base64
import hashlib
import io
import json

import numpy as np
import PIL.Image
import pytest
from test_studio import post, refusal
from test_verification import png
from tiny_models import stylizer_proto, translator_proto
from tiny_stylizers import encoder_proto

from demo.catalog import Catalog
from demo.errors import RequestError
from demo.repainting import needed, repaint
from demo.stylist import Order, Stylist
from demo.translation import TranslationRequest, translate
from demo.verification import verify


@pytest.fixture
def catalog(save, tmp_path):
    save(stylizer_proto(), {"encoder": encoder_proto()})
    for translation in ("inpaint", "colorize", "sketch"):
        save(translator_proto(translation))
    return Catalog(tmp_path)


@pytest.fixture
def file(tmp_path, photograph):
    path = tmp_path / "photograph.jpg"
    path.write_bytes(photograph)
    return path


def picture_file(mode="RGB", seed=0):
    levels = np.random.default_rng(seed).integers(0, 256, (75, 100, 3) if mode == "RGB" else (75, 100)).astype(np.uint8)
    stream = io.BytesIO()
    PIL.Image.fromarray(levels).save(stream, "PNG")
    return stream.getvalue()


def test_a_painting_asks_for_its_photograph_and_is_made_again(catalog, file):
    painted = Stylist(catalog).serve(Order(file, "tinter", mixture={"rust": 1, "moss": 2}, strength=0.5, colours=0.3))
    content = painted.to_png()
    asked = verify(catalog, content)
    assert (asked.verdict, asked.needs) == ("needs picture", ("photograph",))
    report = verify(catalog, content, {"photograph": file.read_bytes()})
    assert (report.verdict, report.differing) == ("same", 0)
    assert report.regenerated.recipe == painted.recipe
    other = verify(catalog, content, {"photograph": picture_file()})
    assert other.verdict == "not followed"
    assert "another photograph than the recipe names" in other.reason


def test_a_painting_of_a_cut_out_is_made_again(catalog, tmp_path):
    path = tmp_path / "cut-out.png"
    layer = PIL.Image.open(io.BytesIO(picture_file()))
    layer.putalpha(PIL.Image.linear_gradient("L").resize(layer.size))
    layer.save(path)
    content = Stylist(catalog).serve(Order(path, "tinter", mixture={"rust": 1}, strength=0.5)).to_png()
    assert verify(catalog, content, {"photograph": path.read_bytes()}).verdict == "same"
    assert PIL.Image.open(io.BytesIO(content)).mode == "RGBA"


def test_an_uploaded_style_and_a_mask_are_asked_for_as_well(catalog, file, tmp_path):
    style, mask = tmp_path / "style.png", tmp_path / "mask.png"
    style.write_bytes(picture_file(seed=1))
    PIL.Image.new("L", (100, 75), 128).save(mask)
    order = Order(file, "tinter", mixture={"rust": 1, "picture": 1}, style_picture=style, mask=mask, feather=0)
    content = Stylist(catalog).serve(order).to_png()
    assert verify(catalog, content).needs == ("photograph", "style_picture", "mask")
    sources = {
        name: path.read_bytes() for name, path in (("photograph", file), ("style_picture", style), ("mask", mask))
    }
    assert verify(catalog, content, sources).verdict == "same"
    assert "another mask" in verify(catalog, content, {**sources, "mask": picture_file("L")}).reason


def test_a_painting_of_the_command_line_is_made_again(catalog, file, tmp_path):
    style = tmp_path / "style.png"
    style.write_bytes(picture_file(seed=1))
    painted = Stylist(catalog).serve(Order(file, "tinter", mixture={"rust": 1, "picture": 3}, style_picture=style))
    recipe = json.loads(json.dumps(painted.recipe).replace('"picture": 0.75', '"style.png": 0.75'))
    recipe["uploaded"] = {"style.png": recipe["uploaded"]["picture"]}
    sources = {"photograph": file.read_bytes(), "style_picture": style.read_bytes()}
    assert verify(catalog, png(painted.image, recipe), sources).verdict == "same"


def test_a_size_that_the_picture_does_not_have_is_not_painted(catalog, file, monkeypatch):
    monkeypatch.setattr("demo.verification.MAX_REPAINTED", 300)
    asked = []
    monkeypatch.setattr("demo.verification.repaint", lambda _, recipe, __: asked.append(recipe["size"]) or painted)
    painted = Stylist(catalog).serve(Order(file, "tinter", style="rust", size=256))
    for size in (8192, 0, 256):
        verify(catalog, png(painted.image, {**painted.recipe, "size": size}), {"photograph": file.read_bytes()})
    assert asked == [300, 300, 256]


def test_a_changed_pixel_of_a_painting_is_found(catalog, file):
    painted = Stylist(catalog).serve(Order(file, "tinter", style="rust"))
    pixels = np.array(painted.image)
    pixels[3, 5, 1] ^= 9
    report = verify(catalog, png(PIL.Image.fromarray(pixels), painted.recipe), {"photograph": file.read_bytes()})
    assert (report.verdict, report.differing, report.largest) == ("differs", 1, 9)


@pytest.mark.parametrize("translation", ["inpaint", "colorize", "sketch"])
def test_a_translation_is_made_again_from_its_picture(catalog, translation):
    model = catalog.model(f"{translation}er", task="translate")
    content = picture_file("L" if translation == "sketch" else "RGB")
    stream = io.BytesIO()
    hole = PIL.Image.new("L", (100, 75))
    hole.paste(255, (20, 10, 60, 40))
    hole.save(stream, "PNG")
    given = PIL.Image.open(io.BytesIO(content))
    choice = model.card.choices[-1].name if model.card.choices else ""
    request = TranslationRequest.parse(model, choice=choice, size=128, hints=[[0.5, 0.5, "#ff0000"]])
    # The page knows no file of what lies on a canvas, so there the digest is that of the pixels.
    digest = hashlib.sha256(content if translation == "colorize" else given.tobytes()).hexdigest()
    done = translate(model, request, picture=given, mask=hole, digest=digest)
    sources = {"picture": content} | ({"mask": stream.getvalue()} if translation == "inpaint" else {})
    assert verify(catalog, done.to_png()).needs == tuple(sources)
    assert verify(catalog, done.to_png(), sources).verdict == "same"
    other = verify(catalog, done.to_png(), sources | {"picture": picture_file(seed=5)})
    assert "another picture than the recipe names" in other.reason


def test_other_recipes_need_nothing():
    assert needed({"seed": 1}) == needed({"pins": []}) == needed({"code": []}) == ()


@pytest.mark.parametrize("damage", [{"uploaded": [1]}, {"mask": "x"}, {"uploaded": {"picture": 7}}])
def test_damaged_recipes_are_told_in_one_sentence(catalog, file, damage):
    recipe = {"model": "tinter", "styles": {"rust": 1}, "photograph": "", **damage}
    sources = dict.fromkeys(("photograph", "style_picture", "mask"), file.read_bytes())
    with pytest.raises(RequestError, match="damaged"):
        repaint(catalog, recipe, sources)


def test_the_endpoint_repaints_and_refuses(server, file):
    painted = Stylist(Catalog(server.models)).serve(Order(file, "tinter", style="moss"))
    said = {"result": painted.to_png(), "photograph": file.read_bytes()}
    body = {name: base64.b64encode(content).decode() for name, content in said.items()}
    assert json.loads(post(server, "repaint", body))["verdict"] == "same"
    for change, sentence in (
        ({"photograph": "not base64!"}, "every file must be base64; encode it anew"),
        ({"photograph": 7}, "every file must be base64; encode it anew"),
        ({"other": ""}, "the request has no 'other'; it takes result, photograph, style_picture, picture, mask"),
    ):
        assert refusal(server, "repaint", body | change) == (400, sentence)
    assert refusal(server, "repaint", {})[1].startswith("the request must have the picture to check under 'result'")
