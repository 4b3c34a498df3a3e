"""Paints pictures of any size in bounded memory: large ones in tiles that agree with the whole.

An instance norm takes its mean and variance over the whole picture, so a tile by itself comes out in other colours than
its neighbour. Here the statistics of the whole are measured first, norm by norm from the bottom, because what goes into
a norm depends on those below it; then every tile is painted with them (the companion graph `tile`).
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from PIL.Image import Image

from demo.card import Port
from demo.engine import Model
from demo.errors import RequestError
from demo.images import pad_to_multiple, to_array

MULTIPLE = 8
"""The sides that the networks take are multiples of this."""

HALO = 128
"""How many pixels around a tile its network sees: no less than half its receptive field."""

TILE = 1792
WHOLE_PIXELS = 2048 * 2048
"""Up to so many pixels a picture is painted whole, which is faster by far: tiles are run once per norm. A tile with its
halo on all sides has as many, so that this bounds the memory."""

Conditions = Mapping[str, NDArray[np.float32]]
"""What a network is told besides the picture: `code` (1, K), `strength` (1, 1) and `noise` (1, Z)."""

Box = tuple[int, int, int, int]
"""The left, top, right and lower edge of a part of a picture."""

Content = Callable[[Box], NDArray[np.float32]]
"""Gives parts of a picture, (1, 3, H, W) in [-1, 1]."""


@dataclass(frozen=True, slots=True)
class Piece:
    """How far the work is, from 0 to 1, and a finished part of the picture if there is one.

    `picture` is (3, H, W) in [-1, 1].
    """

    share: float
    box: Box = (0, 0, 0, 0)
    picture: NDArray[np.float32] | None = None


def paint(model: Model, photograph: Image, conditions: Conditions) -> Iterator[Piece]:
    """Yield pieces of the painting until they cover the photograph, which is RGB and 32 pixels or more on each side.

    Raises:
        ModelError: a graph fails.
        RequestError: the picture is to be painted in tiles and the model has no graph for them.

    """
    width, height = photograph.size
    if width * height <= WHOLE_PIXELS:
        content = pad_to_multiple(to_array(photograph), MULTIPLE)
        painted = model.quickest().run({"content": content, **conditions})[0, :, :height, :width]
        yield Piece(1, (0, 0, width, height), painted)
        return
    if "tile" not in [companion.name for companion in model.card.companions]:
        raise RequestError(
            f"the model '{model.card.recipe}' paints at most {WHOLE_PIXELS / 1e6:.1f} megapixels, because it has no "
            "graph for tiles; choose a smaller size, or export it again"
        )
    yield from paint_in_tiles(model, photograph.size, lambda box: to_array(photograph.crop(box)), conditions, tile=TILE)


def paint_in_tiles(
    model: Model, size: tuple[int, int], content: Content, conditions: Conditions, *, tile: int
) -> Iterator[Piece]:
    """Yield pieces of the painting of a picture of `size` (width, height), in tiles of at most `tile` pixels a side.

    Raises:
        ModelError: there is no graph for tiles, or it fails.

    """
    tiles = [_Tile.around(own, size, content) for own in _boxes(size, tile)]
    yield from _paint_tiles(model.companion("tile"), size, conditions, tiles)


def paint_array(model: Model, feeds: Conditions, *, tile: int) -> NDArray[np.float32]:
    """Return what `model.run(feeds)` returns for one picture (1, 3, H, W), painted in tiles.

    Raises:
        ModelError: there is no graph for tiles, or it fails.

    """
    picture = feeds["content"]
    conditions = {name: array for name, array in feeds.items() if name != "content"}

    def cut(box: Box) -> NDArray[np.float32]:
        left, top, right, bottom = box
        return picture[:, :, top:bottom, left:right]

    painted = np.empty_like(picture)
    for piece in paint_in_tiles(model, (picture.shape[3], picture.shape[2]), cut, conditions, tile=tile):
        if piece.picture is not None:
            left, top, right, bottom = piece.box
            painted[0, :, top:bottom, left:right] = piece.picture
    return painted


@dataclass(frozen=True, slots=True)
class _Tile:
    """A part of the picture, and the larger part around it that the network has to see, of a picture of `size`."""

    own: Box
    seen: Box
    size: tuple[int, int]
    picture: Content

    @classmethod
    def around(cls, own: Box, size: tuple[int, int], picture: Content) -> "_Tile":
        left, top, right, bottom = own
        # Beyond the picture's own edges there is no halo: there the network pads, as it does for the whole.
        seen = (
            max(left - HALO, 0),
            max(top - HALO, 0),
            min(right + HALO, size[0] + -size[0] % MULTIPLE),
            min(bottom + HALO, size[1] + -size[1] % MULTIPLE),
        )
        return cls(own, seen, size, picture)

    def content(self) -> NDArray[np.float32]:
        """Return what the network sees, (1, 3, H, W), mirrored where it goes beyond the picture."""
        left, top, right, bottom = self.seen
        return pad_to_multiple(self.picture((left, top, min(right, self.size[0]), min(bottom, self.size[1]))), MULTIPLE)

    def crop(self, maps: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the tile's own part of maps (1, C, h, w) that the network made of what it saw."""
        scale_x = maps.shape[3] / (self.seen[2] - self.seen[0])
        scale_y = maps.shape[2] / (self.seen[3] - self.seen[1])
        left, right = (round((edge - self.seen[0]) * scale_x) for edge in (self.own[0], self.own[2]))
        top, bottom = (round((edge - self.seen[1]) * scale_y) for edge in (self.own[1], self.own[3]))
        return maps[:, :, top:bottom, left:right]


def _boxes(size: tuple[int, int], side: int) -> list[Box]:
    """Return boxes of about equal size, at most `side` wide and high, that cover the padded picture."""
    columns, rows = (_cuts(length + -length % MULTIPLE, side) for length in size)
    return [(left, top, right, bottom) for top, bottom in pairwise(rows) for left, right in pairwise(columns)]


def _cuts(length: int, side: int) -> list[int]:
    count = -(-length // side)
    return [round(length * place / count / MULTIPLE) * MULTIPLE for place in range(count + 1)]


def _paint_tiles(network: Model, size: tuple[int, int], conditions: Conditions, tiles: list[_Tile]) -> Iterator[Piece]:
    norms = network.card.outputs[1:]
    statistics = _Statistics.unmeasured(norms)
    # The work up to the n-th norm grows about as n; the painting itself runs through all of them.
    total = len(tiles) * (len(norms) * (len(norms) + 1) / 2 + len(norms) + 1)
    done = 0.0
    for place, norm in enumerate(norms):
        measured = _Moments(int(norm.shape[1]))
        for tile in tiles:
            feeds = {"content": tile.content(), "statistics": statistics.row, **conditions}
            measured.add(tile.crop(network.run(feeds, norm.name)))
            done += place + 1
            yield Piece(done / total)
        statistics.set(place, measured)
    for tile in tiles:
        feeds = {"content": tile.content(), "statistics": statistics.row, **conditions}
        left, top, right, bottom = tile.own
        right, bottom = min(right, size[0]), min(bottom, size[1])
        painted = tile.crop(network.run(feeds))[0, :, : bottom - top, : right - left]
        done += len(norms) + 1
        yield Piece(done / total, (left, top, right, bottom), painted)


@dataclass(frozen=True, slots=True)
class _Statistics:
    """The row (1, S) that the network takes: of each norm in order its channels' means, then their variances."""

    row: NDArray[np.float32]
    widths: tuple[int, ...]

    @classmethod
    def unmeasured(cls, norms: tuple[Port, ...]) -> "_Statistics":
        widths = tuple(int(norm.shape[1]) for norm in norms)
        parts = [np.repeat(np.array([0, 1], dtype=np.float32), width) for width in widths]
        return cls(np.concatenate(parts)[None], widths)

    def set(self, place: int, moments: "_Moments") -> None:
        start, width = 2 * sum(self.widths[:place]), self.widths[place]
        self.row[0, start : start + 2 * width] = np.concatenate([moments.mean, moments.variance])


class _Moments:
    """Mean and variance of channels over parts that come one after the other (Chan et al. 1979, equation 2.1)."""

    def __init__(self, channels: int) -> None:
        self.count = 0
        self.mean = np.zeros(channels)
        self._squares = np.zeros(channels)

    @property
    def variance(self) -> NDArray[np.float64]:
        return self._squares / self.count

    def add(self, maps: NDArray[np.float32]) -> None:
        """Take in maps (1, C, h, w)."""
        count = maps.shape[2] * maps.shape[3]
        mean = maps.mean(axis=(0, 2, 3), dtype=np.float64)
        squares = maps.var(axis=(0, 2, 3), dtype=np.float64) * count
        ahead = mean - self.mean
        total = self.count + count
        self._squares += squares + ahead**2 * self.count * count / total
        self.mean += ahead * count / total
        self.count = total
