"""The graphs that every autoencoder is exported as, beside the one that samples."""

from torch import Tensor, nn

from demo.card import Port
from pipeline.autoencoders import Autoencoder
from pipeline.contracts import Graph, Image


def coding_graphs(autoencoder: nn.Module, image: Image) -> dict[str, Graph]:
    """Return what goes from pictures to codes.

    `encoder` takes pictures to their most probable codes. `posterior` takes pictures and noise (N, code) to what is
    decoded of one code drawn with it, that code's distribution and the decoder's: all that bounds of the likelihood
    are computed from.
    """
    assert isinstance(autoencoder, Autoencoder)
    picture = Port("picture", ("N", image.channels, image.size, image.size), "picture")
    code, noise = Port("code", ("N", autoencoder.code), "code"), Port("noise", ("N", autoencoder.code), "noise")
    parts = (
        Port("decoded", picture.shape, "picture"),
        Port("mean", code.shape, "code"),
        Port("log_variance", code.shape, "code"),
        Port("log_scale", ("N", 1), "code"),
    )
    return {
        "encoder": Graph(_Encoder(autoencoder), "companion", (picture,), (code,)),
        "posterior": Graph(_Posterior(autoencoder), "companion", (picture, noise), parts),
    }


class _Encoder(nn.Module):
    """Pictures (N, C, S, S) -> their most probable codes (N, code)."""

    def __init__(self, autoencoder: Autoencoder) -> None:
        super().__init__()
        self.autoencoder = autoencoder

    def forward(self, picture: Tensor) -> Tensor:
        return self.autoencoder(picture, picture.new_zeros(len(picture), self.autoencoder.code)).mean


class _Posterior(nn.Module):
    """Pictures (N, C, S, S) and noise (N, code) -> the parts of a `Coding`, the last one repeated (N, 1)."""

    def __init__(self, autoencoder: Autoencoder) -> None:
        super().__init__()
        self.autoencoder = autoencoder

    def forward(self, picture: Tensor, noise: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        coding = self.autoencoder(picture, noise)
        return coding.decoded, coding.mean, coding.log_variance, coding.log_scale.expand(len(picture), 1)
