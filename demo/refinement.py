"""Fits the code of an uploaded style to its picture: the networks stay as they are, the code alone moves.

No gradients are needed: a code has few numbers, so the way downhill is found by painting small photographs with each of
them moved a little (Gauss-Newton steps with finite differences, damped as by Marquardt 1963).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from demo.engine import Model
from demo.images import EXAMPLES, fit_within, read_picture, to_array

STEPS, MAX_STEPS = 2, 8

_SIDE = 128
_PHOTOGRAPHS = 2
_BATCH = 8
_NUDGE = 0.05
_DAMPINGS = (1.0, 0.1, 0.01)
_FARTHEST = 1.0
"""How far one step may go, in root mean square over the code's numbers, which are about 1 in size."""

Float64 = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Refined:
    """How far the work is, from 0 to 1; the best code (K,) so far; and how unlike its picture what it paints is."""

    share: float
    code: NDArray[np.float32]
    distance: float


def refine(model: Model, code: NDArray[np.float32], *, style: NDArray[np.float32], steps: int) -> Iterator[Refined]:
    """Yield ever better codes from `code` (K,), so that photographs painted with it look like `style` (1, 3, H, W).

    Alike is what the companion graph `descriptor` says is alike, or where a model has none, its `encoder`. The
    photographs are two of the page's examples, so that the code does not depend on what it is made for. The last code
    is never farther from its picture than the first.

    Raises:
        ModelError: a graph is missing or fails.

    """
    judge = _Judge(model, style)
    residual = judge.compare(code[None])[0]
    best = Refined(0, code, float(np.mean(residual**2)))
    total = steps * (code.size + len(_DAMPINGS))
    done = 0
    for _ in range(steps):
        nudged = code + _NUDGE * np.eye(code.size, dtype=np.float32)
        slopes: list[Float64] = []
        for rows in np.split(nudged, range(_BATCH, code.size, _BATCH)):
            slopes.extend((row - residual) / _NUDGE for row in judge.compare(rows))
            done += len(rows)
            yield Refined(done / total, best.code, best.distance)
        tried = _candidates(code, residual, np.stack(slopes))
        residuals = judge.compare(tried)
        done += len(tried)
        distances = [float(np.mean(row**2)) for row in residuals]
        place = int(np.argmin(distances))
        if distances[place] < best.distance:
            code, residual = tried[place], residuals[place]
            best = Refined(done / total, code, distances[place])
        yield Refined(done / total, best.code, best.distance)


def _candidates(code: NDArray[np.float32], residual: Float64, slopes: Float64) -> NDArray[np.float32]:
    """Return codes (C, K) one step from `code`, from careful to bold; `slopes` (K, R) says how the residual changes."""
    curvature, slope = slopes @ slopes.T, slopes @ residual
    scale = np.trace(curvature) / len(curvature)
    found = []
    for damping in _DAMPINGS:
        step = -np.linalg.solve(curvature + (damping * scale + 1e-12) * np.eye(len(curvature)), slope)
        length = np.sqrt(np.mean(step**2))
        found.append(code + step * min(1, _FARTHEST / max(length, 1e-12)))
    return np.stack(found).astype(np.float32)


class _Judge:
    """Says how what a code paints differs from a style's picture."""

    def __init__(self, model: Model, style: NDArray[np.float32]) -> None:
        names = [companion.name for companion in model.card.companions]
        self._painter = model.quickest()
        self._eye = model.quickest("descriptor" if "descriptor" in names else "encoder")
        self._noise = int(model.card.inputs[3].shape[1])
        self._photographs = [_crop(path) for path in EXAMPLES[:_PHOTOGRAPHS]]
        self._target = self._look(style)

    def compare(self, codes: NDArray[np.float32]) -> Float64:
        """Return for codes (N, K) the residuals (N, R)."""
        count = len(codes)
        feeds = {
            "code": codes,
            "strength": np.ones((count, 1), np.float32),
            "noise": np.zeros((count, self._noise), np.float32),
        }
        parts = []
        for photograph in self._photographs:
            painted = self._painter.run({"content": np.repeat(photograph, count, axis=0), **feeds})
            parts.append(self._look(painted.clip(-1, 1)) - self._target)
        return np.concatenate(parts, axis=1)

    def _look(self, pictures: NDArray[np.float32]) -> Float64:
        return self._eye.run({"style": pictures}).astype(np.float64)


def _crop(path: Path) -> NDArray[np.float32]:
    picture = fit_within(read_picture(path).convert("RGB"), 2 * _SIDE)
    left, top = (picture.width - _SIDE) // 2, (picture.height - _SIDE) // 2
    return to_array(picture.crop((left, top, left + _SIDE, top + _SIDE)))
