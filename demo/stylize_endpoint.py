"""The endpoint `/stylize`."""

from typing import Any

import gradio as gr
from gradio.components import Component

from demo.arguments import upload_path
from demo.masks import DEFAULT_FEATHER, MAX_FEATHER
from demo.refinement import MAX_STEPS
from demo.scratch import save_result
from demo.styles import UPLOADED
from demo.stylist import Order, Stylist
from demo.stylization import DEFAULT_SIZE, MAX_SIZE, MIN_SIZE
from demo.tab import declare_endpoint, told

HELP = f"""Paint a photograph in another style.

photograph: a PNG, JPEG or WEBP file. model: name of a model that serves style transfer (see /healthz). style: one of
its styles. strength: 0 (the photograph itself) to 1. variation: 0 for none, any other whole number for another take.
size: the result's longer side at most, {MIN_SIZE} to {MAX_SIZE} pixels, 0 for the photograph's own. mixture: in place
of style, JSON of weights by style, like {{"ink": 0.7, "waves": 0.3}}. style_picture: in place of style, a picture in
the style to paint in; to mix it with others, name it "{UPLOADED}" in the mixture. refine: steps of fitting the style to
that picture, 0 to {MAX_STEPS}. colours: how far the photograph keeps its colours, 0 to 1. mask: a picture as large as
the photograph, white where it is painted and black where it stays. feather: width of the mask's soft edge, 0 to
{MAX_FEATHER} of the longer side. Returns the result as PNG, whose text chunk `ganvas.recipe` tells all of this.
"""


def declare_stylize(stylist: Stylist) -> None:
    """Declare the endpoint."""
    result = gr.Image(label="result", type="filepath", visible=False)
    inputs: dict[str, Component] = {
        "photograph": gr.Image(label="photograph", type="filepath", visible=False),
        "model": gr.Textbox(label="model", visible=False),
        "style": gr.Textbox("", label="style", visible=False),
        "strength": gr.Number(1, label="strength", visible=False),
        "variation": gr.Number(0, label="variation", visible=False),
        "size": gr.Number(DEFAULT_SIZE, label="size", visible=False),
        "mixture": gr.Textbox("", label="mixture", visible=False),
        "style_picture": gr.Image(label="style_picture", type="filepath", visible=False),
        "refine": gr.Number(0, label="refine", visible=False),
        "colours": gr.Number(0, label="colours", visible=False),
        "mask": gr.Image(label="mask", type="filepath", visible=False),
        "feather": gr.Number(DEFAULT_FEATHER, label="feather", visible=False),
    }

    def stylize_photograph(*, photograph: Any, style_picture: Any = None, mask: Any = None, **values: Any) -> str:
        # Clients may leave out what is None here.
        order = Order(
            photograph=upload_path(photograph),
            style_picture=upload_path(style_picture),
            mask=upload_path(mask),
            **values,
        )
        with told():
            painted = stylist.serve(order)
            return save_result(painted.to_png(), painted.file_name, result.GRADIO_CACHE)

    declare_endpoint("stylize", stylize_photograph, inputs=inputs, outputs=[result], description=HELP)
