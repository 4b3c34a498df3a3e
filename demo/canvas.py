"""What people painted on a canvas of the page, as pictures that a translation takes."""

import hashlib
import re
from collections.abc import Mapping, MutableMapping, Sequence
from typing import Any

import numpy as np
import PIL.Image
from PIL.Image import Image

from demo.arguments import upload_path
from demo.engine import Model
from demo.errors import NothingGivenError, RequestError
from demo.images import WEB_FORMATS, on_white, read_picture
from demo.translation import read_upload

_MAX_LAYERS = 8
_FAINT = 8
"""Levels of opacity up to which a mark is the rim of a soft brush, not meant."""

PAPER = PIL.Image.new("RGB", (512, 512), "white")
"""What a drawing begins on."""

_LEVEL = r"\s*(\d{1,3})(?:\.\d*)?\s*"
_RGBA = re.compile(rf"rgba?\({_LEVEL},{_LEVEL},{_LEVEL}")


def read_painted(said: object, kept: MutableMapping[str, Any]) -> dict[str, Any] | None:
    """Return the pictures that an editor of the page sends: `background` and `composite`, or None, and `layers`.

    It names uploaded files, or by its `id` what Gradio keeps as bytes in `kept`, which is taken from there.

    Raises:
        RequestError: it is nothing that the editor sends.
        PictureError: a picture cannot be taken.

    """
    if said is None:
        return None
    if not isinstance(said, Mapping) or not isinstance(said.get("id"), str | None):
        raise RequestError("this is no painted picture; paint again")
    parts: Mapping[str, Any] = said
    if said.get("id"):
        blobs = kept.pop(said["id"], None)
        parts = {"background": blobs.background, "layers": blobs.layers, "composite": blobs.composite} if blobs else {}
    layers = parts.get("layers") or []
    if not isinstance(layers, list) or len(layers) > _MAX_LAYERS:
        raise RequestError(f"a painted picture has at most {_MAX_LAYERS} layers")
    return {
        "background": _read_part(parts.get("background")),
        "layers": [layer for part in layers if (layer := _read_part(part))],
        "composite": _read_part(parts.get("composite")),
    }


def _read_part(part: object) -> Image | None:
    if part is None:
        return None
    if isinstance(part, bytes | bytearray):
        content = bytes(part)
    elif isinstance(part, Mapping):
        content = read_upload(upload_path(part), halve=True)[0]
    else:
        raise RequestError("this is no painted picture; paint again")
    return read_picture(content, formats=WEB_FORMATS, halve=True, keep_alpha=True, name="the painted picture")


def mask_of(layers: Sequence[Image], size: tuple[int, int]) -> Image:
    """Return a mask of a size, mode `L`, white where any layer was painted on."""
    marks = [np.asarray(layer.convert("RGBA").getchannel("A").resize(size)) > _FAINT for layer in layers]
    hole = np.logical_or.reduce(marks) if marks else np.zeros(size[::-1], bool)
    return PIL.Image.fromarray(np.where(hole, np.uint8(255), np.uint8(0)))


def hexadecimal(colour: str) -> str:
    """Return a colour as `#rrggbb`; a picker gives that or `rgba(...)`."""
    found = _RGBA.match(colour)
    return "#{:02x}{:02x}{:02x}".format(*(min(int(level), 255) for level in found.groups())) if found else colour[:7]


def take_given(model: Model, *, picture: Any, editor: Any, canvas: Any) -> tuple[Image, Image | None, str]:
    """Return the picture of the control that a model's task shows, the mask that was painted over it, and a digest.

    The digest is that of the upload's bytes; of what lay on a canvas, where they are not known, that of its pixels.

    Raises:
        RequestError: there is none.
        PictureError: it cannot be taken.

    """
    match model.card.translation:
        case "inpaint":
            background = editor["background"] if editor else None
            if background is None:
                raise NothingGivenError("there is no picture; choose one first")
            under = on_white(background)
            return under, mask_of(editor["layers"], background.size), hashlib.sha256(under.tobytes()).hexdigest()
        case "sketch":
            drawing = canvas["composite"] if canvas else None
            if drawing is None:
                raise NothingGivenError("there is nothing on the drawing; draw some dark lines on it first")
            paper = on_white(drawing).convert("L")
            return paper, None, hashlib.sha256(paper.tobytes()).hexdigest()
        case _:
            # What is to be enlarged is taken as it is, or not at all.
            content, given = read_upload(upload_path(picture), halve=model.card.translation != "superres")
            return given, None, hashlib.sha256(content).hexdigest()
