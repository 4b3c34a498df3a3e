"""Serves the controls of the style tab."""

import html
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import gradio as gr

from demo.arguments import upload_path
from demo.errors import DemoError, PictureError
from demo.figures import read_standing
from demo.fragments import in_every_language, save_painting, show_progress
from demo.gallery import Gallery
from demo.names import TEXTS, spoken
from demo.places import ANY, ENLARGEMENTS
from demo.refinement import STEPS
from demo.sampling import SampleRequest, draw_samples, file_name
from demo.scratch import save_result
from demo.styles import UPLOADED
from demo.stylist import Order, Stylist, draw_canvas, draw_thumbnail
from demo.stylization import DEFAULT_SIZE, MAX_SIZE, MAX_VARIATION, MIN_SIZE
from demo.tab import asked_of, number_of, told, wanted_of
from demo.uploads import can_fit

NOTHING: list[Any] = ["", None, ""]
"""No painting, no file, no progress."""

_DATA_URI = re.compile("data:image/(png|jpeg|webp);base64,[A-Za-z0-9+/=]+")


@dataclass(frozen=True, slots=True)
class Desk:
    """What the events of the tab do. Arguments arrive raw, as the stylist takes them.

    `cache` is the folder of files that the page may show; `words` tells as HTML what is being
    done, and what an uploaded style is called.
    """

    stylist: Stylist
    cache: str
    words: Mapping[str, str]

    def show(
        self,
        *,
        photograph: Any,
        mixture: Any,
        style_picture: Any,
        refine: bool,
        masking: bool,
        sketch: Any,
        **numbers: Any,
    ) -> Iterator[list[Any]]:
        """Paint what the controls say; yield the comparison, the file to download and the progress."""
        weights = _weights_of(mixture)
        own = upload_path(style_picture) if UPLOADED in weights else None
        state = {"mixture": mixture, **{name: value for name, value in numbers.items() if name != "feather"}}
        order = Order(
            photograph=upload_path(photograph),
            mixture=weights,
            style_picture=own,
            refine=STEPS if refine else 0,
            sketch=sketch if masking else "",
            **numbers,
        )
        with told():
            try:
                for step in self.stylist.work(order):
                    if step.result:
                        yield [*save_painting(step.result, self.cache, state), ""]
                    else:
                        yield [gr.skip(), gr.skip(), show_progress(step.share, self.words[step.stage])]
            except PictureError:
                # Or a painting of another picture would seem to be this one's.
                yield [f'<p class="refused">{self.words["refused"]}</p>', None, ""]
                raise
            except DemoError:
                yield [gr.skip(), gr.skip(), ""]
                raise

    def repaint(self, **values: Any) -> Iterator[list[Any]]:
        if values["model"] and values["photograph"]:
            yield from self.show(**values)
        else:
            yield NOTHING

    def styles(self, model: str | None, style_picture: Any, mixture: str | None) -> tuple[Any, Any]:
        """Return the gallery of a model with the uploaded picture at its end, and whether that can be refined."""
        try:
            opened, gallery = self.stylist.catalog.gallery(model or "")
        except DemoError:
            return gr.update(styles=[], value="{}"), gr.update(visible=False)
        shown = self._tiles(gallery, style_picture)
        own = shown[-1]["own"] if shown else False
        names = [str(style["name"]) for style in shown]
        kept = {name: weight for name, weight in _weights_of(mixture).items() if name in names}
        first = read_standing(opened.folder, sha256=opened.sha256, task="stylize").first
        chosen = kept or dict.fromkeys([first] if first in names else names[:1], 1)
        return gr.update(styles=shown, value=_written(chosen)), gr.update(visible=own and can_fit(opened))

    def _tiles(self, gallery: Gallery, style_picture: Any) -> list[dict[str, Any]]:
        """Return what the picker shows of each style; one's own comes last."""
        shown = [
            {"name": style.name, "label": _label_of(style.name), "thumbnail": style.thumbnail, "own": False}
            for style in gallery.styles
        ]
        with told():
            own = draw_thumbnail(upload_path(style_picture))
        if own:
            shown.append({"name": UPLOADED, "label": self.words["own_name"], "thumbnail": own, "own": True})
        for style in shown:
            style["thumbnail"] = style["thumbnail"] if _DATA_URI.fullmatch(str(style["thumbnail"])) else ""
        return shown

    def preview(self, *, wanted: bool, model: str | None, style_picture: Any, photograph: Any) -> Any:
        """Return the gallery with each style shown on the photograph, or by its own picture where not `wanted`."""
        if not model:
            return gr.skip()
        with told():
            _, gallery = self.stylist.catalog.gallery(model)
            shown = self._tiles(gallery, style_picture)
            if wanted and photograph:
                order = Order(upload_path(photograph), model, style_picture=upload_path(style_picture))
                squares = self.stylist.preview(order, [style["name"] for style in shown])
                shown = [style | {"thumbnail": squares[style["name"]]} for style in shown]
        return gr.update(styles=shown)

    def follow_preview(self, *, wanted: bool, **values: Any) -> Any:
        """Return what `preview` returns after something else has changed; nothing where it is not wanted."""
        return self.preview(wanted=True, **values) if wanted else gr.skip()

    def upload(self, model: str | None, style_picture: Any, mixture: str | None) -> tuple[Any, Any]:
        """Return the gallery after a style was uploaded, which is taken at once, or removed."""
        return self.styles(model, style_picture, _written({UPLOADED: 1}) if style_picture else mixture)

    def sketch(self, masking: bool, photograph: Any) -> tuple[Any, Any]:
        """Return the brush over the photograph, without a mask, and the width of its edge.

        There is none over a photograph that is refused, of which the painting that follows tells.
        """
        try:
            under = draw_canvas(upload_path(photograph)) if masking else ""
        except PictureError:
            under = ""
        return gr.update(visible=masking and bool(under), picture=under, value=""), gr.update(visible=masking)

    def take_away(self) -> list[Any]:
        """Return the brush without a photograph under it, and nothing painted."""
        return [gr.update(visible=False, picture="", value=""), *NOTHING]

    def settings(self, wanted: Mapping[str, Any], style_picture: Any, mixture: str | None) -> tuple[Any, ...]:
        """Return what the controls show for a state from an address or a history; what is not sound has its default.

        They are the model, the gallery, whether it can be refined, strength, colours, variation and size.
        """
        models = self.stylist.catalog.models("stylize")
        name = wanted.get("model") if wanted.get("model") in models else next(iter(models), None)
        picked = self.styles(name, style_picture, _mixture_of(wanted) or mixture)
        return (
            gr.update(choices=list(models), value=name),
            *picked,
            number_of(wanted, "strength", lowest=0, highest=1, otherwise=1),
            number_of(wanted, "colours", lowest=0, highest=1, otherwise=0),
            int(number_of(wanted, "variation", lowest=0, highest=MAX_VARIATION, otherwise=0)),
            int(number_of(wanted, "size", lowest=MIN_SIZE, highest=MAX_SIZE, otherwise=DEFAULT_SIZE)),
        )

    def restore(self, style_picture: Any, mixture: str | None, event: gr.EventData) -> tuple[Any, ...]:
        """Return `settings` for a state, and what the photograph, the style's picture and the mask become.

        A state may bring a picture of the Sample tab, as the photograph or as a style.
        """
        wanted = wanted_of(event)
        if "sampled" not in wanted:
            return *self.settings(wanted, style_picture, mixture), *[gr.skip()] * 5
        with told():
            path = self._draw_sampled(wanted["sampled"])
        if wanted.get("as") == "style":
            wanted = {**wanted, "mixture": _written({UPLOADED: 1})}
            return *self.settings(wanted, {"path": path}, mixture), gr.skip(), path, *[gr.skip()] * 3
        unmasked = False, gr.update(visible=False, value=""), gr.update(visible=False)
        return *self.settings(wanted, style_picture, mixture), path, gr.skip(), *unmasked

    def _draw_sampled(self, recipe: object) -> str:
        """Draw the picture of a recipe of samples anew, large enough to paint over, and return its path."""
        said = recipe if isinstance(recipe, dict) else {}
        model = self.stylist.catalog.model(said.get("model", ""), task="sample")
        request = SampleRequest.parse(
            model,
            choice=said.get("class") or ANY,
            seed=said.get("seed"),
            count=1,
            truncation=said.get("truncation", 1),
            enlarge=max(factor for factor in ENLARGEMENTS if factor * model.card.size <= DEFAULT_SIZE or factor == 1),
        )
        [picture] = draw_samples(model, request)
        return save_result(picture.to_png(), file_name(picture), self.cache)

    def refresh(self, style_picture: Any, mixture: str | None, request: gr.Request) -> tuple[Any, ...]:
        there = bool(self.stylist.catalog.models("stylize"))
        settings = self.settings(asked_of(request, "style"), style_picture, mixture)
        return gr.update(visible=not there), gr.update(visible=there), *settings


def _label_of(style: str) -> str:
    """Return a style's name as HTML."""
    return in_every_language(TEXTS, style) if style in TEXTS["en"] else html.escape(spoken(style))


def _weights_of(mixture: object) -> dict[str, Any]:
    """Return the weights that the gallery of the page sends, none where they are none."""
    try:
        weights = json.loads(str(mixture or "{}"))
    except (ValueError, RecursionError):
        return {}
    return weights if isinstance(weights, dict) else {}


def _mixture_of(wanted: Mapping[str, Any]) -> str:
    """Return the mixture of a state as JSON, '' where it is not sound; unknown names are dropped later."""
    try:
        weights = json.loads(str(wanted.get("mixture", "")))
    except (ValueError, RecursionError):
        return ""
    sound = isinstance(weights, dict) and all(
        isinstance(weight, int | float) and not isinstance(weight, bool) and 0 <= weight <= 1
        for weight in weights.values()
    )
    return _written(weights) if sound and any(weights.values()) else ""


def _written(weights: Mapping[str, Any]) -> str:
    """Return weights as browsers write JSON: the same choice is the same state, whoever made it."""
    return json.dumps(weights, separators=(",", ":"), ensure_ascii=False)
