"""The part of a photograph that is painted: white is painted, black stays."""

import hashlib
from dataclasses import dataclass

from PIL import ImageFilter
from PIL.Image import Image, Resampling

from demo.errors import PictureError
from demo.images import MAX_LARGE_PIXELS, read_picture

DEFAULT_FEATHER, MAX_FEATHER = 0.01, 0.2


@dataclass(frozen=True, slots=True)
class Mask:
    """A mask in mode `L`, and the digest of what it was read from."""

    image: Image
    digest: str

    @classmethod
    def read(cls, content: bytes) -> "Mask":
        """Read a mask from the bytes of a picture file.

        Raises:
            PictureError: the file is damaged, too large, or of a format that is not taken.

        """
        image = read_picture(content, name="the mask", max_pixels=MAX_LARGE_PIXELS).convert("L")
        return cls(image, hashlib.sha256(content).hexdigest())

    def fit(self, *, photograph: tuple[int, int], painted: tuple[int, int], feather: float) -> Image:
        """Return the mask as large as the picture that is painted, `painted`, with a soft edge.

        `photograph` is the size that the mask must have. `feather` is the width of the edge as a share of the longer
        side; 0 leaves the edge as it is.

        Raises:
            PictureError: the mask is not as large as the photograph.

        """
        if self.image.size != photograph:
            raise PictureError(
                f"the mask is {self.image.width} x {self.image.height} pixels and the photograph {photograph[0]} x "
                f"{photograph[1]}; draw a mask as large as its photograph"
            )
        fitted = self.image if photograph == painted else self.image.resize(painted, Resampling.BILINEAR)
        radius = feather * max(painted) / 2
        return fitted.filter(ImageFilter.GaussianBlur(radius)) if radius else fitted
