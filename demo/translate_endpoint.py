"""The endpoint `/translate`."""

import hashlib
from collections.abc import Callable
from typing import Any

import gradio as gr
from gradio.components import Component

from demo.arguments import upload_path
from demo.catalog import Catalog
from demo.tab import declare_endpoint, told
from demo.translation import DEFAULT_SIZE, Translated, TranslationRequest, read_upload, translate

_HELP = """Translate a picture by what its model does: inpaint, superres, colorize, sketch or unpaired.

picture: a PNG, JPEG or WEBP file, the drawing for sketch. model: name of one that serves translation (see /healthz).
choice: one of its choices (a factor, a class), "" where it has none. mask: for inpaint, a picture of the same size,
light where it is to be filled. hints: for colorize, a list of [x, y, "#rrggbb"], x and y as shares from 0 to below 1.
size: the longer side that is worked at, 64 to 2048 pixels. Returns the result and the plain baseline as PNG.
"""


def declare_translate(catalog: Catalog, save: Callable[[Translated], tuple[str, str]]) -> None:
    """Declare the endpoint.

    `save` puts a result where the page may show it, and returns the paths of the plain baseline and of the result.
    """
    inputs: dict[str, Component] = {
        "picture": gr.Image(label="picture", type="filepath", visible=False),
        "model": gr.Textbox(label="model", visible=False),
        "choice": gr.Textbox("", label="choice", visible=False),
        "mask": gr.Image(label="mask", type="filepath", visible=False),
        "hints": gr.JSON([], label="hints", visible=False),
        "size": gr.Number(DEFAULT_SIZE, label="size", visible=False),
    }
    outputs = [gr.Image(label=label, type="filepath", visible=False) for label in ("result", "baseline")]

    def translate_picture(
        *, picture: Any, model: str, choice: str, mask: Any = None, hints: Any = None, size: float
    ) -> list[str]:
        with told():
            opened = catalog.model(model, task="translate")
            request = TranslationRequest.parse(opened, choice=choice, size=size, hints=hints or ())
            # A mask belongs to the pixels of the file, and what is to be enlarged is taken as it is.
            halve = opened.card.translation not in {"inpaint", "superres"}
            content, given = read_upload(upload_path(picture), halve=halve)
            hole = read_upload(upload_path(mask), what="mask")[1] if mask else None
            done = translate(opened, request, picture=given, mask=hole, digest=hashlib.sha256(content).hexdigest())
        before, after = save(done)
        return [after, before]

    declare_endpoint("translate", translate_picture, inputs=inputs, outputs=outputs, description=_HELP)
