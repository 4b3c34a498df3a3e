"""Takes orders for paintings as they come from the page and from `/stylize`, and works on them step by step."""

import base64
import binascii
import dataclasses
import hashlib
import threading
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from PIL import ImageOps
from PIL.Image import Resampling

from demo.arguments import whole_number
from demo.catalog import Catalog
from demo.engine import Model
from demo.errors import PictureError, RequestError
from demo.images import on_white, read_picture, to_data_uri
from demo.masks import DEFAULT_FEATHER, Mask
from demo.refinement import MAX_STEPS
from demo.styles import UPLOADED, Style, parse_mixture
from demo.stylization import (
    DEFAULT_SIZE,
    MAX_FILE_BYTES,
    Photograph,
    StyleRequest,
    Stylized,
    read_photograph,
    stylize,
)
from demo.uploads import fit_style

SKETCH_SIDE = 768
"""The longer side of the photograph under the brush, and of the mask that is drawn there."""

_REMEMBERED = 32
_THUMBNAIL = 192
_PREVIEW = 384
"""Pixels a side: twice the thumbnail's, or strokes would be coarser than those of a painting."""

_MAX_SKETCH = 4 * 2**20
_SKETCH = "data:image/png;base64,"


@dataclass(frozen=True, slots=True)
class Order:
    """What is asked for, as it came from the network: nothing of it is checked.

    `mask` is a picture file as large as the photograph; `sketch` is a mask that was drawn over `draw_canvas`, as a
    data URI. `StyleRequest` and `parse_mixture` say what the others are.
    """

    photograph: Path | None
    model: str
    style: object = ""
    mixture: object = ""
    style_picture: Path | None = None
    refine: object = 0
    strength: object = 1
    colours: object = 0
    variation: object = 0
    size: object = DEFAULT_SIZE
    mask: Path | None = None
    sketch: object = ""
    feather: object = DEFAULT_FEATHER


@dataclass(frozen=True, slots=True)
class Step:
    """What is being done, how far it is from 0 to 1, and the painting at the end."""

    stage: Literal["fitting", "painting"]
    share: float
    result: Stylized | None = None


@dataclass(frozen=True, slots=True)
class Stylist:
    """Serves orders from the models of a catalogue, and remembers the styles that it fitted last."""

    catalog: Catalog
    _fitted: OrderedDict[tuple[str, str, int], Style] = field(default_factory=OrderedDict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def work(self, order: Order) -> Iterator[Step]:
        """Yield steps; the last one carries the painting.

        Raises:
            DemoError: the order cannot be served; one of its kinds that `demo.errors` draws.

        """
        model, gallery = self.catalog.gallery(order.model)
        uploaded = {}
        for step, style in self._fit(model, order) if order.style_picture else ():
            uploaded[UPLOADED] = style
            yield step
        request = StyleRequest.parse(
            parse_mixture(gallery, style=order.style, mixture=order.mixture, uploaded=uploaded),
            strength=order.strength,
            variation=order.variation,
            size=order.size,
            colours=order.colours,
            feather=order.feather,
        )
        photograph = read_photograph(order.photograph, size=request.size)
        mask = Mask.read(_content(order.mask, "the mask")) if order.mask else None
        if order.sketch:
            mask = Mask.read(_sketched(order.sketch))
            photograph = dataclasses.replace(photograph, full_size=_sketch_size(photograph))
        for progress in stylize(model, request, photograph=photograph, mask=mask):
            yield Step("painting", progress.share, progress.result)

    def preview(self, order: Order, names: Sequence[str]) -> dict[str, str]:
        """Return the middle of the photograph in each of these styles, as small squares in data URIs.

        Of `order` the photograph, the model and the picture of a style of one's own count.

        Raises:
            DemoError: one of them cannot be served.

        """
        squares = {}
        for name in names:
            own = order.style_picture if name == UPLOADED else None
            mixture = {name: 1}
            painted = self.serve(dataclasses.replace(order, mixture=mixture, style_picture=own, size=_PREVIEW))
            squares[name] = to_data_uri(ImageOps.fit(on_white(painted.image), (_THUMBNAIL, _THUMBNAIL)))
        return squares

    def serve(self, order: Order) -> Stylized:
        """Return the painting, as `work` makes it."""
        return next(step.result for step in self.work(order) if step.result)

    def _fit(self, model: Model, order: Order) -> Iterator[tuple[Step, Style]]:
        steps = whole_number("refine", order.refine, lowest=0, highest=MAX_STEPS)
        content = _content(order.style_picture, "the style picture")
        key = (model.sha256, hashlib.sha256(content).hexdigest(), steps)
        with self._lock:
            known = self._fitted.get(key)
        if known:
            yield Step("fitting", 1), known
            return
        for fitting in fit_style(model, content, name=UPLOADED, steps=steps):
            style = fitting.style
            yield Step("fitting", fitting.share), style
        with self._lock:
            self._fitted[key] = style
            while len(self._fitted) > _REMEMBERED:
                self._fitted.popitem(last=False)


def draw_canvas(photograph: Path | None) -> str:
    """Return the photograph as it lies under the brush, as a data URI; '' where there is none.

    Raises:
        PictureError: the file cannot be taken.

    """
    if photograph is None:
        return ""
    read = read_photograph(photograph, size=SKETCH_SIDE)
    return to_data_uri(read.image.resize(_sketch_size(read), Resampling.LANCZOS))


def draw_thumbnail(style_picture: Path | None) -> str:
    """Return a small square of a style's picture as a data URI; '' where there is none.

    Raises:
        PictureError: the file cannot be taken.

    """
    if style_picture is None:
        return ""
    picture = read_picture(_content(style_picture, "the style picture"), shrink_to=_THUMBNAIL, name="the style picture")
    return to_data_uri(ImageOps.fit(picture.convert("RGB"), (_THUMBNAIL, _THUMBNAIL)))


def _sketch_size(photograph: Photograph) -> tuple[int, int]:
    scale = min(1, SKETCH_SIDE / max(photograph.full_size))
    width, height = (max(1, round(side * scale)) for side in photograph.full_size)
    return width, height


def _sketched(sketch: object) -> bytes:
    if not isinstance(sketch, str) or not sketch.startswith(_SKETCH) or len(sketch) > _MAX_SKETCH:
        raise RequestError("the drawn mask must be a PNG as a data URI; clear it and draw it anew")
    try:
        return base64.b64decode(sketch.removeprefix(_SKETCH), validate=True)
    except binascii.Error as error:
        raise RequestError("the drawn mask is damaged; clear it and draw it anew") from error


def _content(path: Path | None, name: str) -> bytes:
    try:
        if path is not None and path.stat().st_size <= MAX_FILE_BYTES:
            return path.read_bytes()
    except OSError as error:
        raise PictureError(f"{name} cannot be read ({error.strerror}); choose it again") from error
    raise PictureError(f"{name} is larger than {MAX_FILE_BYTES // 2**20} MiB; save it smaller first")
