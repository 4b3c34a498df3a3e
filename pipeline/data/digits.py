"""The handwritten digits that scikit-learn carries: 1,797 pictures of 8 px, ten classes."""

from collections.abc import Iterator
from functools import partial
from typing import Literal

import numpy as np
import PIL.Image
from sklearn.datasets import load_digits

from pipeline.contracts import Item, Source
from pipeline.data.dataset import Uint8

_LEVELS = 16


class Digits(Source):
    """White digits on black, labelled `0` to `9` (Alpaydin and Kaynak, UCI, 1998)."""

    name: Literal["digits"] = "digits"

    def total(self) -> int:
        return len(load_digits().target)

    def items(self) -> Iterator[Item]:
        digits = load_digits()
        pictures: Uint8 = np.rint(digits.images * (255 / _LEVELS)).astype(np.uint8)
        for index, (picture, target) in enumerate(zip(pictures, digits.target, strict=True)):
            yield Item(origin=f"digit {index}", label=str(target), load=partial(PIL.Image.fromarray, picture))
