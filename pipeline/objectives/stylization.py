"""Photographs repainted in the styles of a data set: kept in structure, changed in palette and texture."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import torch
from pydantic import BeforeValidator, Field, SerializeAsAny, ValidationInfo
from torch import Tensor
from torch.nn.functional import one_hot

from pipeline.contracts import (
    PHOTOGRAPH,
    Batch,
    Image,
    Loss,
    MappingDiscriminator,
    Modules,
    Objective,
    Phase,
    Step,
    StylizingGenerator,
    game_of,
)
from pipeline.descriptors import DESCRIPTORS
from pipeline.descriptors.descriptor import Descriptor
from pipeline.descriptors.random_bank import RandomBankDescriptor
from pipeline.errors import RecipeError
from pipeline.objectives.penalties import keep_bounded
from pipeline.objectives.repainting import Terms
from pipeline.sections import Place, parse_part

PREVIEW_PHOTOGRAPHS = 8
SMALLEST_SIDE = 32
_AT_ONCE = 64
_TWIN_EVERY = 4
_PARTLY_EVERY = 4


def _descriptor(content: Any, info: ValidationInfo) -> Descriptor:
    if isinstance(content, Descriptor):
        return content
    where = info.context.where if isinstance(info.context, Place) else "objective"
    return parse_part(DESCRIPTORS, content, f"{where}.features")


Described = Annotated[SerializeAsAny[Descriptor], BeforeValidator(_descriptor)]


class Stylization(Objective):
    """Keep what a photograph shows, take palette and texture from a style.

    Half of the photographs are painted in the gallery's styles, each towards a picture of its style. The others get
    what the encoder reads off such a picture and are painted towards that very one, at times in changed colours, so
    that the encoder learns to read pictures that it has never seen. The generator minimises the weighted sum of

    - content: 1 - SSIM of the luma, or the mean squared error of it, after `halvings` of the side and after one more,
      because at full size they forbid strokes;
    - tone: 1 - the correlation of the luma at an eighth of the side, so that what is light stays light;
    - style: the distance of Gram matrices, about the mean if `centred`, and of channel means, by `features`;
    - patches: the sliced Wasserstein distance of small patches, at four sizes of the picture;
    - resemblance: the distance of means and standard deviations of the discriminator's maps (Salimans et al. 2016,
      arXiv:1606.03498, section 3.1);
    - adversarial: the recipe's loss, against pictures of the style as real and photographs as further fakes;
      `wasserstein`, which never saturates, drowned the photographs at 0.5 and kept them at 0.1;
    - identity: the mean absolute difference to the photograph, the more the lower the strength;
    - code: how far what the encoder reads off the result is from the code it was painted by;
    - diversity: how much less than `diversity` two noises change one photograph (mode seeking, Mao et al. 2019,
      arXiv:1903.05628, with a bound, so that it ends where it is enough), at every fourth step;
    - variation: the total variation.

    Every fourth picture, counted over all steps, is painted at a strength drawn evenly from [0, 1], the others at full
    strength. With batches of 2 or 4 that is always the last one, whose style the encoder has read; a trial in which
    it took turns with the gallery's did no better.
    """

    name: Literal["stylization"] = "stylization"
    content: Literal["ssim", "mse"] = "ssim"
    features: tuple[Described, ...] = Field((RandomBankDescriptor(),), min_length=1)
    centred: bool = Field(True, description="whether Gram matrices are taken about the mean, or as Gatys et al. did")
    halvings: int = Field(1, ge=0, le=3, description="of the side before contents are compared; more allow for strokes")
    content_weight: float = Field(5.0, ge=0)
    tone_weight: float = Field(2.0, ge=0)
    style_weight: float = Field(4.0, ge=0)
    patches_weight: float = Field(0.0, ge=0)
    resemblance_weight: float = Field(0.0, ge=0)
    adversarial_weight: float = Field(0.5, ge=0)
    identity_weight: float = Field(5.0, ge=0)
    code_weight: float = Field(0.1, ge=0)
    diversity_weight: float = Field(8.0, ge=0)
    diversity: float = Field(0.15, ge=0, le=2, description="mean difference, in [0, 2], that two noises shall make")
    variation_weight: float = Field(0.05, ge=0)
    recoloured: float = Field(0.5, ge=0, le=1, description="share of the encoder's pictures with changed colours")

    def domains(self, image: Image) -> tuple[tuple[int, ...], ...]:
        _check_classes(image)
        photograph = image.classes.index(PHOTOGRAPH)
        return (photograph,), tuple(label for label in range(len(image.classes)) if label != photograph)

    def phases(self, modules: Modules, loss: Loss, image: Image) -> Sequence[Phase]:
        _check_classes(image)
        if image.size < SMALLEST_SIDE:
            remedy = f"set it to {SMALLEST_SIDE} or more"
            raise RecipeError("data.size", f"{image.size} px leave no room for strokes", remedy)
        if not isinstance(modules["generator"], StylizingGenerator):
            raise RecipeError("objective.name", "'stylization' needs a generator that repaints", "choose 'stylizer'")
        if loss.name == "relativistic":
            remedy = "choose hinge, least_squares, nonsaturating or wasserstein"
            raise RecipeError("loss.name", "'relativistic' wants as many real pictures as false ones", remedy)
        game = _Game(self, modules, loss, image)
        return [("discriminator", game.discriminator_loss), ("generator", game.generator_loss)]

    def terms(self, device: str) -> Terms:
        """Return the terms that need neither discriminator nor encoder.

        Raises:
            DataError: the weights of a descriptor are missing.

        """
        return Terms(
            [(descriptor.open(device), descriptor.weight) for descriptor in self.features],
            measure=self.content,
            halvings=self.halvings,
            centred=self.centred,
            content=self.content_weight,
            tone=self.tone_weight,
            style=self.style_weight,
            patches=self.patches_weight,
            identity=self.identity_weight,
            variation=self.variation_weight,
        )

    @property
    def period(self) -> int:
        return _TWIN_EVERY

    def preview(self, modules: Modules, batch: Batch) -> tuple[Tensor, int]:
        generator = modules["generator"]
        assert isinstance(generator, StylizingGenerator)
        contents = batch.split(2)[0].images[:PREVIEW_PHOTOGRAPHS]
        columns = len(contents)
        style = torch.eye(generator.styles, device=contents.device).repeat_interleave(columns, dim=0)
        strength = torch.ones_like(style[:, :1])
        plain = style.new_zeros(len(style), generator.noise)
        given = (contents.repeat(generator.styles, 1, 1, 1), generator.gallery(style), strength, plain)
        parts = zip(*(torch.split(tensor, _AT_ONCE) for tensor in given), strict=True)
        return torch.cat([contents, *(generator(*part) for part in parts)]), columns


@dataclass(frozen=True, slots=True)
class _Painting:
    """Pictures (N, 3, S, S) with all that they were painted from; the first `gallery` of N in the gallery's styles."""

    contents: Tensor
    styles: Tensor
    weights: Tensor
    code: Tensor
    strength: Tensor
    pictures: Tensor
    gallery: int


class _Game:
    """The two losses. The generator learns from the very pictures that the discriminator has just been shown."""

    def __init__(self, config: Stylization, modules: Modules, loss: Loss, image: Image) -> None:
        generator = modules["generator"]
        assert isinstance(generator, StylizingGenerator)
        self._config, self._rules, self._image = config, game_of(loss, objective=config.name), image
        self._generator, self._trained = generator, modules["generator"]
        self._discriminator = modules["discriminator"]
        keep_bounded(self._discriminator, loss)
        self._terms = config.terms(str(next(modules["generator"].parameters()).device))
        self._shared: _Painting | None = None

    def discriminator_loss(self, batch: Batch, step: Step) -> Tensor:
        self._trained.requires_grad_(requires_grad=True)  # the loop has frozen it for this phase
        self._shared = painting = self._paint(batch, step)
        count = painting.gallery
        fakes = painting.pictures[:count].detach()
        fake_logits = self._discriminator(
            torch.cat([fakes, painting.contents]), torch.cat([painting.weights[:count], painting.weights])
        )
        real_logits = self._discriminator(batch.split(2)[1].images, painting.weights)
        step.figures["logit_gap"] = (real_logits.mean() - fake_logits.mean()).detach()
        return self._rules.discriminator(real_logits, fake_logits)

    def generator_loss(self, batch: Batch, step: Step) -> Tensor:
        config, painting = self._config, self._shared or self._paint(batch, step)
        self._shared = None
        terms = self._terms(
            painting.pictures, contents=painting.contents, styles=painting.styles, strength=painting.strength
        )
        step.figures["resemblance"] = terms.detach().mean()
        value: Tensor = terms.mean()
        gallery = slice(painting.gallery)
        fakes, wanted = painting.pictures[gallery], painting.weights[gallery]
        if config.adversarial_weight:
            value = value + config.adversarial_weight * self._rules.generator(
                self._discriminator(fakes, wanted), lambda: self._discriminator(painting.styles[gallery], wanted)
            )
        if config.resemblance_weight:
            assert isinstance(self._discriminator, MappingDiscriminator)
            pairs = zip(
                self._discriminator.maps(painting.pictures), self._discriminator.maps(painting.styles), strict=True
            )
            apart = sum(_moment_distance(*pair) for pair in pairs)
            value = value + config.resemblance_weight * (painting.strength * apart).mean()
        if config.code_weight:
            read = self._generator.encode(painting.pictures[::2]).float()
            value = value + config.code_weight * (read - painting.code[::2].detach()).square().mean()
        if config.diversity_weight and step.number % _TWIN_EVERY == 0:
            first = painting.contents[:1], painting.code[:1], painting.strength[:1, None]
            again = self._generator(*first, noise(self._generator, first[0]))
            difference = (painting.pictures[:1] - again).abs().mean()
            value = value + config.diversity_weight * (config.diversity - difference).relu()
        return value

    def _paint(self, batch: Batch, step: Step) -> _Painting:
        contents, styles = batch.split(2)
        weights = style_weights(styles.labels, self._image)
        gallery = -(-len(weights) // 2)
        read = recolour(styles.images[gallery:], self._config.recoloured)
        code = torch.cat([self._generator.gallery(weights[:gallery]).float(), self._generator.encode(read).float()])
        strength = torch.ones_like(weights[:, 0])
        partly = slice((-1 - step.number * len(strength)) % _PARTLY_EVERY, None, _PARTLY_EVERY)
        strength[partly] = torch.rand_like(strength[partly])
        pictures = self._generator(contents.images, code, strength[:, None], noise(self._generator, weights))
        shown = torch.cat([styles.images[:gallery], read])
        return _Painting(contents.images, shown, weights, code, strength, pictures, gallery)


def style_weights(labels: Tensor, image: Image) -> Tensor:
    """Return labels (N,) of styles, indices into `Image.classes`, as one-hot weights (N, styles) float32."""
    places = labels - (labels > image.classes.index(PHOTOGRAPH)).long()
    return one_hot(places, len(image.styles)).float()


def noise(generator: StylizingGenerator, like: Tensor) -> Tensor:
    """Return fresh noise (N, generator.noise) for as many pictures as `like` has rows, on its device."""
    return torch.randn(len(like), generator.noise, device=like.device)


def recolour(pictures: Tensor, share: float) -> Tensor:
    """Return pictures (N, 3, S, S) in [-1, 1], a share of them with channels swapped, scaled and shifted at random."""
    count, device = len(pictures), pictures.device
    order = torch.rand(count, 3, device=device).argsort(dim=1)
    gain = torch.empty(count, 3, 1, 1, device=device).uniform_(0.6, 1.1)
    shift = torch.empty(count, 3, 1, 1, device=device).uniform_(-0.25, 0.25)
    swapped = pictures.gather(1, order[:, :, None, None].expand_as(pictures))
    chosen = torch.rand(count, 1, 1, 1, device=device) < share
    return torch.where(chosen, (gain * swapped + shift).clamp(-1, 1), pictures)


def _moment_distance(maps: Tensor, targets: Tensor) -> Tensor:
    """Return how far means and deviations of the maps (N, F, H, W) of each picture are from its target's: (N,)."""
    moments = [torch.cat(torch.std_mean(given.float(), dim=(2, 3)), dim=1) for given in (maps, targets.detach())]
    return (moments[0] - moments[1]).abs().mean(dim=1)


def _check_classes(image: Image) -> None:
    found = ", ".join(image.classes) or "none"
    if PHOTOGRAPH not in image.classes:
        raise RecipeError("data", f"no class '{PHOTOGRAPH}' among {found}", "choose the source 'contents_and_styles'")
    if not image.styles:
        raise RecipeError("data", f"no style beside '{PHOTOGRAPH}'", "add pictures of at least one style")
