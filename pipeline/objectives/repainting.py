"""The terms of a stylization that need neither discriminator nor encoder: what a picture keeps and what it takes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d

from pipeline.descriptors.descriptor import Describe
from pipeline.features.bank import pyramid
from pipeline.features.patches import sliced_patch_distance
from pipeline.features.similarity import SSIM_WINDOW, correlation, luma, ssim, style_distance, total_variation

Measure = Literal["ssim", "mse"]


@dataclass(frozen=True, slots=True)
class Terms:
    """The weighted sum of terms that `pipeline.objectives.stylization.Stylization` explains."""

    descriptors: Sequence[tuple[Describe, float]]
    measure: Measure
    halvings: int
    centred: bool
    content: float
    tone: float
    style: float
    patches: float
    identity: float
    variation: float

    def __call__(self, pictures: Tensor, *, contents: Tensor, styles: Tensor, strength: Tensor) -> Tensor:
        """Return the sum (N,) for pictures that repaint contents in the manner of styles, all (N, 3, S, S).

        The style counts in proportion to the `strength` (N,), the identity to the rest.
        """
        likeness = self.likeness(pictures, styles)
        # Variances of whole pictures lose their digits in half precision.
        with torch.autocast(pictures.device.type, enabled=False):
            return (
                strength * likeness
                + self.content * content_distance(pictures, contents, measure=self.measure, halvings=self.halvings)
                + self.tone * (1 - correlation(_tone(pictures), _tone(contents)))
                + self.identity * (1 - strength) * (pictures - contents).abs().mean(dim=(1, 2, 3))
                + self.variation * total_variation(pictures)
            )

    def likeness(self, pictures: Tensor, styles: Tensor) -> Tensor:
        """Return how far pictures are from styles (N, 3, S, S) in texture and palette: (N,)."""
        total = sum(weight for _, weight in self.descriptors)
        distance = torch.zeros(len(pictures), device=pictures.device)
        for describe, weight in self.descriptors:
            with torch.no_grad():
                targets = describe(styles)
            share = self.style * weight / total
            distance = distance + share * style_distance(describe(pictures), targets, centred=self.centred)
        if self.patches:
            distance = distance + self.patches * sliced_patch_distance(pictures, styles)
        return distance


def content_distance(pictures: Tensor, contents: Tensor, *, measure: Measure, halvings: int) -> Tensor:
    """Return how far the luma of pictures (N, 3, S, S) is from that of contents, both halved so often and once more."""
    pairs = zip(_coarse_luma(pictures, halvings), _coarse_luma(contents, halvings), strict=True)
    if measure == "ssim":  # shifted, because it compares means by their ratio
        return torch.stack([1 - ssim(picture + 1, content + 1) for picture, content in pairs]).mean(dim=0)
    return torch.stack([(picture - content).square().mean(dim=(1, 2, 3)) for picture, content in pairs]).mean(dim=0)


def _tone(pictures: Tensor) -> Tensor:
    return avg_pool2d(luma(pictures), 8)


def _coarse_luma(pictures: Tensor, halvings: int) -> list[Tensor]:
    """Return the luma halved so often and once more, as far as the window of SSIM fits; at least one of them."""
    levels = [level for level in pyramid(luma(pictures), halvings + 2) if min(level.shape[2:]) >= SSIM_WINDOW]
    return levels[halvings:] or levels[-1:]
