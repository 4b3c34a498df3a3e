"""How well results keep their photographs and meet their styles, in one figure; needs published weights."""

from pathlib import Path

import numpy as np
import torch

from pipeline.features.inception_net import InceptionNet
from pipeline.features.weights import read_weights
from pipeline.metrics.evidence import Float32, Float64, Result, StylizationEvidence, StylizationMetric
from pipeline.metrics.frechet import frechet_distance
from pipeline.metrics.lpips import mean_lpips

_BATCH = 8
_SMALLEST_SIDE = 75


class ArtFid(StylizationMetric):
    """(1 + LPIPS) (1 + FID) of Wright and Ommer 2022, arXiv:2207.12280, with FID on their network of art.

    `fid` is the Frechet distance between all results and all pictures of the styles. Few pictures make it larger, so
    figures compare at equal numbers alone: `results` and `examples`. There is none where the weights are not named, or
    the pictures are too small for the network.
    """

    def compute(self, evidence: StylizationEvidence) -> Result:
        weights = evidence.weights
        named = weights.alexnet and weights.lpips and weights.art_inception
        if not named or min(evidence.photographs.shape[2:]) < _SMALLEST_SIDE:
            return Result()
        net = InceptionNet(plain=True)
        read_weights(net, Path(weights.art_inception), what="weights of ArtFID's network", name="art_inception.pth")
        results = _features(net, evidence.stylized.reshape(-1, *evidence.stylized.shape[2:]))
        examples = _features(net, np.concatenate([style.examples for style in evidence.styles]))
        fid = frechet_distance(results, examples)
        return Result(
            {
                "art_fid": (1 + mean_lpips(evidence)) * (1 + fid),
                "fid": fid,
                "results": len(results),
                "examples": len(examples),
            }
        )


def _features(net: InceptionNet, pictures: Float32) -> Float64:
    """Return the features (M, 2048) of pictures (M, 3, H, W) in [-1, 1], at their own size."""
    with torch.inference_mode():
        batches = [net(batch / 2 + 0.5) for batch in torch.split(torch.from_numpy(pictures), _BATCH)]
    features: Float64 = torch.cat(batches).double().numpy()
    return features
