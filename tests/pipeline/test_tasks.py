"""What each task takes from a picture, and that putting it back together gives the picture again."""

import io

import numpy as np
import PIL.Image
import pytest
import torch
from pydantic import ValidationError
from skimage.data import astronaut

from demo.composition import chroma as chroma_of_levels
from pipeline.contracts import Image
from pipeline.data.procedural import paint
from pipeline.errors import RecipeError
from pipeline.features.similarity import luma
from pipeline.sections import parse_part
from pipeline.tasks import TASKS
from pipeline.tasks.colorize import Colorize, chroma, with_chroma
from pipeline.tasks.degradation import blur, degrade, enlarge, jpeg
from pipeline.tasks.inpaint import Inpaint, holes
from pipeline.tasks.sketch import Sketch
from pipeline.tasks.superres import Superres

IMAGE = Image(channels=3, size=32, classes=("mondrian", "waves"))


@pytest.fixture(scope="module")
def pictures():
    """Eight pictures of two families, (8, 3, 32, 32)."""
    painted = [np.asarray(paint(IMAGE.classes[place % 2], seed=0, index=place, size=32)) for place in range(8)]
    return torch.from_numpy(np.stack(painted).transpose(0, 3, 1, 2)).float() / 127.5 - 1


def make(task, pictures, seed=0):
    labels = torch.arange(len(pictures)) % 2
    return task.make(pictures, labels, classes=2, random=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("name", TASKS)
def test_pairs_fit_their_ports_and_follow_from_the_seed(name, pictures):
    task = TASKS[name]()
    pair, again, other = make(task, pictures), make(task, pictures), make(task, pictures, seed=1)
    sizes = {"N": 8, "H": 32, "W": 32}
    for port, tensor in zip(task.ports(IMAGE), (pair.given, pair.guide), strict=True):
        assert tensor.shape == tuple(sizes.get(length, length) for length in port.shape)
        assert tensor.dtype == torch.float32
        lowest = 0 if port.kind in {"mask", "weights"} else -1
        assert lowest <= tensor.min() <= tensor.max() <= 1
    assert torch.equal(pair.given, again.given)
    assert torch.equal(pair.guide, again.guide)
    assert not (torch.equal(pair.given, other.given) and torch.equal(pair.guide, other.guide))
    assert task.see(pair).shape == (8, task.planes, 32, 32)
    assert task.compose(torch.zeros(8, task.painted, 32, 32), pair).shape == pictures.shape


class TestInpaint:
    def test_truth_is_given_where_nothing_is_missing_and_hidden_where_it_is(self, pictures):
        pair = make(Inpaint(), pictures)
        hole = pair.guide.bool().expand_as(pictures)
        assert torch.equal(pair.given[~hole], pictures[~hole])
        assert (pair.given[hole] == 0).all()
        hidden = Inpaint().see(type(pair)(torch.where(hole, torch.ones_like(pictures), pair.given), pair.guide))
        assert torch.equal(hidden, Inpaint().see(pair))

    def test_known_pixels_pass_bit_by_bit(self, pictures):
        pair = make(Inpaint(), pictures)
        composed = Inpaint().compose(torch.randn_like(pictures) * 100, pair)
        known = ~pair.guide.bool().expand_as(pictures)
        assert torch.equal(composed[known], pictures[known])

    @pytest.mark.parametrize(("height", "width"), [(32, 32), (24, 56)])
    def test_holes_are_about_as_large_as_asked_for(self, height, width):
        shares = torch.tensor([0.1, 0.25, 0.4]).repeat(20)
        found = holes(shares, height=height, width=width, random=torch.Generator().manual_seed(0)).mean((1, 2, 3))
        assert found.min() > 0
        assert found.max() < 0.9
        assert (found > 0.8 * shares).float().mean() > 0.9
        assert (found < shares + 0.3).all()

    def test_shares_must_be_in_order(self):
        assert Inpaint(least=0.5, most=0.5).most == 0.5
        with pytest.raises(ValidationError, match=r"less than or equal to 0\.5"):  # more, its marks do not cover
            Inpaint(most=0.6)
        section = {"name": "inpaint", "least": 0.5, "most": 0.2}
        with pytest.raises(RecipeError, match=r"^a\.network\.translation: .*least must not be above most"):
            parse_part(TASKS, section, "a.network.translation")


class TestColorize:
    def test_luma_and_chroma_are_the_picture(self, pictures):
        torch.testing.assert_close(with_chroma(luma(pictures), chroma(pictures)), pictures, atol=1e-5, rtol=0)

    def test_chroma_is_the_pages(self):
        levels = np.array([[250, 30, 90], [0, 255, 3]])
        found = chroma(torch.from_numpy(levels / 127.5 - 1).float()[:, :, None, None])[:, :, 0, 0]
        np.testing.assert_allclose(found, [chroma_of_levels(colour) for colour in levels], atol=1e-6)

    def test_luma_is_kept_and_colours_fit_whatever_is_painted(self, pictures):
        composed = Colorize().compose(torch.randn(8, 2, 32, 32) * 10, make(Colorize(), pictures))
        torch.testing.assert_close(luma(composed), luma(pictures), atol=1e-5, rtol=0)
        assert composed.abs().max() <= 1 + 1e-5

    def test_hues_can_be_turned_however_strong_they_are(self, pictures):
        strong = torch.tensor([20.0, -15.0])[None, :, None, None].repeat(8, 1, 32, 32).requires_grad_()
        Colorize().compose(strong, make(Colorize(), pictures))[:, 0].sum().backward()
        assert strong.grad.abs().amax(dim=(2, 3)).min() > 1e-3

    def test_colours_that_are_too_strong_can_fade(self, pictures):
        pair = make(Colorize(), pictures)
        strong = torch.tensor([0.9, -0.6])[None, :, None, None].repeat(8, 1, 32, 32).requires_grad_()
        (Colorize().compose(strong, pair) - pair.given).abs().mean(dim=(1, 2, 3)).sum().backward()
        outward = (strong.grad * strong.detach()).sum(dim=1)
        assert (outward[pair.given[:, 0].abs() < 0.9] > 0).all()

    def test_hints_are_shown_on_what_is_given(self, pictures):
        pair = make(Colorize(), pictures)
        shown, marked = Colorize().show(pair), pair.guide[:, 2:] == 1
        torch.testing.assert_close(luma(shown), pair.given, atol=1e-5, rtol=0)
        assert torch.equal(shown[~marked.expand_as(shown)], pair.given.expand_as(shown)[~marked.expand_as(shown)])
        assert (shown[marked.expand_as(shown)] != pair.given.expand_as(shown)[marked.expand_as(shown)]).any()

    def test_hints_are_true_colours_and_half_of_the_pictures_have_none(self, pictures):
        flat = torch.tensor([0.6, -0.2, 0.1])[:, None, None].expand(200, 3, 16, 16)
        hints = make(Colorize(hints=5), flat).guide
        marked = hints[:, 2] == 1
        assert set(hints[:, 2].unique().tolist()) == {0, 1}
        assert 0.35 < (marked.sum(dim=(1, 2)) == 0).float().mean() < 0.65
        expected = torch.where(marked[:, None], chroma(flat), 0)
        torch.testing.assert_close(hints[:, :2], expected, atol=1e-5, rtol=0)

    def test_no_hints_where_none_are_wanted(self, pictures):
        assert not make(Colorize(hints=0), pictures).guide.any()


class TestSketch:
    def test_choices_are_the_classes_and_the_guide_is_the_pictures_own(self, pictures):
        assert Sketch().choices(IMAGE) == IMAGE.classes
        assert make(Sketch(), pictures).guide.argmax(1).tolist() == [0, 1] * 4

    def test_a_blank_picture_draws_nothing_and_an_edge_draws_a_line(self):
        blank = torch.zeros(6, 3, 32, 32)
        assert (make(Sketch(), blank).given == 1).all()
        edge = blank.clone()
        edge[..., 16:] = 1
        drawing = make(Sketch(), edge).given
        assert (drawing[..., 12:20].amin(dim=(1, 2, 3)) < 0).all()
        assert (drawing[..., :8] == 1).all()
        assert (drawing[..., 24:] == 1).all()


class TestSuperres:
    def test_factors_are_choices_and_both_are_drawn(self, pictures):
        assert Superres().choices(IMAGE) == ("x2", "x4")
        pair = make(Superres(), pictures.repeat(4, 1, 1, 1))
        assert set(pair.guide.argmax(1).tolist()) == {0, 1}
        assert torch.equal(pair.guide.sum(1), torch.ones(32))

    def test_nothing_painted_is_what_was_given(self, pictures):
        pair = make(Superres(), pictures)
        assert torch.equal(Superres().compose(torch.zeros_like(pictures), pair), pair.given)

    def test_four_times_loses_more_than_twice(self, pictures):
        errors = []
        for factor in (2, 4):
            small = degrade(pictures, factor, random=torch.Generator().manual_seed(0))
            assert small.shape == (8, 3, 32 // factor, 32 // factor)
            levels = (small + 1) * 127.5
            torch.testing.assert_close(levels - 0.5, (levels - 0.5).round(), atol=1e-3, rtol=0)
            errors.append((enlarge(small, (32, 32)) - pictures).square().mean())
        assert errors[0] < errors[1]


class TestDegradation:
    def test_a_grey_picture_shows_the_grain_that_was_drawn_as_far_as_jpeg_keeps_it(self):
        grey = torch.zeros(64, 3, 64, 64)
        drawn = 8 * torch.rand(3, 64, generator=torch.Generator().manual_seed(0))[1]
        found = degrade(grey, 2, random=torch.Generator().manual_seed(0)).std(dim=(1, 2, 3)) * 127.5
        assert torch.stack([drawn, found]).corrcoef()[0, 1] > 0.85
        assert (found < drawn).all()
        assert found.mean() > drawn.mean() / 3

    @pytest.mark.parametrize("quality", [30, 75, 95])
    def test_jpeg_is_nearly_pillows(self, quality):
        levels = astronaut()[:72, 150:250]
        stream = io.BytesIO()
        PIL.Image.fromarray(levels).save(stream, "JPEG", quality=quality)
        expected = np.asarray(PIL.Image.open(stream)).astype(float)
        given = torch.from_numpy(levels.transpose(2, 0, 1)[None] / 127.5 - 1).float()
        found = (jpeg(given, torch.tensor([float(quality)]))[0].numpy().transpose(1, 2, 0) + 1) * 127.5
        loss, difference = np.square(levels - expected).mean(), np.square(found - expected).mean()
        assert difference < 0.25 * loss

    def test_enlarging_is_pillows(self):
        levels = astronaut()[100:116, 200:224]
        expected = PIL.Image.fromarray(levels).resize((96, 64), PIL.Image.Resampling.BICUBIC)
        given = torch.from_numpy(levels.transpose(2, 0, 1)[None] / 127.5 - 1).float()
        found = (enlarge(given, (64, 96))[0].numpy().transpose(1, 2, 0) + 1) * 127.5
        assert np.abs(found - np.asarray(expected)).max() <= 2  # Pillow rounds after each of its two passes

    def test_blur_keeps_flat_pictures_and_spreads_by_its_sigma(self):
        point = torch.zeros(2, 3, 17, 17)
        point[..., 8, 8] = 1
        spread = blur(point, torch.tensor([0.8, 1.5]))
        place = torch.arange(17.0) - 8
        for picture, sigma in zip(spread, (0.8, 1.5), strict=True):
            assert picture[0].sum().item() == pytest.approx(1, abs=1e-5)
            assert ((picture[0].sum(0) * place**2).sum() ** 0.5).item() == pytest.approx(sigma, rel=0.05)
        assert torch.allclose(blur(torch.full((1, 3, 9, 9), 0.3), torch.ones(1)), torch.tensor(0.3))
