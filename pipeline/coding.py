"""What an autoencoding model is scored on: held-back pictures, and how probable it makes them."""

import numpy as np
import torch

from demo.codes import decode, encode
from demo.engine import Model, draw_noise
from pipeline.contracts import Likelihood
from pipeline.data.dataset import Dataset
from pipeline.metrics.evidence import CodingEvidence, Float32, Float64
from pipeline.pictures import from_uint8
from pipeline.progress import tracked
from pipeline.recipe import Recipe

_PICTURES = 100
_SAMPLES = 50


def gather_coding(model: Model, dataset: Dataset, recipe: Recipe) -> CodingEvidence:
    """Encode and decode at most 100 held-back pictures; draw 50 codes of each where the recipe has a likelihood.

    Raises:
        ModelError: the model fails.

    """
    chosen = np.random.default_rng(recipe.evaluate.seed).permutation(dataset.validation)[:_PICTURES]
    pictures = from_uint8(dataset.images[np.sort(chosen)])
    likelihood = recipe.loss if isinstance(recipe.loss, Likelihood) else None
    named = {companion.name for companion in model.card.companions}
    drawn = range(_SAMPLES if likelihood and "posterior" in named else 0)
    what = f"{recipe.name}: drawing codes"
    weights = [
        log_weights(model, pictures, likelihood=likelihood, seed=recipe.evaluate.seed + number * len(pictures))
        for number in tracked(drawn, total=len(drawn), description=what)
        if likelihood
    ]
    return CodingEvidence(
        pictures=pictures,
        decoded=decode(model, encode(model, pictures)),
        log_weights=np.stack(weights) if weights else np.zeros((0, len(pictures))),
    )


def log_weights(model: Model, pictures: Float32, *, likelihood: Likelihood, seed: int) -> Float64:
    """Return log p(x, z) - log q(z | x) (N,), in nats, for pictures x (N, C, S, S) and a code z of each drawn from q.

    The codes' own densities share a constant that cancels: with z = mean + deviation * noise, log p(z) - log q(z | x)
    is half the sum of noise^2 + log variance - z^2.
    """
    posterior = model.companion("posterior")
    width = int(posterior.card.inputs[1].shape[1])
    feeds = {"picture": pictures, "noise": draw_noise(range(seed, seed + len(pictures)), width)}
    decoded, mean, log_variance, log_scale = (
        posterior.run(feeds, port.name).astype(np.float64) for port in posterior.card.outputs
    )
    noise = feeds["noise"].astype(np.float64)
    code = mean + np.exp(log_variance / 2) * noise
    images, seen = torch.from_numpy(pictures.astype(np.float64)), torch.from_numpy(decoded)
    fit = likelihood.log_likelihood(images, seen, torch.tensor(log_scale[0, 0])).numpy()
    weights: Float64 = fit + 0.5 * (noise**2 + log_variance - code**2).sum(axis=1)
    return weights
