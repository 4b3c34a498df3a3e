"""A discriminator that judges patches: strokes and texture, wherever in the picture they stand."""

from itertools import pairwise

from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from pipeline.networks.layers import ClassLogit


class PatchDiscriminator(nn.Module):
    """Pictures (N, C, H, W) in [-1, 1], sides of at least 8 px, and class weights (N, K) -> logits (N,).

    Isola et al. 2017 (arXiv:1611.07004), section 3.2.2: the logit of a picture is the mean over its patches of 22 px.
    Spectral norm (Miyato et al. 2018, arXiv:1802.05957) bounds the slope of every layer.
    """

    def __init__(self, channels: int, width: int, classes: int) -> None:
        super().__init__()
        widths = [channels, width, 2 * width, 4 * width]
        self.stages = nn.Sequential(
            *(
                nn.Sequential(spectral_norm(nn.Conv2d(before, after, 4, 2, 1)), nn.LeakyReLU(0.2))
                for before, after in pairwise(widths)
            )
        )
        self.logit = ClassLogit(widths[-1], classes)

    def forward(self, images: Tensor, classes: Tensor) -> Tensor:
        # The head is linear, so the mean of the patches' logits is the logit of their mean features.
        logits: Tensor = self.logit(self.stages(images).mean(dim=(2, 3)), classes)
        return logits
