"""A photograph in another style: what the Style transfer tab and the endpoint `/stylize` do."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL.Image import Image

from demo import __version__
from demo.arguments import one_of, real_number, whole_number
from demo.engine import Model, draw_noise
from demo.errors import PictureError, RequestError
from demo.images import WEB_FORMATS, fit_within, from_array, pad_to_multiple, read_picture, to_array, to_png

MIN_SIZE, DEFAULT_SIZE, MAX_SIZE = 128, 1024, 2048
MAX_VARIATION = 2**32 - 1
MAX_FILE_BYTES = 32 * 2**20
_MIN_SIDE = 32
_MULTIPLE = 8


@dataclass(frozen=True, slots=True)
class StyleRequest:
    """What is asked for: a style, how much of it, which variation of it (0: none), and the result's longer side."""

    style: str
    strength: float
    variation: int
    size: int

    @classmethod
    def parse(cls, model: Model, *, style: object, strength: object, variation: object, size: object) -> "StyleRequest":
        """Check arguments as they came from the network.

        Raises:
            RequestError: one of them is out of range.

        """
        return cls(
            style=one_of("style", style, [choice.name for choice in model.card.choices]),
            strength=real_number("strength", strength, lowest=0, highest=1),
            variation=whole_number("variation", variation, lowest=0, highest=MAX_VARIATION),
            size=whole_number("size", size, lowest=MIN_SIZE, highest=MAX_SIZE),
        )


@dataclass(frozen=True, slots=True)
class Stylized:
    """A photograph as it went in, what came out, and all that is needed to make it again. Both are equally large."""

    photograph: Image
    image: Image
    recipe: dict[str, Any]

    @property
    def file_name(self) -> str:
        return f"{self.recipe['model']}-{self.recipe['style'].replace(' ', '-')}.png"

    def to_png(self) -> bytes:
        """Return the result as PNG whose text chunks carry its recipe."""
        return to_png(
            self.image,
            {
                "Software": f"Ganvas {__version__}",
                "Title": f"{self.recipe['model']}, {self.recipe['style']}",
                "ganvas.recipe": json.dumps(self.recipe, ensure_ascii=False),
            },
        )


def read_photograph(path: Path | None, *, size: int) -> tuple[Image, str]:
    """Return an upload as RGB with a longer side of at most `size`, and the digest of its bytes.

    Raises:
        RequestError: nothing was uploaded.
        PictureError: the file is damaged, too large, too narrow, or of a format that is not taken.

    """
    if path is None:
        raise RequestError("choose a photograph first: upload one or take an example")
    try:
        content = path.read_bytes() if path.stat().st_size <= MAX_FILE_BYTES else None
    except OSError as error:
        raise PictureError("the photograph is no longer on the server; upload it again") from error
    if content is None:
        raise PictureError(f"the photograph is larger than {MAX_FILE_BYTES // 2**20} MiB; save it smaller first")
    picture = read_picture(content, formats=WEB_FORMATS, shrink_to=size).convert("RGB")
    fitted = fit_within(picture, size)
    if min(fitted.size) < _MIN_SIDE:
        raise PictureError(
            f"the photograph is {picture.width} x {picture.height} pixels, too small or too narrow to paint at size "
            f"{size}; choose one that keeps {_MIN_SIDE} pixels on its shorter side"
        )
    return fitted, hashlib.sha256(content).hexdigest()


def stylize(model: Model, request: StyleRequest, *, photograph: Image, digest: str) -> Stylized:
    """Return the photograph in the style asked for; at strength 0 the photograph itself, untouched by the network."""
    recipe = {
        "model": model.card.recipe,
        "sha256": model.sha256,
        "style": request.style,
        "strength": request.strength,
        "variation": request.variation,
        "size": request.size,
        "photograph": digest,
    }
    if request.strength == 0:
        return Stylized(photograph, photograph, recipe)
    content = pad_to_multiple(to_array(photograph), _MULTIPLE)
    codes = {choice.name: choice.code for choice in model.card.choices}
    feeds = {}
    for port in model.card.inputs:
        match port.kind:
            case "picture":
                feeds[port.name] = content
            case "code":
                feeds[port.name] = np.array([codes[request.style]], dtype=np.float32)
            case "degree":
                feeds[port.name] = np.full((1, 1), request.strength, dtype=np.float32)
            case "noise" | "latent":
                size = int(port.shape[1])
                drawn = draw_noise([request.variation], size)
                feeds[port.name] = drawn if request.variation else np.zeros_like(drawn)
    painted = model.run(feeds)[0, :, : photograph.height, : photograph.width]
    return Stylized(photograph, from_array(painted), recipe)
