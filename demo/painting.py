"""Paints files with one look: what `python -m demo.stylize` does with each of its jobs."""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from demo.arguments import whole_number
from demo.catalog import STARTER, Catalog
from demo.clips import Clip, Frame, open_clip, write_clip
from demo.engine import Model
from demo.errors import PictureError, RequestError
from demo.gallery import Gallery
from demo.images import ALL_FORMATS, fit_within
from demo.jobs import Job
from demo.masks import Mask
from demo.provenance import film_text
from demo.refinement import MAX_STEPS
from demo.styles import Mixture, Style, parse_mixture
from demo.stylization import (
    Photograph,
    StyleRequest,
    Stylized,
    check_sides,
    describe,
    read_photograph,
    stylize,
)
from demo.uploads import fit_style
from demo.writing import writing

MAX_BYTES = 2**30


@dataclass(frozen=True, slots=True)
class Settings:
    """The numbers of a look as the command line has them; `StyleRequest` says what they are."""

    strength: float
    colours: float
    variation: int
    size: int
    feather: float
    refine: int


@dataclass(frozen=True, slots=True)
class Painter:
    """A model, a request and perhaps a mask, which all files share; so do the frames of a video, down to the noise."""

    model: Model
    request: StyleRequest
    mask: Mask | None

    @classmethod
    def open(
        cls, models: Path, name: str, *, styles: Sequence[str], settings: Settings, mask: Path | None
    ) -> "Painter":
        """Open the model and read what the look needs.

        Raises:
            ModelError: the model does not serve.
            RequestError: there is no such model or style, or a number is out of range.
            PictureError: the mask or the picture of a style cannot be taken.

        """
        catalog = Catalog(models, starter=STARTER)
        model, gallery = catalog.gallery(name or next(iter(catalog.models("stylize")), name))
        steps = whole_number("refine", settings.refine, lowest=0, highest=MAX_STEPS)
        mixture = _read_mixture(model, gallery, styles, steps=steps)
        request = StyleRequest.parse(
            mixture,
            strength=settings.strength,
            colours=settings.colours,
            variation=settings.variation,
            size=settings.size,
            feather=settings.feather,
        )
        return cls(model, request, Mask.read(_content(mask, "the mask")) if mask else None)

    def paint(self, job: Job, tell: Callable[[float], None]) -> None:
        """Paint one file, and `tell` now and then how far it is, from 0 to 1.

        Raises:
            ModelError: the model fails.
            PictureError: the file, a frame of it or the mask for it cannot be taken.
            RequestError: the picture is larger than the model can paint.
            OutputError: the result cannot be written.

        """
        if job.moving:
            self._paint_clip(job, tell)
            return
        photograph = read_photograph(job.source, size=self.request.size, formats=ALL_FORMATS, max_bytes=MAX_BYTES)
        result = self._finish(photograph, tell)
        with writing(job.target) as scratch:
            result.save(scratch)

    def _paint_clip(self, job: Job, tell: Callable[[float], None]) -> None:
        with open_clip(job.source) as clip, writing(job.target) as scratch:
            recipe = describe(self.model, self.request, digest=_digest(job.source), mask=self.mask)
            write_clip(scratch, self._painted(clip, tell), source=clip, comment=film_text(recipe))

    def _painted(self, clip: Clip, tell: Callable[[float], None]) -> Iterator[Frame]:
        for place, frame in enumerate(clip.frames, start=1):
            image = fit_within(frame.image, self.request.size or max(frame.image.size))
            check_sides(image.size, stored=frame.image.size)
            result = self._finish(Photograph(image, "", frame.image.size), lambda _: None)
            yield Frame(result.image, frame.start, frame.duration)
            tell(min(place / clip.count, 1) if clip.count else 0)

    def _finish(self, photograph: Photograph, tell: Callable[[float], None]) -> Stylized:
        for progress in stylize(self.model, self.request, photograph=photograph, mask=self.mask):
            tell(progress.share)
            if progress.result:
                return progress.result
        raise AssertionError("a painting ends with its result")


def _read_mixture(model: Model, gallery: Gallery, words: Sequence[str], *, steps: int) -> Mixture:
    """Return the mixture that words like `ink`, `ink=0.7` or `picture.jpg=0.3` ask for."""
    weights: dict[str, float] = {}
    uploaded: dict[str, Style] = {}
    for word in words:
        name, weight = _split(word)
        path = Path(name)
        if name not in gallery.names and not path.is_file():
            raise RequestError(
                f"there is no style '{name}' and no such picture file; choose from {', '.join(gallery.names)}, or name "
                "a picture"
            )
        if name not in gallery.names:
            *_, fitted = fit_style(model, _content(path, "the style picture"), name=path.name, steps=steps)
            name = path.name  # where it lies on this machine is nobody's business
            if name in weights:
                raise RequestError(f"two styles are called '{name}'; rename one of the pictures")
            uploaded[name] = fitted.style
        weights[name] = weight
    return parse_mixture(gallery, mixture=weights, uploaded=uploaded)


def _split(word: str) -> tuple[str, float]:
    name, equals, weight = word.rpartition("=")
    try:
        return (name, float(weight)) if equals else (word, 1.0)
    except ValueError:
        return word, 1.0


def _digest(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _content(path: Path, name: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise PictureError(f"{name} {path} cannot be read ({error.strerror}); check the path") from error
