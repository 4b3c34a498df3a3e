"""How pictures lose their detail in the wild: blurred, shrunk, noisy and saved as JPEG.

One round of what Wang et al. 2021 ("Real-ESRGAN", arXiv:2107.10833, section 3) do twice.
"""

import torch
from torch import Generator, Tensor
from torch.nn import functional

_BLUR_REACH = 4
_MODES = ("area", "bilinear", "bicubic")
_BLOCK = 8
# ISO/IEC 10918-1, annex K.
_LUMA_TABLE = (
    *(16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55, 14, 13, 16, 24, 40, 57, 69, 56),
    *(14, 17, 22, 29, 51, 87, 80, 62, 18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92),
    *(49, 64, 78, 87, 103, 121, 120, 101, 72, 92, 95, 98, 112, 100, 103, 99),
)
_CHROMA_TABLE = (
    *(17, 18, 24, 47, 99, 99, 99, 99, 18, 21, 26, 66, 99, 99, 99, 99, 24, 26, 56, 99, 99, 99, 99, 99),
    *(47, 66, 99, 99, 99, 99, 99, 99, *[99] * 32),
)
_TO_YCC = ((0.299, 0.587, 0.114), (-0.168736, -0.331264, 0.5), (0.5, -0.418688, -0.081312))


def degrade(images: Tensor, factor: int, *, random: Generator) -> Tensor:
    """Return images (N, 3, H, W) in [-1, 1] at 1 / `factor` of their size, on the 256 levels of a stored picture."""
    count = len(images)
    sigma, noise, quality = torch.rand(3, count, generator=random).to(images.device)
    images = blur(images, 0.2 + 0.3 * factor * sigma)
    size = (images.shape[2] // factor, images.shape[3] // factor)
    mode = _MODES[int(torch.randint(len(_MODES), (1,), generator=random))]
    if mode == "area":
        images = functional.adaptive_avg_pool2d(images, size)
    else:
        images = functional.interpolate(images, size, mode=mode, antialias=True)
    grain = torch.randn(images.shape, generator=random).to(images) * (noise * 8 / 127.5)[:, None, None, None]
    saved = jpeg((images + grain).clamp(-1, 1), 60 + 40 * quality)
    return (saved * 127.5).round() / 127.5


def enlarge(images: Tensor, size: tuple[int, int]) -> Tensor:
    """Return images (N, C, h, w) in [-1, 1] at `size`, bicubic as Pillow does it."""
    return functional.interpolate(images, size, mode="bicubic", antialias=True).clamp(-1, 1)


def blur(images: Tensor, sigmas: Tensor) -> Tensor:
    """Return images (N, C, H, W) each after a Gaussian of its own sigma (N,) in pixels, mirrored at the border."""
    channels = images.shape[1]
    place = torch.arange(-_BLUR_REACH, _BLUR_REACH + 1, device=images.device).float()
    rows = torch.exp(-(place**2) / (2 * sigmas[:, None] ** 2))
    rows = (rows / rows.sum(dim=1, keepdim=True)).repeat_interleave(channels, dim=0)
    padded = functional.pad(images, [_BLUR_REACH] * 4, mode="reflect").flatten(0, 1)[None]
    across = functional.conv2d(padded, rows[:, None, None], groups=len(rows))
    return functional.conv2d(across, rows[:, None, :, None], groups=len(rows)).view(images.shape)


def jpeg(images: Tensor, qualities: Tensor) -> Tensor:
    """Return images (N, 3, H, W) in [-1, 1] as a JPEG of their quality (N,), 1 to 100, shows them; chroma halved."""
    height, width = images.shape[2:]
    padded = functional.pad(images, (0, -width % 16, 0, -height % 16), mode="replicate")
    mixing = torch.tensor(_TO_YCC, device=images.device)
    planes = torch.einsum("oc,nchw->nohw", mixing, padded * 127.5)
    halved = functional.avg_pool2d(planes[:, 1:], 2)
    scale = torch.where(qualities < 50, 5000 / qualities, 200 - 2 * qualities)[:, None] / 100
    tables = [torch.tensor(table, device=images.device) for table in (_LUMA_TABLE, _CHROMA_TABLE)]
    steps = [(table * scale).round().clamp(1, 255) for table in tables]
    brightness = _requantised(planes[:, :1], steps[0])
    colours = functional.interpolate(_requantised(halved, steps[1]), scale_factor=2.0, mode="bilinear")
    shown = torch.einsum("oc,nchw->nohw", mixing.inverse(), torch.cat([brightness, colours], dim=1))
    return (shown / 127.5).clamp(-1, 1)[:, :, :height, :width]


def _requantised(planes: Tensor, steps: Tensor) -> Tensor:
    """Return planes (N, C, H, W) of which every block's cosine transform is rounded to multiples of steps (N, 64)."""
    place = torch.arange(_BLOCK, device=planes.device).float()
    waves = torch.cos(torch.pi / _BLOCK * (place + 0.5) * place[:, None]) * (2 / _BLOCK) ** 0.5
    waves[0] *= 0.5**0.5
    basis = torch.einsum("uy,vx->uvyx", waves, waves).reshape(_BLOCK**2, 1, _BLOCK, _BLOCK)
    count, channels = planes.shape[:2]
    coefficients = functional.conv2d(planes.flatten(0, 1)[:, None], basis, stride=_BLOCK)
    step = steps.repeat_interleave(channels, dim=0)[:, :, None, None]
    restored = functional.conv_transpose2d((coefficients / step).round() * step, basis, stride=_BLOCK)
    return restored.view(count, channels, *planes.shape[2:])
