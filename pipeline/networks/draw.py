"""DRAW: a recurrent autoencoder that looks at patches and paints by patches, Gregor et al. 2015 (arXiv:1502.04623)."""

from typing import ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from demo.card import Port
from pipeline.autoencoders import Coding
from pipeline.contracts import Graph, Image, Modules, Network
from pipeline.networks.coding import coding_graphs


class Draw(Network):
    """`steps` times: look at picture and error, draw some numbers of the code, paint onto the canvas.

    Both looking and painting are at a `reading` x `reading` or `writing` x `writing` grid of Gaussian filters that the
    decoder places. `hidden` is the state of either LSTM, `step_code` how many numbers are drawn at each step.
    """

    deployed: ClassVar[tuple[str, ...]] = ("autoencoder",)

    name: Literal["draw"] = "draw"
    steps: int = Field(8, ge=1, le=64)
    step_code: int = Field(8, ge=1)
    hidden: int = Field(128, ge=1)
    reading: int = Field(8, ge=2)
    writing: int = Field(8, ge=2)

    def build(self, image: Image) -> dict[str, nn.Module]:
        return {"autoencoder": DrawAutoencoder(self, image)}

    def graph(self, modules: Modules, image: Image) -> Graph:
        autoencoder = modules["autoencoder"]
        assert isinstance(autoencoder, DrawAutoencoder)
        latent = Port("latent", ("N", autoencoder.code), "latent")
        shape = (image.channels, image.size, image.size)
        outputs = Port("picture", ("N", *shape), "picture"), Port("steps", ("N", self.steps, *shape), "picture")
        return Graph(_Painting(autoencoder), "sample", (latent,), outputs, companions=coding_graphs(autoencoder, image))


class DrawAutoencoder(nn.Module):
    """Pictures (N, C, S, S) in [-1, 1] and noise (N, code) -> `Coding`; section 2.1, equations 3 to 8.

    The numbers of the code stand step after step, and each step's depend on what the ones before have painted.
    """

    def __init__(self, config: Draw, image: Image) -> None:
        super().__init__()
        self.steps, self.step_code = config.steps, config.step_code
        self.code = config.steps * config.step_code
        self.hidden = config.hidden
        self.shape = (image.channels, image.size, image.size)
        seen = 2 * image.channels * config.reading**2
        self.reader = Attention(config.hidden, config.reading, image.size)
        self.encoder = nn.LSTMCell(seen + config.hidden, config.hidden)
        self.posterior = nn.Linear(config.hidden, 2 * config.step_code)
        self.decoder = nn.LSTMCell(config.step_code, config.hidden)
        self.writer = Attention(config.hidden, config.writing, image.size)
        self.patch = nn.Sequential(
            nn.Linear(config.hidden, image.channels * config.writing**2),
            nn.Unflatten(1, (image.channels, config.writing, config.writing)),
        )
        self.log_scale = nn.Parameter(torch.zeros(()))
        nn.init.zeros_(self.posterior.bias)

    def forward(self, images: Tensor, noise: Tensor) -> Coding:
        canvas = images.new_zeros(len(images), *self.shape)
        encoding, decoding = self._rest(images), self._rest(images)
        means, log_variances = [], []
        for drawn in noise.chunk(self.steps, dim=1):
            error = images - canvas.tanh()
            glimpse = self.reader.read(torch.cat([images, error], dim=1), decoding[0])
            encoding = self.encoder(torch.cat([glimpse, decoding[0]], dim=1), encoding)
            mean, log_variance = self.posterior(encoding[0]).chunk(2, dim=1)
            decoding = self.decoder(mean + (log_variance / 2).exp() * drawn, decoding)
            canvas = canvas + self.writer.write(self.patch(decoding[0]), decoding[0])
            means.append(mean)
            log_variances.append(log_variance)
        return Coding(canvas.tanh(), torch.cat(means, dim=1), torch.cat(log_variances, dim=1), self.log_scale)

    def paint(self, code: Tensor) -> list[Tensor]:
        """Return the canvas after each step, (N, C, S, S) in [-1, 1], of codes (N, code)."""
        canvas, decoding = code.new_zeros(len(code), *self.shape), self._rest(code)
        pictures = []
        for part in code.chunk(self.steps, dim=1):
            decoding = self.decoder(part, decoding)
            canvas = canvas + self.writer.write(self.patch(decoding[0]), decoding[0])
            pictures.append(canvas.tanh())
        return pictures

    def decode(self, code: Tensor) -> Tensor:
        return self.paint(code)[-1]

    def _rest(self, like: Tensor) -> tuple[Tensor, Tensor]:
        state = like.new_zeros(len(like), self.hidden)
        return state, state


class Attention(nn.Module):
    """A grid of Gaussian filters that a state (N, hidden) places on a picture of `size` pixels; equations 19 to 26."""

    def __init__(self, hidden: int, filters: int, size: int) -> None:
        super().__init__()
        self.filters, self.size = filters, size
        self.place = nn.Linear(hidden, 5)

    def read(self, pictures: Tensor, state: Tensor) -> Tensor:
        """Return what the filters see of pictures (N, C, S, S), times an intensity: (N, C * filters^2)."""
        rows, columns, intensity = self._banks(state)
        return intensity * torch.einsum("nis,ncst,njt->ncij", rows, pictures, columns).flatten(1)

    def write(self, patches: Tensor, state: Tensor) -> Tensor:
        """Return patches (N, C, filters, filters) where the filters lie, over an intensity: (N, C, S, S)."""
        rows, columns, intensity = self._banks(state)
        return torch.einsum("nis,ncij,njt->ncst", rows, patches, columns) / intensity[:, :, None, None]

    def _banks(self, state: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        with torch.autocast(state.device.type, enabled=False):  # half precision would move filters by parts of a pixel
            across, down, log_variance, log_stride, log_intensity = self.place(state.float()).chunk(5, dim=1)
            stride = (self.size - 1) / (self.filters - 1) * log_stride.exp()
            rows, columns = (
                filter_bank(
                    (self.size + 1) / 2 * (centre + 1), stride, log_variance.exp(), filters=self.filters, size=self.size
                )
                for centre in (down, across)
            )
            return rows, columns, log_intensity.exp()


def filter_bank(centre: Tensor, stride: Tensor, variance: Tensor, *, filters: int, size: int) -> Tensor:
    """Return Gaussian filters (N, filters, size) around places `stride` apart, each with the sum 1; all else (N, 1).

    Pixels are counted from 1, as in the paper's equations 19, 20, 25 and 26.
    """
    places = centre + (torch.arange(1, filters + 1, device=centre.device) - filters / 2 - 0.5) * stride
    pixels = torch.arange(1, size + 1, device=centre.device)
    exponents = -(pixels - places[:, :, None]).square() / (2 * variance[:, :, None])
    return exponents.softmax(dim=2)  # normalised without a sum that could be zero where a filter lies outside


class _Painting(nn.Module):
    """Latents (N, code) -> the finished picture, and the canvas after every step (N, steps, C, S, S)."""

    def __init__(self, autoencoder: DrawAutoencoder) -> None:
        super().__init__()
        self.autoencoder = autoencoder

    def forward(self, latent: Tensor) -> tuple[Tensor, Tensor]:
        pictures = self.autoencoder.paint(latent)
        return pictures[-1], torch.stack(pictures, dim=1)
