"""A photograph in another style: what the Style transfer tab, `/stylize` and `python -m demo.stylize` do."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL.Image import Image

from demo.arguments import real_number, whole_number
from demo.colours import keep_colours
from demo.engine import Model, draw_noise
from demo.errors import PictureError, RequestError
from demo.gallery import code_width
from demo.images import (
    MAX_LARGE_PIXELS,
    WEB_FORMATS,
    alpha_of,
    fit_within,
    from_array,
    read_picture,
    to_array,
    to_png,
    upright_size,
    write_png,
)
from demo.masks import DEFAULT_FEATHER, MAX_FEATHER, Mask
from demo.provenance import picture_texts, recipe_mark
from demo.styles import Mixture
from demo.tiling import Conditions, paint

MIN_SIZE, DEFAULT_SIZE, MAX_SIZE = 128, 1024, 8192
FULL_SIZE = 0
MAX_VARIATION = 2**32 - 1
MAX_FILE_BYTES = 64 * 2**20
_MIN_SIDE = 32


@dataclass(frozen=True, slots=True)
class StyleRequest:
    """What is asked for: which styles, how much of them, and how.

    `strength` runs from 0, the photograph itself, to 1; `variation` is the seed of the noise, 0 for none; `size` is the
    result's longer side at most, 0 for the photograph's own; `colours` is the degree to which the photograph keeps its
    colours; `feather` is the width of a mask's edge as a share of the longer side.
    """

    mixture: Mixture
    strength: float
    variation: int
    size: int
    colours: float = 0.0
    feather: float = DEFAULT_FEATHER

    @classmethod
    def parse(
        cls,
        mixture: Mixture,
        *,
        strength: object,
        variation: object,
        size: object,
        colours: object = 0.0,
        feather: object = DEFAULT_FEATHER,
    ) -> "StyleRequest":
        """Check arguments as they came from the network.

        Raises:
            RequestError: one of them is out of range.

        """
        return cls(
            mixture=mixture,
            strength=real_number("strength", strength, lowest=0, highest=1),
            variation=whole_number("variation", variation, lowest=0, highest=MAX_VARIATION),
            size=FULL_SIZE if size == FULL_SIZE else whole_number("size", size, lowest=MIN_SIZE, highest=MAX_SIZE),
            colours=real_number("colours", colours, lowest=0, highest=1),
            feather=real_number("feather", feather, lowest=0, highest=MAX_FEATHER),
        )


@dataclass(frozen=True, slots=True)
class Photograph:
    """A picture to paint, in RGB at the size to paint it at; the digest of its file; the size that it has there.

    `alpha`, as large as `image`, says how opaque it was before it was laid on white; None where it all was.
    """

    image: Image
    digest: str
    full_size: tuple[int, int]
    alpha: Image | None = None

    def cut(self, painting: Image) -> Image:
        """Return a painting of this photograph, as transparent as it was."""
        if self.alpha is None:
            return painting
        painting = painting.copy()
        painting.putalpha(self.alpha)
        return painting


@dataclass(frozen=True, slots=True)
class Stylized:
    """A photograph as it went in, what came out, and all that is needed to make it again. Both are equally large.

    `image` is in RGB, or in RGBA where the photograph's file was transparent.
    """

    photograph: Image
    image: Image
    recipe: dict[str, Any]

    @property
    def file_name(self) -> str:
        styles = "-".join(self.recipe["styles"])[:80].replace(" ", "-")
        return f"{self.recipe['model']}-{styles}-{recipe_mark(self.recipe)}.png"

    def to_png(self) -> bytes:
        """Return the result as PNG whose text chunks carry its recipe."""
        return to_png(self.image, self._texts())

    def save(self, path: Path) -> None:
        """Write what `to_png` returns to a file."""
        write_png(self.image, self._texts(), path)

    def _texts(self) -> dict[str, str]:
        return picture_texts(f"{self.recipe['model']}, {' + '.join(self.recipe['styles'])}", self.recipe)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a painting is, from 0 to 1, and the result at the end."""

    share: float
    result: Stylized | None = None


def read_photograph(
    path: Path | None,
    *,
    size: int,
    formats: tuple[str, ...] = WEB_FORMATS,
    max_bytes: int = MAX_FILE_BYTES,
) -> Photograph:
    """Return a picture file as RGB with a longer side of at most `size`, 0 for its own.

    Raises:
        RequestError: there is no file.
        PictureError: the file is damaged, too large, too narrow, or of a format that is not taken.

    """
    if path is None:
        raise RequestError("choose a photograph first: upload one or take an example")
    try:
        content = path.read_bytes() if path.stat().st_size <= max_bytes else None
    except OSError as error:
        raise PictureError(f"the photograph cannot be read ({error.strerror}); choose it again") from error
    if content is None:
        raise PictureError(f"the photograph is larger than {max_bytes // 2**20} MiB; save it smaller first")
    picture = read_picture(
        content, formats=formats, shrink_to=size, max_pixels=MAX_LARGE_PIXELS, name="the photograph"
    ).convert("RGB")
    fitted = fit_within(picture, size or max(picture.size))
    check_sides(fitted.size, stored=picture.size)
    alpha = alpha_of(content)
    return Photograph(
        fitted,
        hashlib.sha256(content).hexdigest(),
        upright_size(content),
        fit_within(alpha, size or max(alpha.size)) if alpha else None,
    )


def check_sides(size: tuple[int, int], *, stored: tuple[int, int]) -> None:
    """Check a picture of the size `stored` that is to be painted at `size`.

    Raises:
        PictureError: it is too narrow for the networks.

    """
    if min(size) < _MIN_SIDE:
        raise PictureError(
            f"the photograph is {stored[0]} x {stored[1]} pixels, too small or too narrow to paint at size "
            f"{max(size)}; choose one that keeps {_MIN_SIDE} pixels on its shorter side"
        )


def describe(model: Model, request: StyleRequest, *, digest: str, mask: Mask | None) -> dict[str, Any]:
    """Return the recipe of a painting: all that is needed to make it again from the file with this digest."""
    return {
        "model": model.card.recipe,
        "sha256": model.sha256,
        **request.mixture.recipe(),
        "strength": request.strength,
        "colours": request.colours,
        "variation": request.variation,
        "size": request.size,
        "mask": {"sha256": mask.digest, "feather": request.feather} if mask else None,
        "photograph": digest,
    }


def stylize(
    model: Model, request: StyleRequest, *, photograph: Photograph, mask: Mask | None = None
) -> Iterator[Progress]:
    """Paint the photograph in the styles asked for, and yield how far it is; the last one carries the result.

    At strength 0, and where the mask is black, the result is the photograph itself, untouched by the network.

    Raises:
        ModelError: the model takes no codes, or fails.
        PictureError: the mask is not as large as the photograph.
        RequestError: the picture is larger than the model can paint.

    """
    code_width(model)
    recipe = describe(model, request, digest=photograph.digest, mask=mask)
    image = photograph.image
    fitted = mask.fit(photograph=photograph.full_size, painted=image.size, feather=request.feather) if mask else None
    if request.strength == 0:
        yield Progress(1, Stylized(image, photograph.cut(image), recipe))
        return
    canvas = image.copy()
    for piece in paint(model, image, _conditions(model, request)):
        if piece.picture is not None:
            painted = keep_colours(piece.picture, to_array(image.crop(piece.box))[0], request.colours)
            canvas.paste(from_array(painted), piece.box, fitted.crop(piece.box) if fitted else None)
        yield Progress(piece.share)
    yield Progress(1, Stylized(image, photograph.cut(canvas), recipe))


def _conditions(model: Model, request: StyleRequest) -> Conditions:
    width = int(model.card.inputs[3].shape[1])
    drawn = draw_noise([request.variation], width)
    return {
        "code": request.mixture.code,
        "strength": np.full((1, 1), request.strength, dtype=np.float32),
        "noise": drawn if request.variation else np.zeros_like(drawn),
    }
