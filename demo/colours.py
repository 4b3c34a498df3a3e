"""The colours of the photograph under the brightness of the painting."""

import numpy as np
from numpy.typing import NDArray

LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32)
"""What red, green and blue weigh in brightness (ITU-R BT.601, as in JPEG)."""


def keep_colours(painted: NDArray[np.float32], photograph: NDArray[np.float32], degree: float) -> NDArray[np.float32]:
    """Return the painting (3, H, W) with the photograph's colours by `degree` in [0, 1]; all values in [-1, 1].

    At 1 it has the luma of the painting and the chroma of the photograph (Gatys et al. 2016, arXiv:1606.05897, section
    5), but for what the screen cannot show and is clipped; at 0 it is the painting.
    """
    if degree == 0:
        return painted
    # Adding one number to red, green and blue moves the luma by it and leaves both chroma as they are.
    brighter = np.tensordot(LUMA, painted - photograph, axes=1)
    recoloured = (photograph + brighter).clip(-1, 1)
    return np.asarray(painted + np.float32(degree) * (recoloured - painted), np.float32)
