"""The handwritten digits that scikit-learn carries: 1,797 pictures of 8 px, ten classes."""

from collections.abc import Iterator
from functools import lru_cache, partial
from typing import Any, Literal

import numpy as np
import PIL.Image

from pipeline.contracts import Item, Source
from pipeline.data.dataset import Uint8

_LEVELS = 16


class Digits(Source):
    """White digits on black, labelled `0` to `9` (Alpaydin and Kaynak, UCI, 1998)."""

    name: Literal["digits"] = "digits"

    def total(self) -> int:
        return len(_digits().target)

    def items(self) -> Iterator[Item]:
        digits = _digits()
        pictures: Uint8 = np.rint(digits.images * (255 / _LEVELS)).astype(np.uint8)
        for index, (picture, target) in enumerate(zip(pictures, digits.target, strict=True)):
            yield Item(origin=f"digit {index}", label=str(target), load=partial(PIL.Image.fromarray, picture))


@lru_cache(maxsize=1)
def _digits() -> Any:
    # scikit-learn takes two seconds to import, which every other source and every decoding process is spared.
    from sklearn.datasets import load_digits  # noqa: PLC0415

    return load_digits()
