"""Generator against discriminator, with the penalties that keep their game steady."""

from collections.abc import Sequence
from operator import not_
from typing import Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn.functional import one_hot

from pipeline.contracts import (
    Batch,
    Game,
    Image,
    LatentGenerator,
    Loss,
    Modules,
    Objective,
    Phase,
    SelfSupervised,
    Step,
    game_of,
)
from pipeline.errors import RecipeError
from pipeline.objectives.augmentation import Augment, Augmentation
from pipeline.objectives.penalties import gamma_by_rule, interpolated_penalty, squared_slope
from pipeline.schedules import Ramp, Scheduled, constant

PREVIEW_ROWS = 8
_AT_ONCE = 64


class Adversarial(Objective):
    """`critic_steps` steps of the discriminator, each on a fresh batch, then one of the generator.

    `r1` and `r2` are the weights gamma of the zero-centred penalties on real (Mescheder et al. 2018, arXiv:1801.04406)
    and on generated pictures (Huang et al. 2024, arXiv:2501.05441); `auto` follows a rule of size and batch. With
    `penalty_every` above 1 they are computed only at each so manieth step, so many times as strong (lazily, Karras et
    al. 2020, arXiv:1912.04958). `gradient_penalty` is the weight lambda of the one-centred penalty between real and
    fake (Gulrajani et al. 2017, arXiv:1704.00028), `weight_clip` the bound on the critic's weights (Arjovsky et al.
    2017, arXiv:1701.07875), `self_supervision` the weight of what a discriminator like `fastgan`'s learns by itself.
    With `shared_fakes` the generator learns from the very pictures that the discriminator has just been shown, which
    saves one of its two passes at the price of memory.
    """

    name: Literal["adversarial"] = "adversarial"
    critic_steps: int = Field(1, ge=1)
    r1: Scheduled | Literal["auto"] = constant(0.0)
    r2: Scheduled | Literal["auto"] = constant(0.0)
    penalty_every: int = Field(1, ge=1)
    gradient_penalty: float = Field(0.0, ge=0)
    weight_clip: float | None = Field(None, gt=0)
    self_supervision: float = Field(1.0, ge=0)
    shared_fakes: bool = Field(False, exclude_if=not_)
    augment: Augment | None = Field(None, description="what is done to pictures before they are judged")

    def modules(self, image: Image) -> dict[str, nn.Module]:
        return {"augmentation": Augmentation(self.augment)} if self.augment else {}

    @property
    def period(self) -> int:
        return self.penalty_every

    @property
    def penalised(self) -> bool:
        return self.gradient_penalty > 0 or any(
            weight == "auto" or weight.start > 0 or weight.end > 0 for weight in (self.r1, self.r2)
        )

    def phases(self, modules: Modules, loss: Loss, image: Image) -> Sequence[Phase]:
        if not isinstance(modules["generator"], LatentGenerator):
            raise RecipeError("objective.name", "'adversarial' needs a generator of latents", "choose another network")
        if loss.name == "wasserstein" and self.weight_clip is None and not self.gradient_penalty:
            raise RecipeError("objective", "nothing bounds the critic's slope", "set weight_clip or gradient_penalty")
        if self.gradient_penalty and any(
            isinstance(part, nn.BatchNorm2d) for part in modules["discriminator"].modules()
        ):
            # Gulrajani et al. 2017, section 4: batch norm maps batches to batches, the penalty is for single pictures.
            problem = (
                "bounds the slope of each picture by itself, and the discriminator's batch norm mixes those of a batch"
            )
            remedy = "set network.normalization to none, or choose a network whose discriminator has no batch norm"
            raise RecipeError("objective.gradient_penalty", problem, remedy)
        game = _Game(self, modules, game_of(loss, objective=self.name))
        return [("discriminator", game.discriminator_loss)] * self.critic_steps + [("generator", game.generator_loss)]

    def draw(self, modules: Modules, labels: Tensor, *, seed: int) -> Tensor:
        generator = modules["generator"]
        assert isinstance(generator, LatentGenerator)
        latent = torch.randn(len(labels), generator.latent, generator=torch.Generator().manual_seed(seed))
        classes = class_weights(labels, generator.classes)
        parts = zip(torch.split(latent.to(labels.device), _AT_ONCE), torch.split(classes, _AT_ONCE), strict=True)
        return torch.cat([generator(*part) for part in parts])

    def preview(self, modules: Modules, batch: Batch) -> tuple[Tensor, int]:
        generator = modules["generator"]
        assert isinstance(generator, LatentGenerator)
        columns = generator.classes or PREVIEW_ROWS
        return self.draw(
            modules, torch.arange(columns, device=batch.images.device).repeat(PREVIEW_ROWS), seed=0
        ), columns


class _Game:
    """The two losses of one pair of networks."""

    def __init__(self, config: Adversarial, modules: Modules, loss: Game) -> None:
        generator = modules["generator"]
        assert isinstance(generator, LatentGenerator)
        self._config = config
        self._generator = generator
        self._discriminator = modules["discriminator"]
        self._augmentation = modules.get("augmentation")
        self._loss = loss
        self._shared: tuple[Batch, Tensor] | None = None

    def discriminator_loss(self, batch: Batch, step: Step) -> Tensor:
        config, classes = self._config, class_weights(batch.labels, self._generator.classes)
        due = step.number % config.penalty_every == 0
        r1, r2 = (self._gamma(weight, batch, step) if due else 0.0 for weight in (config.r1, config.r2))
        self._clip()
        fakes = self._fakes_for_discriminator(batch, classes)
        with torch.no_grad():
            reals, fakes = self._seen(batch.images), self._seen(fakes)
        reals.requires_grad_(r1 > 0)
        fakes.requires_grad_(r2 > 0)
        real_logits, fake_logits = self._score(reals, classes), self._score(fakes, classes)
        value = self._loss.discriminator(real_logits, fake_logits)
        for gamma, logits, images in ((r1, real_logits, reals), (r2, fake_logits, fakes)):
            if gamma:
                value = value + 0.5 * gamma * config.penalty_every * squared_slope(logits, images).mean()
        if config.gradient_penalty:
            value = value + step.strictness * config.gradient_penalty * interpolated_penalty(
                self._discriminator, reals, fakes, classes
            )
        if config.self_supervision and isinstance(self._discriminator, SelfSupervised):
            value = value + config.self_supervision * self._discriminator.self_supervision(reals)
        step.figures["logit_gap"] = (real_logits - fake_logits).detach().mean()
        if isinstance(self._augmentation, Augmentation):
            self._augmentation.follow(step, real_logits, fake_logits)
        return value

    def generator_loss(self, batch: Batch, step: Step) -> Tensor:
        batch, fakes = self._shared or (batch, None)
        classes = class_weights(batch.labels, self._generator.classes)
        self._clip()

        def score_reals() -> Tensor:
            return self._score(self._seen(batch.images), classes)

        fakes = self._fakes(classes) if fakes is None else fakes
        self._shared = None
        return self._loss.generator(self._score(self._seen(fakes), classes), score_reals)

    def _fakes_for_discriminator(self, batch: Batch, classes: Tensor) -> Tensor:
        if not self._config.shared_fakes:
            with torch.no_grad():
                return self._fakes(classes)
        self._generator.requires_grad_(True)  # the loop has frozen it for this phase
        self._shared = batch, self._fakes(classes)
        return self._shared[1].detach()

    def _fakes(self, classes: Tensor) -> Tensor:
        latent = torch.randn(len(classes), self._generator.latent, device=classes.device)
        fakes: Tensor = self._generator(latent, classes)
        return fakes

    def _seen(self, images: Tensor) -> Tensor:
        seen: Tensor = images if self._augmentation is None else self._augmentation(images)
        return seen

    def _score(self, images: Tensor, classes: Tensor) -> Tensor:
        logits: Tensor = self._discriminator(images, classes)
        return logits.float()  # losses and penalties are summed in full precision

    def _gamma(self, weight: Ramp | Literal["auto"], batch: Batch, step: Step) -> float:
        gamma = gamma_by_rule(batch.images) / step.ranks if weight == "auto" else weight.at(step.progress, step.steps)
        return gamma * step.strictness

    def _clip(self) -> None:
        if self._config.weight_clip is not None:
            for parameter in self._discriminator.parameters():
                parameter.data.clamp_(-self._config.weight_clip, self._config.weight_clip)


def class_weights(labels: Tensor, classes: int) -> Tensor:
    """Return labels (N,) int64 as one-hot weights (N, classes) float32; (N, 0) where there are no classes."""
    return one_hot(labels, classes).float() if classes else torch.zeros(len(labels), 0, device=labels.device)
