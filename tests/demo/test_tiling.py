import numpy as np
import PIL.Image
import pytest
from tiny_stylizers import NORMS, normalising_proto, tile_proto

from demo import tiling
from demo.engine import Model
from demo.errors import RequestError
from demo.tiling import paint, paint_array

CONDITIONS = {
    "code": np.linspace(-1, 1, 6, dtype=np.float32)[None],
    "strength": np.float32([[0.9]]),
    "noise": np.zeros((1, 6), np.float32),
}


@pytest.fixture
def model(save):
    return Model.open(save(normalising_proto(), {"tile": tile_proto()}))


def picture(width, height):
    """Slow waves and a corner that differs from the rest: tiles by themselves would get other statistics."""
    x, y = np.meshgrid(np.linspace(0, 9, width), np.linspace(0, 7, height))
    planes = np.stack([np.sin(x + y), np.cos(x * y / 4), np.sin(y) * (x > 4.5)], axis=-1)
    noise = np.random.default_rng(3).uniform(-20, 20, planes.shape)
    return PIL.Image.fromarray((planes * 100 + 128 + noise).clip(0, 255).astype(np.uint8))


def together(pieces, photograph):
    canvas = np.full((3, photograph.height, photograph.width), np.nan, np.float32)
    shares = []
    for piece in pieces:
        shares.append(piece.share)
        if piece.picture is not None:
            left, top, right, bottom = piece.box
            assert np.isnan(canvas[:, top:bottom, left:right]).all(), "no part is painted twice"
            canvas[:, top:bottom, left:right] = piece.picture
    assert not np.isnan(canvas).any()
    assert shares == sorted(shares)
    assert shares[-1] == pytest.approx(1)
    return canvas


@pytest.mark.parametrize("size", [(400, 328), (333, 517), (1000, 40), (41, 700), (512, 512)])
def test_tiles_equal_the_whole(model, size, monkeypatch):
    photograph = picture(*size)
    whole = together(paint(model, photograph, CONDITIONS), photograph)
    monkeypatch.setattr(tiling, "WHOLE_PIXELS", 0)
    monkeypatch.setattr(tiling, "TILE", 128)
    tiles = together(paint(model, photograph, CONDITIONS), photograph)
    assert np.abs(tiles - whole).max() < 1e-4
    assert whole.std() > 0.1


def test_tiles_need_the_statistics_of_the_whole(model):
    photograph = picture(512, 512)
    whole = together(paint(model, photograph, CONDITIONS), photograph)
    corner = photograph.crop((256, 0, 512, 256))
    alone = together(paint(model, corner, CONDITIONS), corner)
    assert np.abs(alone - whole[:, :256, 256:]).max() > 0.1


def test_arrays_are_painted_in_tiles_as_they_are_at_once(model):
    content = np.random.default_rng(5).uniform(-1, 1, (1, 3, 160, 232)).astype(np.float32)
    feeds = {"content": content, **CONDITIONS}
    np.testing.assert_allclose(paint_array(model, feeds, tile=64), model.run(feeds), atol=1e-4)


def test_small_pictures_are_painted_whole_and_large_ones_in_tiles(model, monkeypatch):
    monkeypatch.setattr(tiling, "WHOLE_PIXELS", 96 * 64)
    assert len(list(paint(model, picture(96, 64), CONDITIONS))) == 1
    assert len(list(paint(model, picture(96, 65), CONDITIONS))) == len(NORMS) + 1


def test_a_model_without_a_graph_for_tiles_says_so(save, monkeypatch):
    monkeypatch.setattr(tiling, "WHOLE_PIXELS", 1_000_000)
    model = Model.open(save(normalising_proto()))
    with pytest.raises(
        RequestError, match=r"'weaver' paints at most 1\.0 megapixels, because it has no graph for tiles"
    ):
        list(paint(model, picture(1001, 1001), CONDITIONS))


def test_tiles_are_no_larger_than_asked_and_cover_everything():
    for size in [(8, 8), (4000, 1000), (1025, 2049), (8660, 5773)]:
        boxes = tiling._boxes(size, 1792)
        padded = [length + -length % 8 for length in size]
        assert sum((right - left) * (bottom - top) for left, top, right, bottom in boxes) == padded[0] * padded[1]
        assert all(0 < right - left <= 1792 and 0 < bottom - top <= 1792 for left, top, right, bottom in boxes)
        assert all(edge % 8 == 0 for box in boxes for edge in box)
