"""How near the results' textures and colours come to their style as whole distributions, not by covariances alone."""

import numpy as np
import torch

from pipeline.features.bank import RandomBank
from pipeline.features.random_bank import SEED
from pipeline.metrics.evidence import Float32, Float64, Result, StylizationEvidence, StylizationMetric

_PLACES = 256
_POINTS = 2048
_DIRECTIONS = 64
_BATCH = 8


class SlicedWasserstein(StylizationMetric):
    """Sliced Wasserstein distances (Heitz et al. 2021, "A sliced Wasserstein loss for neural texture synthesis").

    Points are the places of a random bank's maps, on a seed that trained no model; distances are in units of the
    style's own deviation and averaged over the maps. `relative_distance` is the results' distance to their style
    divided by that of the photographs: below 1 is nearer. `real_distance` is the same for one half of the style's
    pictures against the other, which is what painting in the style reaches.
    """

    def compute(self, evidence: StylizationEvidence) -> Result:
        bank = RandomBank(evidence.photographs.shape[1], SEED)
        photographs = _points(bank, evidence.photographs)
        relative, real = [], []
        rows: list[dict[str, str | float]] = []
        for style, results in zip(evidence.styles, evidence.stylized, strict=True):
            examples, painted = _points(bank, style.examples), _points(bank, results)
            before, after = _distance(photographs, examples), _distance(painted, examples)
            floor = _distance([points[::2] for points in examples], [points[1::2] for points in examples])
            relative.append(after / max(before, 1e-12))
            real.append(floor / max(before, 1e-12))
            rows.append({"style": style.name, "photographs": before, "results": after, "real": floor})
        return Result(
            {"relative_distance": float(np.mean(relative)), "real_distance": float(np.mean(real))},
            tables={"sliced_wasserstein": rows},
        )


def sliced_wasserstein(first: Float64, second: Float64, directions: Float64) -> float:
    """Return the mean Wasserstein-1 distance of points (N, D), N on both sides, projected on directions (K, D)."""
    ordered = [np.sort(directions @ points.T, axis=1) for points in (first, second)]
    return float(np.abs(ordered[0] - ordered[1]).mean())


def _points(bank: RandomBank, pictures: Float32) -> list[Float64]:
    """Return for each map of the bank the features (M, 256, F) of random places in pictures (M, C, H, W)."""
    random = np.random.default_rng(0)
    batches = []
    with torch.inference_mode():
        for batch in torch.split(torch.from_numpy(pictures), _BATCH):
            flat = [maps.flatten(2).transpose(1, 2) for maps in bank(batch)]
            batches.append([places[:, random.integers(places.shape[1], size=_PLACES)].double() for places in flat])
    return [torch.cat(maps).numpy() for maps in zip(*batches, strict=True)]


def _distance(first: list[Float64], style: list[Float64]) -> float:
    """Return the mean distance over the maps, each in units of the style's root mean variance there."""
    distances = []
    for points, target in zip(first, style, strict=True):
        width = target.shape[2]
        directions = np.random.default_rng(width).standard_normal((_DIRECTIONS, width))
        directions /= np.linalg.norm(directions, axis=1, keepdims=True)
        clouds = [_drawn(side.reshape(-1, width)) for side in (points, target)]
        deviation = float(np.sqrt(clouds[1].var(axis=0).mean()))
        distances.append(sliced_wasserstein(clouds[0], clouds[1], directions) / max(deviation, 1e-6))
    return float(np.mean(distances))


def _drawn(points: Float64) -> Float64:
    """Return 2048 of points (N, F), so that two sides have equally many."""
    drawn: Float64 = points[np.random.default_rng(0).integers(len(points), size=_POINTS)]
    return drawn
