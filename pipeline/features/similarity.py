"""How alike two pictures are in structure (SSIM), texture and colour (Gram), and how rough one is (total variation)."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

SSIM_WINDOW = 11
_SCALES = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)


def luma(pictures: Tensor) -> Tensor:
    """Return the brightness (N, 1, H, W) of pictures (N, 1 or 3, H, W) in the same range (ITU-R BT.601)."""
    if pictures.shape[1] == 1:
        return pictures
    weights = torch.tensor([0.299, 0.587, 0.114], dtype=pictures.dtype, device=pictures.device)
    return (pictures * weights[:, None, None]).sum(dim=1, keepdim=True)


def ssim(first: Tensor, second: Tensor, *, data_range: float = 2.0) -> Tensor:
    """Return the structural similarity (N,) of pictures (N, C, H, W) with sides of at least 11 px; 1 for equal ones.

    Wang et al. 2004, equation 13: an 11x11 Gaussian window of sigma 1.5 that stays inside the picture, constants 0.01
    and 0.03, the mean over pixels and channels. `data_range` is the greatest value less the smallest possible one.
    """
    brightness, structure = _likeness(first, second, data_range)
    return (brightness * structure).mean(dim=(1, 2, 3))


def ms_ssim(first: Tensor, second: Tensor, *, data_range: float = 2.0) -> Tensor:
    """Return the multi-scale structural similarity (N,) of pictures (N, C, H, W) with sides of at least 11 px.

    Wang, Simoncelli and Bovik 2003, "Multiscale structural similarity for image quality assessment": the paper's five
    scales, each half of the one before, or as many as `ssim`'s window fits into, their exponents then scaled to the
    same sum. From 0, where structures are unrelated or opposite, to 1 for equal pictures.
    """
    fitting = (min(first.shape[2:]) // SSIM_WINDOW).bit_length()
    exponents = torch.tensor(_SCALES[:fitting], dtype=first.dtype, device=first.device)
    values = []
    for place in range(len(exponents)):
        brightness, structure = _likeness(first, second, data_range)
        coarsest = place == len(exponents) - 1
        values.append((brightness * structure if coarsest else structure).mean(dim=(1, 2, 3)))
        first, second = functional.avg_pool2d(first, 2), functional.avg_pool2d(second, 2)
    similarities = torch.stack(values, dim=1).clamp_min(0)
    return (similarities ** (exponents * sum(_SCALES) / exponents.sum())).prod(dim=1)


def _likeness(first: Tensor, second: Tensor, data_range: float) -> tuple[Tensor, Tensor]:
    """Return maps of how alike pictures are in brightness, and in contrast and structure (Wang et al. 2004)."""
    place = torch.arange(SSIM_WINDOW, dtype=first.dtype, device=first.device) - SSIM_WINDOW // 2
    row = torch.exp(-(place**2) / (2 * 1.5**2))
    row = row / row.sum()
    channels = first.shape[1]

    def window(pictures: Tensor) -> Tensor:
        across = functional.conv2d(pictures, row.expand(channels, 1, 1, -1), groups=channels)
        return functional.conv2d(across, row[:, None].expand(channels, 1, -1, 1), groups=channels)

    mean_first, mean_second = window(first), window(second)
    variances = window(first**2) - mean_first**2 + window(second**2) - mean_second**2
    covariance = window(first * second) - mean_first * mean_second
    steady_mean, steady_variance = (0.01 * data_range) ** 2, (0.03 * data_range) ** 2
    brightness = (2 * mean_first * mean_second + steady_mean) / (mean_first**2 + mean_second**2 + steady_mean)
    return brightness, (2 * covariance + steady_variance) / (variances + steady_variance)


def correlation(first: Tensor, second: Tensor) -> Tensor:
    """Return the correlation (N,) of the values of pictures (N, C, H, W), from -1 to 1; 0 where one of them is flat."""
    first = first.flatten(1) - first.mean(dim=(1, 2, 3))[:, None]
    second = second.flatten(1) - second.mean(dim=(1, 2, 3))[:, None]
    return functional.cosine_similarity(first, second, dim=1, eps=1e-4)


def centred_gram(maps: Sequence[Tensor]) -> list[Tensor]:
    """Return for each feature map (N, F, H, W) the covariances (N, F, F) of its channels over the picture.

    Gatys et al. 2016 ("Image style transfer using convolutional neural networks", equation 3) leave the mean in;
    without it colour no longer outweighs texture.
    """
    grams = []
    for features in maps:
        flat = features.flatten(2)
        flat = flat - flat.mean(dim=2, keepdim=True)
        grams.append(flat @ flat.transpose(1, 2) / flat.shape[2])
    return grams


def gram(maps: Sequence[Tensor]) -> list[Tensor]:
    """Return for each feature map (N, F, H, W) the mean products (N, F, F) of its channels (Gatys et al. 2016)."""
    return [features.flatten(2) @ features.flatten(2).transpose(1, 2) / features[0, 0].numel() for features in maps]


def gram_distance(grams: Sequence[Tensor], targets: Sequence[Tensor]) -> Tensor:
    """Return how far Gram matrices (N, F, F) are from their targets: (N,), 0 for equal ones, 1 for a flat picture's.

    The squared difference relative to the target's squared norm, averaged over the maps.
    """
    terms = [
        (gram - target).square().sum(dim=(1, 2)) / target.square().sum(dim=(1, 2)).clamp_min(1e-12)
        for gram, target in zip(grams, targets, strict=True)
    ]
    return torch.stack(terms).mean(dim=0)


def total_variation(pictures: Tensor) -> Tensor:
    """Return the mean absolute difference of neighbouring pixels of each picture (N, C, H, W): (N,)."""
    across = (pictures[..., :, 1:] - pictures[..., :, :-1]).abs().mean(dim=(1, 2, 3))
    down = (pictures[..., 1:, :] - pictures[..., :-1, :]).abs().mean(dim=(1, 2, 3))
    return across + down


def style_distance(
    maps: Sequence[tuple[Tensor, float]], targets: Sequence[tuple[Tensor, float]], *, centred: bool = True
) -> Tensor:
    """Return how far texture and palette of pictures are from those of others, by their weighted maps: (N,).

    Maps are (N, F, H, W), of the two sides in the same order. The logarithm keeps styles of little contrast, whose
    relative distances are large, from outweighing all else. Gram matrices that are not `centred` hold the mean colour
    too, which outweighs texture.
    """
    products = centred_gram if centred else gram
    distances = []
    for (features, weight), (target, _) in zip(maps, targets, strict=True):
        # Gram matrices lose their digits in half precision.
        with torch.autocast(features.device.type, enabled=False):
            ours, theirs = features.float(), target.float()
            texture = gram_distance(products([ours]), products([theirs]))
            shift = (ours.mean((2, 3)) - theirs.mean((2, 3))).square().sum(1)
            palette = shift / theirs.var((2, 3)).sum(1).clamp_min(1e-6)
            distances.append(weight * (texture.log1p() + palette.log1p()))
    return torch.stack(distances).sum(dim=0) / sum(weight for _, weight in maps)
