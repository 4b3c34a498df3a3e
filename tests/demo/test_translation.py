import hashlib
import io
import json

import numpy as np
import PIL.Image
import pytest
from tiny_models import TINTS, translator_proto

from demo.biharmonic import fill
from demo.composition import to_levels
from demo.engine import Model
from demo.errors import PictureError, RequestError
from demo.images import to_array
from demo.translation import MAX_HINTS, TranslationRequest, read_upload, translate

TINT = to_levels(TINTS[0])
RED = [0.5, 0.5, "#ff0000"]


@pytest.fixture
def open_model(save):
    return lambda translation: Model.open(save(translator_proto(translation)))


@pytest.fixture
def picture():
    """A picture of 100 x 75 pixels, which are no multiples of 8."""
    return PIL.Image.fromarray(np.random.default_rng(0).integers(0, 256, (75, 100, 3)).astype(np.uint8))


def mask_of(picture, box):
    mask = PIL.Image.new("L", picture.size)
    mask.paste(255, box)
    return mask


def ask(model, picture, mask=None, **changes):
    choices = [choice.name for choice in model.card.choices]
    arguments = {"choice": choices[0] if choices else "", "size": 256} | changes
    return translate(model, TranslationRequest.parse(model, **arguments), picture=picture, mask=mask, digest="d")


class TestInpaint:
    box = (20, 10, 61, 40)

    def test_fills_the_hole_and_keeps_every_other_pixel(self, open_model, picture):
        done = ask(open_model("inpaint"), picture, mask_of(picture, self.box))
        hole = np.asarray(mask_of(picture, self.box)) > 0
        given, shown = np.asarray(picture), np.asarray(done.image)
        assert np.array_equal(shown[~hole], given[~hole])
        assert (shown[hole] == TINT).all()
        assert (np.asarray(done.given)[hole] == 128).all()

    def test_stands_beside_the_biharmonic_filling(self, open_model, picture):
        done = ask(open_model("inpaint"), picture, mask_of(picture, self.box))
        hole = np.asarray(mask_of(picture, self.box)) > 0
        expected = to_levels(fill(to_array(picture)[0], hole).astype(np.float32)).transpose(1, 2, 0)
        assert np.abs(np.asarray(done.baseline).astype(int) - expected).max() <= 1
        assert np.array_equal(np.asarray(done.baseline)[~hole], np.asarray(picture)[~hole])

    def test_mask_shrinks_with_the_picture_and_loses_nothing(self, open_model, picture):
        done = ask(open_model("inpaint"), picture.resize((400, 300)), mask_of(picture.resize((400, 300)), (7, 7, 9, 9)))
        assert done.image.size == (256, 192)
        assert (np.asarray(done.image) == TINT).all(axis=2).any()

    @pytest.mark.parametrize(
        ("mask", "sentence"),
        [
            (None, "there is no mask; paint over what is to be filled"),
            (PIL.Image.new("L", (75, 100), 255), "the mask is 75 x 100 pixels, the picture 100 x 75; give a mask of"),
            (PIL.Image.new("L", (100, 75), 0), "the mask is empty; paint over"),
            (PIL.Image.new("L", (100, 75), 255), "the mask covers the whole picture; leave some of it"),
        ],
    )
    def test_masks_that_say_nothing_are_refused(self, open_model, picture, mask, sentence):
        with pytest.raises(RequestError, match=rf"^{sentence}"):
            ask(open_model("inpaint"), picture, mask)


class TestSuperres:
    @pytest.mark.parametrize(("choice", "factor"), [("x2", 2), ("x4", 4)])
    def test_enlarges_by_the_factor_beside_bicubic(self, open_model, picture, choice, factor):
        done = ask(open_model("superres"), picture, choice=choice)
        assert done.image.size == (100 * factor, 75 * factor)
        assert np.array_equal(done.baseline, picture.resize(done.image.size, PIL.Image.Resampling.BICUBIC))
        assert (np.asarray(done.image) == to_levels(TINTS[factor // 4])).all()

    def test_a_result_beyond_the_limit_is_refused(self, open_model):
        sentence = "4 times 513 x 40 pixels are more than 2048 a side; cut or scale the picture to 512 a side first"
        with pytest.raises(RequestError, match=sentence):
            ask(open_model("superres"), PIL.Image.new("RGB", (513, 40)), choice="x4")


class TestColorize:
    def test_luma_is_kept_to_the_last_level(self, open_model, picture):
        done = ask(open_model("colorize"), picture, hints=[RED])
        assert np.array_equal(done.image.convert("L"), picture.convert("L"))
        assert np.array_equal(done.baseline, picture.convert("L").convert("RGB"))
        assert np.ptp(np.asarray(done.image).astype(int), axis=2).max() > 50
        assert done.recipe["hints"] == [RED]

    @pytest.mark.parametrize(
        "hints",
        ["red", [[0.5, 0.5]], [[1, 0.5, "#ff0000"]], [[-0.1, 0, "#ff0000"]], [[0, 0, "red"]], [[0, 0, "#ff00"]], [7]],
    )
    def test_hints_are_checked(self, open_model, picture, hints):
        with pytest.raises(RequestError, match="hint"):
            ask(open_model("colorize"), picture, hints=hints)

    def test_hints_are_limited(self, open_model, picture):
        with pytest.raises(RequestError, match="hints must be a list of at most 64 entries"):
            ask(open_model("colorize"), picture, hints=[RED] * (MAX_HINTS + 1))


class TestSketch:
    def test_paints_the_choice_beside_the_drawing(self, open_model):
        drawing = PIL.Image.new("L", (90, 70), 255)
        drawing.paste(0, (10, 10, 60, 14))
        done = ask(open_model("sketch"), drawing, choice="moss")
        assert (np.asarray(done.image) == to_levels(TINTS[1])).all()
        assert np.array_equal(done.baseline, drawing.convert("RGB"))

    @pytest.mark.parametrize("level", [255, 0, 90])
    def test_a_drawing_with_nothing_on_it_is_refused(self, open_model, level):
        with pytest.raises(RequestError, match=r"^there is nothing on the drawing; draw some dark lines"):
            ask(open_model("sketch"), PIL.Image.new("L", (64, 64), level))


def test_unpaired_stands_beside_the_photograph(open_model, picture):
    done = ask(open_model("unpaired"), picture)
    assert np.array_equal(done.baseline, picture)
    assert done.image.size == picture.size


@pytest.mark.parametrize("translation", ["inpaint", "superres", "colorize", "sketch", "unpaired"])
def test_pictures_smaller_than_the_stride_are_refused(open_model, translation):
    small = PIL.Image.new("RGB", (7, 90))
    with pytest.raises(PictureError, match=r"^the picture is 7 x 90 pixels, smaller than the 8 that the network needs"):
        ask(open_model(translation), small, mask_of(small, (0, 0, 2, 2)))


def test_the_smallest_picture_is_taken(open_model):
    assert ask(open_model("unpaired"), PIL.Image.new("RGB", (8, 9))).image.size == (8, 9)


def test_too_narrow_for_the_size_is_said_so(open_model):
    with pytest.raises(PictureError, match="800 x 9 pixels, too narrow for size 256; choose a larger size"):
        ask(open_model("unpaired"), PIL.Image.new("RGB", (800, 9)))


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"choice": "x3"}, "choice must be one of x2, x4, not 'x3'"),
        ({"size": 10**6}, "size must lie between 64 and 2048"),
        ({"size": "large"}, "size must be a number"),
    ],
)
def test_arguments_are_checked(open_model, picture, change, sentence):
    with pytest.raises(RequestError, match=sentence):
        ask(open_model("superres"), picture, **change)


def test_png_tells_how_to_make_it_again(open_model, picture):
    model, mask = open_model("inpaint"), mask_of(picture, (5, 5, 20, 20))
    with PIL.Image.open(io.BytesIO(ask(model, picture, mask).to_png())) as image:
        assert json.loads(image.text["ganvas.recipe"]) == {
            "model": "inpainter",
            "sha256": model.sha256,
            "translation": "inpaint",
            "choice": "",
            "size": 256,
            "hints": [],
            "picture": "d",
            "mask": hashlib.sha256(mask.tobytes()).hexdigest(),
        }


def test_uploads_are_read_with_their_limits(tmp_path, photograph):
    path = tmp_path / "picture.jpg"
    path.write_bytes(photograph)
    content, image = read_upload(path)
    assert (content, image.size) == (photograph, (100, 75))
    with pytest.raises(RequestError, match=r"^there is no mask; choose one first"):
        read_upload(None, what="mask")
    with pytest.raises(PictureError, match="no longer on the server"):
        read_upload(tmp_path / "gone.png")
    with path.open("wb") as stream:
        stream.truncate(33 * 2**20)
    with pytest.raises(PictureError, match=r"^the drawing is larger than 32 MiB"):
        read_upload(path, what="drawing")
