"""Paintings made again from the pictures that they were made from, which do not travel with them."""

import contextlib
import hashlib
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from PIL.Image import Image

from demo.catalog import Catalog
from demo.engine import Model
from demo.errors import RequestError
from demo.images import WEB_FORMATS, read_picture
from demo.places import Picture
from demo.styles import UPLOADED
from demo.stylist import Order, Stylist
from demo.translation import TranslationRequest, translate

NAMES = {
    "photograph": "photograph",
    "style_picture": "style picture",
    "picture": "picture",
    "mask": "mask",
}
"""What a recipe may need, and how people call it."""

Sources = Mapping[str, bytes]
"""Files by the keys of `NAMES`."""


def needed(recipe: Mapping[str, Any]) -> tuple[str, ...]:
    """Return which pictures a recipe of the Style transfer or Translate tab needs, none for other recipes."""
    if "styles" in recipe:
        parts = {"photograph": True, "style_picture": recipe.get("uploaded"), "mask": recipe.get("mask")}
    elif "translation" in recipe:
        parts = {"picture": True, "mask": recipe["translation"] == "inpaint"}
    else:
        parts = {}
    return tuple(name for name, wanted in parts.items() if wanted)


def repaint(catalog: Catalog, recipe: Mapping[str, Any], sources: Sources) -> Picture:
    """Return what a recipe makes of its sources, all of `needed`.

    Raises:
        DemoError: a source is another one than the recipe names, the recipe is damaged, or a model fails.

    """
    return _restyle(catalog, recipe, sources) if "styles" in recipe else _retranslate(catalog, recipe, sources)


def _restyle(catalog: Catalog, recipe: Mapping[str, Any], sources: Sources) -> Picture:
    uploaded = _part(recipe.get("uploaded") or {})
    if len(uploaded) > 1:
        raise RequestError("the recipe names several uploaded styles; this page paints with one")
    style = _part(next(iter(uploaded.values()))) if uploaded else {}
    mask = _part(recipe.get("mask") or {})
    wanted = {"photograph": recipe.get("photograph"), "style_picture": style.get("picture"), "mask": mask.get("sha256")}
    for name in needed(recipe):
        _check(name, hashlib.sha256(sources[name]).hexdigest() == wanted[name])
    # The command line calls a picture's style by its file, the page by one name for all.
    mixture = {UPLOADED if name in uploaded else name: share for name, share in _part(recipe.get("styles")).items()}
    with _files(sources) as paths:
        order = Order(
            photograph=paths.get("photograph"),
            model=str(recipe.get("model")),
            mixture=mixture,
            style_picture=paths.get("style_picture") if uploaded else None,
            refine=style.get("refined", 0),
            strength=recipe.get("strength"),
            colours=recipe.get("colours"),
            variation=recipe.get("variation"),
            size=recipe.get("size"),
            mask=paths.get("mask") if mask else None,
            feather=mask.get("feather", 0),
        )
        painted = Stylist(catalog).serve(order)
    return Picture(painted.image, painted.recipe, f"{painted.recipe['model']}, {' + '.join(painted.recipe['styles'])}")


def _retranslate(catalog: Catalog, recipe: Mapping[str, Any], sources: Sources) -> Picture:
    model: Model = catalog.model(str(recipe.get("model")), task="translate")
    request = TranslationRequest.parse(
        model, choice=recipe.get("choice"), size=recipe.get("size"), hints=recipe.get("hints", ())
    )
    picture = _read(sources["picture"], recipe.get("picture"), "picture")
    mask = _read(sources["mask"], recipe.get("mask"), "mask") if "mask" in needed(recipe) else None
    done = translate(model, request, picture=picture, mask=mask, digest=str(recipe.get("picture")))
    return Picture(done.image, done.recipe, f"{done.recipe['model']}, {done.recipe['translation']}")


def _read(content: bytes, digest: object, name: str) -> Image:
    """Return the picture that has a digest: its file has it, or its pixels as a canvas or a mask holds them."""
    image = read_picture(content, formats=WEB_FORMATS, halve=True, name=f"the {name}")
    held = (content, image.tobytes(), image.convert("RGB").tobytes(), image.convert("L").tobytes())
    _check(name, isinstance(digest, str) and digest in {hashlib.sha256(form).hexdigest() for form in held})
    return image


def _check(name: str, fits: bool) -> None:
    if not fits:
        raise RequestError(f"this is another {NAMES[name]} than the recipe names; choose the file it was made from")


def _part(value: object) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise RequestError("the recipe is damaged")
    return value


@contextlib.contextmanager
def _files(sources: Sources) -> Iterator[dict[str, Path]]:
    """Yield the sources as files, which are gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="ganvas-") as folder:
        paths = {name: Path(folder) / name for name in sources}
        for name, path in paths.items():
            path.write_bytes(sources[name])
        yield paths
