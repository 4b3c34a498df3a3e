"""Is this picture what it says it is? Its recipe is read, followed anew, and the pixels are compared one by one."""

import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import PIL.Image
from PIL.Image import Image

from demo.catalog import Catalog
from demo.errors import DemoError, PictureError, RequestError
from demo.images import on_white, read_picture
from demo.likenesses import Likeness, draw_likeness
from demo.places import Picture, Place, draw_place
from demo.provenance import RECIPE_KEY
from demo.repainting import Sources, needed, repaint
from demo.sampling import SampleRequest, draw_samples

Verdict = Literal["same", "differs", "other file", "no model", "no recipe", "needs picture", "not followed"]
_PNG = b"\x89PNG\r\n\x1a\n"
_MAX_RECIPE = 64_000

MAX_REPAINTED = 2048
"""Pixels a side up to which a photograph is painted anew; larger ones take minutes."""


@dataclass(frozen=True, slots=True)
class Report:
    """What was found out.

    `same`: regenerated, equal in every pixel. `differs`: regenerated, and `differing` of `pixels` pixels are off by at
    most `largest` of 255 levels. `other file`: as either, but with a model file that has another digest than the recipe
    names. `no model`: a model of that name is not served here. `needs picture`: a picture made from others, which do
    not travel with it; `needs` names them. `not followed`: the recipe is damaged, or the pictures are others, and
    `reason` says how. `no recipe`: none in it.
    """

    verdict: Verdict
    recipe: Mapping[str, Any] | None = None
    reason: str = ""
    needs: tuple[str, ...] = ()
    served_sha256: str | None = None
    pixels: int = 0
    differing: int = 0
    largest: int = 0
    regenerated: Picture | None = None


def verify(catalog: Catalog, content: bytes, sources: Sources | None = None) -> Report:
    """Return the report on a PNG; `sources` are what it was made from, where it was made from pictures.

    Raises:
        PictureError: it is no readable PNG.

    """
    if content and not content.startswith(_PNG):
        raise PictureError("only a PNG as it was saved here can be checked, no film and no other format")
    image = read_picture(content, formats=("PNG",))
    recipe = _recipe_of(content)
    if recipe is None:
        return Report("no recipe")
    models = {entry.name: entry.model for entry in catalog.entries() if entry.model}
    model = models.get(str(recipe.get("model")))
    if model is None:
        return Report("no model", recipe)
    needs, known = needed(recipe), sources or {}
    if not known.keys() >= set(needs):
        return Report("needs picture", recipe, needs=needs, served_sha256=model.sha256)
    try:
        picture = _make_again(catalog, recipe, image=image, sources=known)
    except DemoError as error:
        return Report("not followed", recipe, str(error), needs=needs, served_sha256=model.sha256)
    differing, largest = _compare(image, on_white(picture.image))
    verdict: Verdict = "differs" if differing else "same"
    return Report(
        verdict if model.sha256 == recipe.get("sha256") else "other file",
        recipe,
        needs=needs,
        served_sha256=model.sha256,
        pixels=image.width * image.height,
        differing=differing,
        largest=largest,
        regenerated=picture,
    )


def follow(catalog: Catalog, recipe: Mapping[str, Any]) -> Picture:
    """Return the picture that a recipe of the Sample, Explore, Journey or Reconstruct tab describes.

    Raises:
        RequestError: the recipe is damaged or names no model of here.
        ModelError: the model does not open or fails.

    """
    model = catalog.model(str(recipe.get("model")), task="sample")
    said = {key: value for key, value in recipe.items() if key not in {"model", "sha256"}}
    if "code" in said:
        return draw_likeness(model, Likeness.parse(model, said))
    if "pins" in said:
        return draw_place(model, Place.parse(model.card, said))
    request = SampleRequest.parse(
        model,
        choice=said.get("class") or "any",
        seed=said.get("seed"),
        count=1,
        truncation=said.get("truncation"),
        enlarge=said.get("enlarge"),
    )
    return draw_samples(model, request)[0]


def _make_again(catalog: Catalog, recipe: Mapping[str, Any], *, image: Image, sources: Sources) -> Picture:
    if not needed(recipe):
        return follow(catalog, recipe)
    if max(image.size) > MAX_REPAINTED:
        raise RequestError(f"only pictures of up to {MAX_REPAINTED} pixels a side are painted anew here")
    size = recipe.get("size")
    if "styles" in recipe and isinstance(size, int | float) and not 0 < size <= MAX_REPAINTED:
        # No size means that of the photograph, which is whatever was sent along.
        recipe = {**recipe, "size": MAX_REPAINTED}
    return repaint(catalog, recipe, sources)


def _recipe_of(content: bytes) -> Mapping[str, Any] | None:
    """Return the recipe in the PNG's text; the picture itself has been read before."""
    with PIL.Image.open(io.BytesIO(content), formats=("PNG",)) as image:
        image.load()
        text = image.info.get(RECIPE_KEY)
    if not isinstance(text, str) or len(text) > _MAX_RECIPE:
        return None
    try:
        recipe = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return recipe if isinstance(recipe, dict) else None


def _compare(one: Image, other: Image) -> tuple[int, int]:
    """Return how many pixels differ and by how many levels at most; pictures of other sizes differ everywhere."""
    if one.size != other.size:
        return one.width * one.height, 255
    difference = np.abs(np.asarray(one.convert("RGB"), np.int16) - np.asarray(other.convert("RGB"), np.int16))
    return int((difference.max(axis=-1) > 0).sum()), int(difference.max())
