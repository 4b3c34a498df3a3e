"""Photographs repainted in the styles of a data set: kept in structure, changed in palette and texture."""

from collections.abc import Sequence
from typing import Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, one_hot

from pipeline.contracts import PHOTOGRAPH, Batch, Image, Loss, Modules, Objective, Phase, Step, StylizingGenerator
from pipeline.errors import RecipeError
from pipeline.features.bank import MAPS_PER_LEVEL, RandomBank, pyramid
from pipeline.features.similarity import (
    SSIM_WINDOW,
    centred_gram,
    correlation,
    gram,
    gram_distance,
    luma,
    ssim,
    total_variation,
)

PREVIEW_PHOTOGRAPHS = 8
SMALLEST_SIDE = 32


class Stylization(Objective):
    """Keep what a photograph shows, take palette and texture from a style.

    The generator minimises the weighted sum of

    - content: 1 - SSIM of the luma, or the mean squared error of it, at half and a quarter of the side, because at full
      size they forbid strokes;
    - tone: 1 - the correlation of the luma at an eighth of the side, so that what is light stays light;
    - style: the distance of centred Gram matrices and of channel means on a random bank, to pictures of the style;
    - adversarial: the recipe's loss, against pictures of the style as real and photographs as further fakes;
    - identity: the mean absolute difference to the photograph, the more the lower the strength;
    - diversity: how much less than `diversity` two noises change one photograph (mode seeking, Mao et al. 2019,
      arXiv:1903.05628, with a bound, so that it ends where it is enough);
    - variation: the total variation.

    Strengths are drawn anew for every picture: full in half of the cases, else evenly from [0, 1].
    """

    name: Literal["stylization"] = "stylization"
    content: Literal["ssim", "mse"] = "ssim"
    content_weight: float = Field(5.0, ge=0)
    tone_weight: float = Field(2.0, ge=0)
    style_weight: float = Field(4.0, ge=0)
    centred: bool = Field(True, description="whether Gram matrices are taken about the mean, or as Gatys et al. did")
    finest: float = Field(0.5, ge=0, description="weight of the finest level in the style term; 1 for the others")
    adversarial_weight: float = Field(0.5, ge=0)
    identity_weight: float = Field(5.0, ge=0)
    diversity_weight: float = Field(8.0, ge=0)
    diversity: float = Field(0.15, ge=0, le=2, description="mean difference, in [0, 2], that two noises shall make")
    variation_weight: float = Field(0.05, ge=0)
    bank_seed: int = Field(0, ge=0, description="seed of the random bank")
    bank_filters: int = Field(6, ge=1, description="filters of each size in the bank")
    bank_mixtures: int = Field(16, ge=1, description="mixtures of them")

    def domains(self, image: Image) -> tuple[tuple[int, ...], ...]:
        _check_classes(image)
        photograph = image.classes.index(PHOTOGRAPH)
        return (photograph,), tuple(label for label in range(len(image.classes)) if label != photograph)

    def phases(self, modules: Modules, loss: Loss, image: Image) -> Sequence[Phase]:
        _check_classes(image)
        if image.size < SMALLEST_SIDE:
            remedy = f"set it to {SMALLEST_SIDE} or more"
            raise RecipeError("data.size", f"{image.size} px leave no room for strokes", remedy)
        generator, discriminator = modules["generator"], modules["discriminator"]
        if not isinstance(generator, StylizingGenerator):
            raise RecipeError("objective.name", "'stylization' needs a generator that repaints", "choose 'stylizer'")
        bank = RandomBank(image.channels, self.bank_seed, filters=self.bank_filters, mixtures=self.bank_mixtures).to(
            next(modules["generator"].parameters()).device
        )

        def discriminator_loss(batch: Batch, step: Step) -> Tensor:
            contents, styles = batch.split(2)
            style = style_weights(styles.labels, image)
            with torch.no_grad():
                full = torch.ones_like(style[:, :1])
                fakes = generator(contents.images, generator.gallery(style), full, noise(generator, style))
            fake_logits = discriminator(torch.cat([fakes, contents.images]), style.repeat(2, 1))
            real_logits = discriminator(styles.images, style)
            step.figures["logit_gap"] = (real_logits.mean() - fake_logits.mean()).detach()
            return loss.discriminator(real_logits, fake_logits)

        def generator_loss(batch: Batch, step: Step) -> Tensor:
            contents, styles = batch.split(2)
            style = style_weights(styles.labels, image)
            strength = torch.rand_like(style[:, 0])
            strength[::2] = 1
            code = own_codes(generator, styles.images, style)
            pictures = generator(contents.images, code, strength[:, None], noise(generator, style))
            # Variances and Gram matrices of whole pictures lose their digits in half precision.
            with torch.autocast(pictures.device.type, enabled=False):
                terms = self._terms(bank, pictures, contents=contents.images, styles=styles.images, strength=strength)
            # Half of the pictures are at full strength, and only they have to pass for the real thing.
            full, wanted = pictures[::2], style[::2]

            def score_reals() -> Tensor:
                logits: Tensor = discriminator(styles.images[::2], wanted)
                return logits

            game = loss.generator(discriminator(full, wanted), score_reals)
            step.figures["resemblance"] = terms.detach().mean()
            value: Tensor = terms.mean() + self.adversarial_weight * game
            if self.diversity_weight:
                again = generator(contents.images[:1], code[:1], strength[:1, None], noise(generator, style[:1]))
                difference = (pictures[:1] - again).abs().mean()
                value = value + self.diversity_weight * (self.diversity - difference).relu()
            return value

        return [("discriminator", discriminator_loss), ("generator", generator_loss)]

    def preview(self, modules: Modules, batch: Batch) -> tuple[Tensor, int]:
        generator = modules["generator"]
        assert isinstance(generator, StylizingGenerator)
        contents = batch.split(2)[0].images[:PREVIEW_PHOTOGRAPHS]
        columns = len(contents)
        style = torch.eye(generator.styles, device=contents.device).repeat_interleave(columns, dim=0)
        strength = torch.ones_like(style[:, :1])
        plain = style.new_zeros(len(style), generator.noise)
        painted = generator(contents.repeat(generator.styles, 1, 1, 1), generator.gallery(style), strength, plain)
        return torch.cat([contents, painted]), columns

    def _terms(
        self, bank: nn.Module, pictures: Tensor, *, contents: Tensor, styles: Tensor, strength: Tensor
    ) -> Tensor:
        """Return the weighted sum (N,) of all terms that need no discriminator."""
        return (
            self.content_weight * self._content_loss(pictures, contents)
            + self.tone_weight * (1 - correlation(_tone(pictures), _tone(contents)))
            + self.style_weight
            * strength
            * style_loss(bank, pictures, styles, finest=self.finest, centred=self.centred)
            + self.identity_weight * (1 - strength) * (pictures - contents).abs().mean(dim=(1, 2, 3))
            + self.variation_weight * total_variation(pictures)
        )

    def _content_loss(self, pictures: Tensor, contents: Tensor) -> Tensor:
        pairs = zip(_coarse_luma(pictures), _coarse_luma(contents), strict=True)
        if self.content == "ssim":  # shifted, because it compares means by their ratio
            return torch.stack([1 - ssim(picture + 1, content + 1) for picture, content in pairs]).mean(dim=0)
        return torch.stack([(picture - content).square().mean(dim=(1, 2, 3)) for picture, content in pairs]).mean(dim=0)


def style_weights(labels: Tensor, image: Image) -> Tensor:
    """Return labels (N,) of styles, indices into `Image.classes`, as one-hot weights (N, styles) float32."""
    places = labels - (labels > image.classes.index(PHOTOGRAPH)).long()
    return one_hot(places, len(image.styles)).float()


def style_loss(
    bank: nn.Module, pictures: Tensor, styles: Tensor, *, finest: float = 1.0, centred: bool = True
) -> Tensor:
    """Return how far texture and palette of each picture (N, C, H, W) are from those of its style picture: (N,).

    The logarithm keeps styles of little contrast, whose relative distances are large, from outweighing all else.
    `finest` weighs the finest level of the bank against each of the others: less of it makes strokes broader. Gram
    matrices that are not `centred` hold the mean colour too, which outweighs texture.
    """
    with torch.no_grad():
        targets = bank(styles)
    products = centred_gram if centred else gram
    distances, weights = [], []
    for place, (features, target) in enumerate(zip(bank(pictures), targets, strict=True)):
        texture = gram_distance(products([features]), products([target]))
        shift = (features.mean((2, 3)) - target.mean((2, 3))).square().sum(1)
        palette = shift / target.var((2, 3)).sum(1).clamp_min(1e-6)
        weights.append(finest if place < MAPS_PER_LEVEL else 1.0)
        distances.append(weights[-1] * (texture.log1p() + palette.log1p()))
    return torch.stack(distances).sum(dim=0) / sum(weights)


def noise(generator: StylizingGenerator, like: Tensor) -> Tensor:
    """Return fresh noise (N, generator.noise) for as many pictures as `like` has rows, on its device."""
    return torch.randn(len(like), generator.noise, device=like.device)


def own_codes(generator: StylizingGenerator, styles: Tensor, weights: Tensor) -> Tensor:
    """Return the gallery's codes for the first half of pictures of styles (N, 3, S, S), the encoder's for the rest."""
    half = -(-len(styles) // 2)
    return torch.cat([generator.gallery(weights[:half]).float(), generator.encode(styles[half:]).float()])


def _tone(pictures: Tensor) -> Tensor:
    return avg_pool2d(luma(pictures), 8)


def _coarse_luma(pictures: Tensor) -> list[Tensor]:
    """Return the luma at half and, where the window of SSIM still fits, a quarter of the side."""
    return [level for level in pyramid(luma(pictures), 3)[1:] if min(level.shape[2:]) >= SSIM_WINDOW]


def _check_classes(image: Image) -> None:
    found = ", ".join(image.classes) or "none"
    if PHOTOGRAPH not in image.classes:
        raise RecipeError("data", f"no class '{PHOTOGRAPH}' among {found}", "choose the source 'contents_and_styles'")
    if not image.styles:
        raise RecipeError("data", f"no style beside '{PHOTOGRAPH}'", "add pictures of at least one style")
