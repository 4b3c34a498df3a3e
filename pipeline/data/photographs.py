"""Crops of the sample photographs that scikit-image and scikit-learn carry inside their packages."""

from collections.abc import Iterator
from functools import lru_cache, partial
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

import numpy as np
import PIL.Image
from pydantic import Field

from demo.images import read_picture
from pipeline.contracts import PHOTOGRAPH, Item, Source
from pipeline.errors import DataError

_PHOTOGRAPHS = (
    ("skimage", "data/astronaut.png"),
    ("skimage", "data/camera.png"),
    ("skimage", "data/chelsea.png"),
    ("skimage", "data/coffee.png"),
    ("skimage", "data/motorcycle_left.png"),
    ("skimage", "data/rocket.jpg"),
    ("sklearn", "datasets/images/china.jpg"),
    ("sklearn", "datasets/images/flower.jpg"),
)
_SMALLEST_CROP = 0.3


class Photographs(Source):
    """`count` square crops at random places and scales of eight photographs, all of the one class `photograph`."""

    name: Literal["photographs"] = "photographs"
    count: int = Field(1000, ge=1, description="crops in all")
    seed: int = Field(0, ge=0, description="another seed gives other pictures")

    def total(self) -> int:
        return self.count

    def items(self) -> Iterator[Item]:
        paths = [_located(package, name) for package, name in _PHOTOGRAPHS]
        for index in range(self.count):
            path = paths[index % len(paths)]
            yield Item(
                origin=f"{path.name} crop {index // len(paths)}",
                label=PHOTOGRAPH,
                load=partial(crop, path, seed=self.seed, index=index, size=self.size),
            )


def crop(path: Path, *, seed: int, index: int, size: int) -> PIL.Image.Image:
    """Return a random square of a photograph, from 0.3 to 1 of its shorter side; never enlarged if it can be helped."""
    photograph = _read(path)
    random = np.random.default_rng([seed, index])
    shorter = min(photograph.size)
    smallest = min(shorter, max(size, round(shorter * _SMALLEST_CROP)))
    side = int(random.integers(smallest, shorter + 1))
    left, top = (int(random.integers(0, length - side + 1)) for length in photograph.size)
    return photograph.crop((left, top, left + side, top + side))


def _located(package: str, name: str) -> Path:
    # The package is found, not imported: that alone would take seconds.
    spec = find_spec(package)
    path = Path(spec.origin).parent / name if spec and spec.origin else Path(package) / name
    if not path.is_file():
        raise DataError(f"{path}: this sample photograph is missing; reinstall scikit-image and scikit-learn")
    return path


@lru_cache(maxsize=len(_PHOTOGRAPHS))
def _read(path: Path) -> PIL.Image.Image:
    return read_picture(path)
