"""A picture translated by its task: what the Translate tab and the endpoint `/translate` do."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import PIL.Image
from numpy.typing import NDArray
from PIL.Image import Image, Resampling

from demo.arguments import one_of, whole_number
from demo.composition import Hint, compose, hint_planes, plain
from demo.engine import Model
from demo.errors import ModelError, NothingGivenError, PictureError, RequestError
from demo.images import WEB_FORMATS, fit_within, pad_to_multiple, read_picture, to_array, to_png
from demo.provenance import picture_texts, recipe_mark

MIN_SIZE, DEFAULT_SIZE, MAX_SIZE = 64, 512, 2048
MAX_FILE_BYTES = 32 * 2**20
MAX_HINTS = 64
STRIDE = 8
"""Pixels a side below which a network has nothing to see; sides are brought to multiples of it and cut back after."""

_INK = 32
"""Levels by which a drawing must differ from its paper somewhere."""

Float32: TypeAlias = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class TranslationRequest:
    """What is asked for: one of the model's choices ('' where it has none), the longer side at most, and colour hints.

    Hints say where, as shares of width and height in [0, 1), and which colour.
    """

    choice: str
    size: int
    hints: tuple[tuple[float, float, tuple[int, int, int]], ...] = ()

    @classmethod
    def parse(cls, model: Model, *, choice: object, size: object, hints: object = ()) -> "TranslationRequest":
        """Check arguments as they came from the network; hints are lists `[x, y, "#rrggbb"]`, x and y in [0, 1).

        Raises:
            RequestError: one of them is out of range.

        """
        names = [known.name for known in model.card.choices]
        return cls(
            choice=one_of("choice", choice, names) if names else "",
            size=whole_number("size", size, lowest=MIN_SIZE, highest=MAX_SIZE),
            hints=parse_hints(hints if model.card.translation == "colorize" else ()),
        )


@dataclass(frozen=True, slots=True)
class Translated:
    """What was given, the plain way to do it, what the model made, all equally large, and how to make it again."""

    given: Image
    baseline: Image
    image: Image
    recipe: dict[str, Any]

    @property
    def file_name(self) -> str:
        return f"{self.recipe['model']}-{recipe_mark(self.recipe)}.png"

    def to_png(self) -> bytes:
        """Return the result as PNG whose text chunks carry its recipe."""
        title = f"{self.recipe['model']}, {self.recipe['translation']}"
        return to_png(self.image, picture_texts(title, self.recipe))


def read_upload(path: Path | None, *, what: str = "picture", halve: bool = False) -> tuple[bytes, Image]:
    """Return the bytes of an upload and the picture in them, mode `L` or `RGB`; `what` names it in messages.

    With `halve`, photographs are taken that are too large by up to four times; they come with half their sides.

    Raises:
        RequestError: there is none.
        PictureError: it cannot be taken.

    """
    if path is None:
        raise NothingGivenError(f"there is no {what}; choose one first")
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise PictureError(f"the {what} is larger than {MAX_FILE_BYTES // 2**20} MiB; save it smaller first")
        content = path.read_bytes()
    except OSError as error:
        raise PictureError(f"the {what} is no longer on the server; choose it again") from error
    return content, read_picture(content, formats=WEB_FORMATS, halve=halve)


def translate(
    model: Model,
    request: TranslationRequest,
    *,
    picture: Image,
    mask: Image | None = None,
    digest: str = "",
) -> Translated:
    """Return a picture as the model's task has it. `digest` is that of the upload, for the recipe.

    In `inpaint` what is light in `mask` is filled, and every other pixel stays as it is given; in `colorize` the luma
    stays, as Pillow's mode `L` has it. In `superres` the result is larger by the factor that is chosen.

    Raises:
        RequestError: the mask is missing, of another size, empty or full; a hint lies outside; nothing is drawn; or the
            result would be too large.
        PictureError: the picture is smaller than the network's stride.
        ModelError: the model fails, or is made for another task.

    """
    given, guide = _inputs(model, request, picture=picture, mask=mask)
    arrays = [given] if guide is None else [given, guide]
    feeds = {
        port.name: pad_to_multiple(array, STRIDE) if array.ndim == 4 else array
        for port, array in zip(model.card.inputs, arrays, strict=True)
    }
    height, width = given.shape[2:]
    painted = model.run(feeds)[:, :, :height, :width]
    task = model.card.translation
    recipe = {
        "model": model.card.recipe,
        "sha256": model.sha256,
        "translation": task,
        "choice": request.choice,
        "size": request.size,
        "hints": [[x, y, "#{:02x}{:02x}{:02x}".format(*colour)] for x, y, colour in request.hints],
        "picture": digest,
        "mask": hashlib.sha256(mask.tobytes()).hexdigest() if mask is not None and task == "inpaint" else "",
    }
    return Translated(
        given=_shown(np.repeat(np.rint((given + 1) * 127.5).astype(np.uint8), 3 // given.shape[1], axis=1)),
        baseline=_shown(plain(task, given=given, guide=guide)),
        image=_shown(compose(task, painted, given=given, guide=guide)),
        recipe=recipe,
    )


def _inputs(
    model: Model, request: TranslationRequest, *, picture: Image, mask: Image | None
) -> tuple[Float32, Float32 | None]:
    """Return what the network is given, (1, C, H, W) in [-1, 1], and what guides it."""
    if min(picture.size) < STRIDE:
        raise PictureError(
            f"the picture is {picture.width} x {picture.height} pixels, smaller than the {STRIDE} that the network "
            "needs a side; choose a larger one"
        )
    names = [choice.name for choice in model.card.choices]
    chosen = np.eye(len(names), dtype=np.float32)[[names.index(request.choice)]] if names else None
    match model.card.translation:
        case "inpaint":
            fitted = _fitted(picture.convert("RGB"), request.size)
            guide = _hole(mask, picture, width=fitted.width, height=fitted.height)
            return np.where(guide > 0, np.float32(0), to_array(fitted)), guide
        case "superres":
            return to_array(_enlarged(picture.convert("RGB"), int(request.choice[1:]))), chosen
        case "colorize":
            grey = _fitted(picture.convert("L"), request.size)
            return to_array(grey), _hints(request, width=grey.width, height=grey.height)
        case "sketch":
            drawing = _fitted(picture.convert("L"), request.size)
            if np.ptp(np.asarray(drawing)) < _INK:
                raise NothingGivenError("there is nothing on the drawing; draw some dark lines on it first")
            return to_array(drawing), chosen
        case "unpaired":
            return to_array(_fitted(picture.convert("RGB"), request.size)), None
        case other:
            raise ModelError(
                f"the model '{model.card.recipe}' does '{other}', which is not known here; export it again"
            )


def _hole(mask: Image | None, picture: Image, *, width: int, height: int) -> Float32:
    """Return the mask of a picture that is scaled to a size: (1, 1, height, width), 1 wherever any of it is missing."""
    if mask is None:
        raise NothingGivenError("there is no mask; paint over what is to be filled")
    if mask.size != picture.size:
        raise RequestError(
            f"the mask is {mask.width} x {mask.height} pixels, the picture {picture.width} x {picture.height}; give a "
            "mask of the picture's size"
        )
    marked = mask.convert("L").point([0] * 128 + [255] * 128)
    hole = np.asarray(marked.resize((width, height), Resampling.BOX)) > 0
    if not hole.any():
        raise NothingGivenError("the mask is empty; paint over what is to be filled")
    if hole.all():
        raise RequestError("the mask covers the whole picture; leave some of it to go by")
    return hole[None, None].astype(np.float32)


def _fitted(picture: Image, size: int) -> Image:
    fitted = fit_within(picture, size)
    if min(fitted.size) < STRIDE:
        raise PictureError(
            f"the picture is {picture.width} x {picture.height} pixels, too narrow for size {size}; choose a larger "
            "size"
        )
    return fitted


def _enlarged(picture: Image, factor: int) -> Image:
    size = (factor * picture.width, factor * picture.height)
    if max(size) > MAX_SIZE:
        raise RequestError(
            f"{factor} times {picture.width} x {picture.height} pixels are more than {MAX_SIZE} a side; cut or scale "
            f"the picture to {MAX_SIZE // factor} a side first"
        )
    return picture.resize(size, Resampling.BICUBIC)


def _hints(request: TranslationRequest, *, width: int, height: int) -> Float32:
    # A click stands for a spot; its size on the picture is about that of the hints in training.
    radius = max(2, min(width, height) // 32)
    placed: list[Hint] = [(int(x * width), int(y * height), colour) for x, y, colour in request.hints]
    return hint_planes(placed, height=height, width=width, radius=radius)


def parse_hints(hints: object) -> tuple[tuple[float, float, tuple[int, int, int]], ...]:
    """Return colour hints as they came from the network, lists `[x, y, "#rrggbb"]`, x and y in [0, 1).

    Raises:
        RequestError: they are no such list, or too many.

    """
    if not isinstance(hints, Sequence) or isinstance(hints, str) or len(hints) > MAX_HINTS:
        raise RequestError(f'hints must be a list of at most {MAX_HINTS} entries like [0.5, 0.25, "#cc3300"]')
    return tuple(_parse_hint(hint) for hint in hints)


def _parse_hint(hint: object) -> tuple[float, float, tuple[int, int, int]]:
    match hint:
        case [float() | int() as x, float() | int() as y, str() as colour] if 0 <= x < 1 and 0 <= y < 1:
            digits = colour.removeprefix("#")
            if len(digits) == 6 and set(digits.lower()) <= set("0123456789abcdef"):
                red, green, blue = bytes.fromhex(digits)
                return float(x), float(y), (red, green, blue)
    raise RequestError(
        f'a hint must be like [0.5, 0.25, "#cc3300"], x and y from 0 to below 1 inside the picture, not {hint!r:.60}'
    )


def _shown(pictures: NDArray[np.uint8]) -> Image:
    return PIL.Image.fromarray(pictures[0].transpose(1, 2, 0))
