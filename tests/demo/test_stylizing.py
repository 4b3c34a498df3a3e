import base64
import hashlib
import io
import json

import gradio as gr
import numpy as np
import PIL.Image
import pytest
from tiny_models import TINTS, sampler_proto, stylizer_proto
from tiny_stylizers import encoder_proto, normalising_proto, tile_proto

from demo import tiling
from demo.catalog import Catalog
from demo.desk import Desk
from demo.engine import Model, draw_noise
from demo.errors import ModelError, PictureError, RequestError
from demo.gallery import open_gallery
from demo.images import to_array
from demo.masks import Mask
from demo.styles import parse_mixture
from demo.stylist import Stylist
from demo.stylization import StyleRequest, read_photograph, stylize

GOOD = {"strength": 0.5, "variation": 0, "size": 256}


@pytest.fixture
def model(save):
    return Model.open(save(stylizer_proto()))


@pytest.fixture
def upload(tmp_path, photograph):
    path = tmp_path / "photograph.jpg"
    path.write_bytes(photograph)
    return path


def png(pixels):
    stream = io.BytesIO()
    PIL.Image.fromarray(np.asarray(pixels, np.uint8)).save(stream, "PNG")
    return stream.getvalue()


def save_as(path, image):
    image.save(path)
    return path


def paint(model, upload, *, mixture=None, mask=None, **changes):
    styles = parse_mixture(open_gallery(model, model.folder), mixture=mixture or {"moss": 1})
    request = StyleRequest.parse(styles, **(GOOD | changes))
    photograph = read_photograph(upload, size=request.size)
    *_, last = stylize(model, request, photograph=photograph, mask=mask)
    assert last.share == 1
    return last.result


def tinted(tint):
    return (np.tanh(tint) + 1) * 127.5


def test_result_is_the_graphs_own_and_as_large_as_the_photograph(model, upload):
    painted = paint(model, upload)
    assert painted.image.size == painted.photograph.size == (100, 75)
    content = to_array(painted.photograph)[0]
    expected = 0.5 * content + 0.5 * np.tanh(TINTS[1])[:, None, None]
    difference = np.asarray(painted.image).transpose(2, 0, 1) - (expected + 1) * 127.5
    assert np.abs(difference).max() <= 0.51


def test_strength_zero_is_the_photograph_itself(model, upload):
    painted = paint(model, upload, strength=0)
    assert painted.image is painted.photograph
    with PIL.Image.open(upload) as image:
        assert np.array_equal(painted.image, image)


@pytest.mark.parametrize(("strength", "size", "shown"), [(0, 0, (300, 150)), (1, 0, (300, 150)), (1, 128, (128, 64))])
def test_what_was_transparent_stays_so(model, tmp_path, strength, size, shown):
    path = tmp_path / "cut-out.png"
    photograph = PIL.Image.linear_gradient("L").resize((300, 150)).convert("RGB")
    alpha = PIL.Image.new("L", (300, 150))
    alpha.paste(255, (0, 0, 150, 150))
    opaque = paint(model, save_as(path, photograph), strength=strength, size=size).image
    photograph.putalpha(alpha)
    painted = paint(model, save_as(path, photograph), strength=strength, size=size)
    assert (opaque.mode, painted.photograph.mode, painted.image.mode) == ("RGB", "RGB", "RGBA")
    assert painted.image.size == shown
    pixels, inside = np.asarray(painted.image), slice(0, shown[0] // 2 - 4)
    assert np.array_equal(pixels[:, inside, 3], np.full((shown[1], inside.stop), 255))
    assert not pixels[:, shown[0] // 2 + 4 :, 3].any()
    assert np.array_equal(pixels[:, inside, :3], np.asarray(opaque)[:, inside])


def test_a_mixture_is_the_convex_combination_of_codes(model, upload):
    painted = paint(model, upload, mixture={"rust": 3, "moss": 1}, strength=1)
    expected = tinted(0.75 * TINTS[0] + 0.25 * TINTS[1])
    np.testing.assert_allclose(np.asarray(painted.image)[0, 0], expected, atol=0.51, rtol=0)
    assert painted.recipe["styles"] == {"rust": 0.75, "moss": 0.25}


def test_a_style_with_all_the_weight_is_that_style(model, upload):
    alone, mixed = (paint(model, upload, mixture=mixture) for mixture in ({"rust": 1}, {"rust": 7, "moss": 0}))
    assert alone.to_png() == mixed.to_png()


def test_variation_moves_the_result_and_zero_does_not(model, upload):
    plain, varied, again = (paint(model, upload, strength=1, variation=variation) for variation in (0, 5, 5))
    expected = tinted(TINTS[1] + draw_noise([5], 3)[0])
    np.testing.assert_allclose(np.asarray(varied.image)[0, 0], expected, atol=0.51, rtol=0)
    assert varied.to_png() == again.to_png()
    assert plain.to_png() != varied.to_png()


def test_only_what_the_mask_shows_is_painted(model, upload):
    pixels = np.zeros((75, 100))
    pixels[:, 50:] = 255
    mask = Mask.read(png(pixels))
    painted, whole = paint(model, upload, mask=mask, feather=0), paint(model, upload)
    left, right = np.split(np.asarray(painted.image), 2, axis=1)
    assert np.array_equal(left, np.asarray(painted.photograph)[:, :50])
    assert np.array_equal(right, np.asarray(whole.image)[:, 50:])
    soft = np.asarray(paint(model, upload, mask=mask, feather=0.2).image, float)
    assert np.array_equal(soft[:, :5], np.asarray(painted.photograph)[:, :5])
    edge = np.abs(soft - np.asarray(painted.image)).max(axis=(0, 2))[45:55]
    assert edge.min() > 1
    assert painted.recipe["mask"] == {"sha256": mask.digest, "feather": 0}


def test_a_mask_fits_the_photograph_before_it_is_scaled_down(model, upload):
    PIL.Image.open(upload).resize((600, 300)).save(upload)
    painted = paint(model, upload, size=128, mask=Mask.read(png(np.full((300, 600), 255))))
    assert painted.to_png() != paint(model, upload, size=128).to_png()
    assert np.array_equal(painted.image, paint(model, upload, size=128).image)
    with pytest.raises(PictureError, match="the mask is 128 x 64 pixels and the photograph 600 x 300; draw a mask as"):
        paint(model, upload, size=128, mask=Mask.read(png(np.full((64, 128), 255))))


def test_large_pictures_are_painted_in_tiles_with_the_same_result(save, upload, monkeypatch):
    model = Model.open(save(normalising_proto(), {"tile": tile_proto()}))
    PIL.Image.open(upload).resize((420, 300)).save(upload)
    changes = {"mixture": {"rust": 1}, "size": 0, "colours": 0.5, "mask": Mask.read(png(np.tile(range(140), (300, 3))))}
    whole = paint(model, upload, **changes)
    monkeypatch.setattr(tiling, "WHOLE_PIXELS", 100)
    monkeypatch.setattr(tiling, "TILE", 160)
    tiles = paint(model, upload, **changes)
    difference = np.asarray(whole.image, int) - np.asarray(tiles.image)
    assert np.abs(difference).max() <= 1
    assert (difference != 0).mean() < 0.01


def test_longer_side_is_limited_or_the_photographs_own(model, upload):
    assert paint(model, upload, size=128).image.size == (100, 75)
    PIL.Image.open(upload).resize((600, 300)).save(upload)
    assert paint(model, upload, size=128).image.size == (128, 64)
    assert paint(model, upload, size=0).image.size == (600, 300)


def test_png_tells_how_to_make_it_again(model, upload, photograph):
    with PIL.Image.open(io.BytesIO(paint(model, upload, colours=0.25).to_png())) as image:
        recipe = json.loads(image.text["ganvas.recipe"])
    assert recipe == {
        "model": "tinter",
        "sha256": model.sha256,
        "styles": {"moss": 1},
        "uploaded": {},
        "strength": 0.5,
        "colours": 0.25,
        "variation": 0,
        "size": 256,
        "mask": None,
        "photograph": hashlib.sha256(photograph).hexdigest(),
    }


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"strength": 1.01}, "strength must lie between 0 and 1"),
        ({"strength": float("nan")}, "strength must be a number"),
        ({"colours": -0.1}, "colours must lie between 0 and 1"),
        ({"feather": 2}, "feather must lie between 0 and 0.2"),
        ({"variation": -3}, "variation must lie between"),
        ({"variation": 0.5}, "variation must be a whole number"),
        ({"size": 64}, "size must lie between 128 and 8192"),
        ({"size": 1e308}, "size must lie between 128 and 8192"),
    ],
)
def test_arguments_are_checked(model, upload, change, sentence):
    with pytest.raises(RequestError, match=sentence):
        paint(model, upload, **change)


def test_no_photograph_is_said_so(model):
    with pytest.raises(RequestError, match="choose a photograph first"):
        paint(model, None)


def test_photographs_that_cannot_be_taken(model, upload, tmp_path):
    with pytest.raises(PictureError, match="the photograph cannot be read"):
        paint(model, tmp_path / "gone.jpg")
    PIL.Image.new("RGB", (2000, 40)).save(upload)
    with pytest.raises(PictureError, match="2000 x 40 pixels, too small or too narrow to paint at size 256"):
        paint(model, upload)
    upload.write_bytes(b"GIF89a nothing")
    with pytest.raises(PictureError, match="PNG, JPEG or WEBP"):
        paint(model, upload)
    with upload.open("wb") as stream:
        stream.truncate(65 * 2**20)
    with pytest.raises(PictureError, match="larger than 64 MiB"):
        paint(model, upload)


def test_a_model_of_an_older_make_says_so(save, upload):
    proto = stylizer_proto()
    for node in proto.graph.node:
        node.input[:] = ["style" if name == "code" else name for name in node.input]
    proto.graph.input[1].name = "style"
    entry = proto.metadata_props[0]
    entry.value = entry.value.replace('{"kind": "code", "name": "code"', '{"kind": "code", "name": "style"')
    with pytest.raises(ModelError, match="the model 'tinter' is of an older make; export it again"):
        paint(Model.open(save(proto)), upload)


@pytest.mark.parametrize("mixture", ["5", "{", "[1]", '"moss"', "[" * 10**5, "null"])
def test_a_mixture_that_is_none_begins_with_the_first_style(save, tmp_path, mixture):
    save(stylizer_proto())
    gallery, _ = Desk(Stylist(Catalog(tmp_path)), str(tmp_path), {}).styles("tinter", None, mixture)
    assert list(json.loads(gallery["value"])) == [gallery["styles"][0]["name"]]


def test_the_gallery_shows_each_style_on_the_photograph_and_ones_own_as_well(save, tmp_path, upload):
    save(stylizer_proto(), {"encoder": encoder_proto()})
    desk = Desk(Stylist(Catalog(tmp_path)), str(tmp_path), {"own_name": "mine"})
    given = {"model": "tinter", "style_picture": {"path": str(upload)}, "photograph": {"path": str(upload)}}
    tiles = desk.preview(wanted=True, **given)["styles"]
    names = [tile["name"] for tile in tiles]
    assert names == ["rust", "moss", "picture"]
    for place, tile in enumerate(tiles[:2]):
        with PIL.Image.open(io.BytesIO(base64.b64decode(tile["thumbnail"].partition(",")[2]))) as image:
            assert image.size == (192, 192)
            expected = (np.tanh(TINTS[place]) + 1) * 127.5
            np.testing.assert_allclose(np.asarray(image).mean((0, 1)), expected, atol=4)
    as_it_was = desk.styles("tinter", given["style_picture"], "{}")[0]["styles"]
    assert desk.preview(wanted=False, **given)["styles"] == as_it_was
    assert desk.follow_preview(wanted=False, **given) == gr.skip()
    assert desk.follow_preview(wanted=True, **given)["styles"] == tiles


def test_styles_show_themselves_on_a_cut_out_as_on_white(save, tmp_path):
    save(stylizer_proto())
    desk = Desk(Stylist(Catalog(tmp_path)), str(tmp_path), {})
    path = save_as(tmp_path / "cut-out.png", PIL.Image.new("RGBA", (64, 64)))
    given = {"model": "tinter", "style_picture": None, "photograph": {"path": str(path)}}
    tiles = desk.preview(wanted=True, **given)["styles"]
    with PIL.Image.open(io.BytesIO(base64.b64decode(tiles[0]["thumbnail"].partition(",")[2]))) as image:
        assert image.getpixel((0, 0)) == (255, 255, 255)


def restored(desk, **wanted):
    return desk.restore(None, '{"moss":1}', gr.EventData(None, {"wanted": {"model": "tinter", **wanted}}))


def test_a_sample_comes_as_the_photograph_or_as_a_style_and_the_mask_goes(save, tmp_path):
    save(stylizer_proto(), {"encoder": encoder_proto()})
    save(sampler_proto())
    desk = Desk(Stylist(Catalog(tmp_path)), str(tmp_path / "cache"), {"own_name": "mine"})
    recipe = {"model": "dabbler", "seed": 5, "class": "waves", "truncation": 1}
    *_, photograph, style, masking, _, _ = restored(desk, sampled=recipe, **{"as": "photograph"})
    with PIL.Image.open(photograph) as image:
        assert image.size == (64, 64)
        assert json.loads(image.text["ganvas.recipe"])["seed"] == 5
    assert (style, masking) == (gr.skip(), False)
    _, gallery, _, *_, kept, style, _, _, _ = restored(desk, sampled=recipe, **{"as": "style"})
    assert (kept, style) == (gr.skip(), photograph)
    assert gallery["value"] == '{"picture":1}'
    assert [tile["name"] for tile in gallery["styles"]][-1] == "picture"
    assert restored(desk)[-5:] == (gr.skip(),) * 5


@pytest.mark.parametrize(
    "sampled", [7, None, {}, {"model": 7}, {"model": "tinter", "seed": 1}, {"model": "dabbler", "seed": 10**400}]
)
def test_a_sample_that_makes_no_sense_is_one_sentence(save, tmp_path, sampled):
    save(stylizer_proto())
    save(sampler_proto())
    with pytest.raises(gr.Error):
        restored(Desk(Stylist(Catalog(tmp_path)), str(tmp_path), {}), sampled=sampled)


def test_a_photograph_that_is_taken_away_takes_its_painting_with_it(save, tmp_path):
    save(stylizer_proto())
    desk = Desk(Stylist(Catalog(tmp_path)), str(tmp_path), {})
    assert list(desk.repaint(model="tinter", photograph=None)) == [["", None, ""]]


def test_the_brush_lies_over_a_photograph_and_over_none_that_is_refused(tmp_path, upload):
    desk = Desk(Stylist(Catalog(tmp_path)), str(tmp_path), {})
    brush, feather = desk.sketch(True, {"path": str(upload)})
    assert brush["visible"]
    assert brush["picture"].startswith("data:image/")
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"no picture")
    refused, kept = desk.sketch(True, {"path": str(broken)})
    assert (refused["visible"], refused["picture"], refused["value"]) == (False, "", "")
    assert feather["visible"]
    assert kept["visible"]


def test_a_photograph_that_is_refused_leaves_neither_progress_nor_another_painting(save, tmp_path, upload):
    save(stylizer_proto(), {"encoder": encoder_proto()})
    words = {"fitting": "fitting", "painting": "painting", "refused": "another one"}
    desk = Desk(Stylist(Catalog(tmp_path)), str(tmp_path), words)
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"no picture")
    told = []
    with pytest.raises(gr.Error, match="the photograph is not a readable"):
        told.extend(
            outputs
            for outputs in desk.show(
                photograph={"path": str(broken)},
                model="tinter",
                mixture='{"picture": 1}',
                style_picture={"path": str(upload)},
                refine=False,
                masking=False,
                sketch="",
                strength=1,
                colours=0,
                variation=0,
                size=256,
                feather=0.02,
            )
        )
    assert told[:-1]
    assert all(progress for *_, progress in told[:-1])
    assert told[-1] == ['<p class="refused">another one</p>', None, ""]
