"""Codes of pictures: what an autoencoding model makes of a picture, and pictures out of codes between and beside them.

A model is autoencoding if it has the companion graph `encoder`. Its codes become pictures by the companion `decoder`
or, where a code is drawn like a latent, by the model's own graph. Codes are arrays (N, code) float32.
"""

from collections.abc import Sequence

import numpy as np
from PIL.Image import Image, Resampling

from demo.card import ModelCard
from demo.engine import Model
from demo.errors import RequestError
from demo.images import from_array, to_array
from demo.latents import Float32, slerp

ENCODER, DECODER = "encoder", "decoder"
_SMALLEST = 8


def encodes(card: ModelCard) -> bool:
    """Return whether a model brings pictures to codes."""
    return any(companion.name == ENCODER for companion in card.companions)


def encode(model: Model, pictures: Float32) -> Float32:
    """Return the codes (N, code) of pictures (N, C, S, S) in [-1, 1].

    Raises:
        RequestError: the model does not encode.
        ModelError: its graph is missing or fails.

    """
    _check(model)
    encoder = model.companion(ENCODER)
    return encoder.run({encoder.card.inputs[0].name: pictures})


def decode(model: Model, codes: Float32) -> Float32:
    """Return the pictures (N, C, S, S) in [-1, 1] of codes (N, code).

    Raises:
        RequestError: the model does not encode.
        ModelError: its graph is missing or fails.

    """
    _check(model)
    decoder = model.companion(DECODER) if _has_decoder(model) else model
    return decoder.run({decoder.card.inputs[0].name: codes})


def prepare(model: Model, image: Image) -> Float32:
    """Return what a model sees of a picture: its central square, as (1, C, S, S) in [-1, 1].

    Raises:
        RequestError: the picture has a side of less than 8 pixels, which is no picture of anything.

    """
    side, size = min(image.size), model.card.size
    if side < _SMALLEST:
        raise RequestError(f"the picture has {image.width} x {image.height} pixels; choose one of {_SMALLEST} or more")
    left, top = (image.width - side) // 2, (image.height - side) // 2
    square = image.convert("L" if model.card.channels == 1 else "RGB").crop((left, top, left + side, top + side))
    return to_array(square if side == size else square.resize((size, size), Resampling.LANCZOS))


def reconstruct(model: Model, image: Image) -> tuple[Image, Image]:
    """Return what a model sees of a picture, and what it makes of it by way of its code.

    Raises:
        RequestError: the model does not encode, or the picture is too small.
        ModelError: a graph fails.

    """
    seen = prepare(model, image)
    return from_array(seen[0]), from_array(decode(model, encode(model, seen))[0])


def walk(model: Model, first: Image, second: Image, *, count: int) -> list[Image]:
    """Return `count` pictures, 2 or more, on the way between the codes of two pictures, both ends included.

    Raises:
        RequestError: the model does not encode, or a picture is too small.
        ModelError: a graph fails.

    """
    start, end = (np.repeat(encode(model, prepare(model, image)), count, axis=0) for image in (first, second))
    shares = np.linspace(0, 1, count, dtype=np.float32)[:, None]
    return [from_array(picture) for picture in decode(model, between(model, start, end, shares))]


def between(model: Model, start: Float32, end: Float32, share: Float32) -> Float32:
    """Return codes (N, code) at the shares (N, 1) in [0, 1] of the ways from `start` to `end`, both (N, code)."""
    # Codes that are drawn like latents lie near a sphere; those of a mixture lie anywhere.
    way = (1 - share) * start + share * end if _has_decoder(model) else slerp(start, end, share)
    return np.asarray(way, np.float32)


def attribute(model: Model, having: Sequence[Image], lacking: Sequence[Image]) -> Float32:
    """Return what sets the codes of some pictures apart from those of others: the difference of their means, (1, code).

    Radford et al. 2015 (arXiv:1511.06434), section 6.3.2, did so with generators' latents.

    Raises:
        RequestError: the model does not encode, one side has no picture, or a picture is too small.
        ModelError: a graph fails.

    """
    if not having or not lacking:
        raise RequestError("an attribute needs a picture or more that has it, and one or more without it")
    means = []
    for images in (having, lacking):
        codes = encode(model, np.concatenate([prepare(model, image) for image in images]))
        means.append(codes.mean(axis=0, keepdims=True, dtype=np.float64))
    return np.asarray(means[0] - means[1], np.float32)


def add_attribute(model: Model, image: Image, direction: Float32, *, amounts: Sequence[float]) -> list[Image]:
    """Return a picture with so much more of an attribute (1, code) as each of the amounts says; below 0 less.

    Raises:
        RequestError: the model does not encode, or the picture is too small.
        ModelError: a graph fails.

    """
    code = encode(model, prepare(model, image))
    steps = np.asarray(amounts, np.float32)[:, None] * direction
    return [from_array(picture) for picture in decode(model, code + steps)]


def code_size(model: Model) -> int:
    """Return how many numbers a code of a model has.

    Raises:
        RequestError: the model does not encode.
        ModelError: its encoder is missing.

    """
    _check(model)
    return int(model.companion(ENCODER).card.outputs[0].shape[1])


def _has_decoder(model: Model) -> bool:
    return any(companion.name == DECODER for companion in model.card.companions)


def _check(model: Model) -> None:
    if not encodes(model.card):
        raise RequestError(f"the model '{model.card.recipe}' has no encoder; choose an autoencoding one, such as 'vae'")
