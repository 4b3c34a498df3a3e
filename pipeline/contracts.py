"""What the parts of a recipe promise each other. Shapes, dtypes and ranges stand here once."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Literal, Protocol, TypeAlias, runtime_checkable

from pydantic import BaseModel, ConfigDict, Field

from demo.card import Port, Task
from demo.card import Translation as TranslationName
from pipeline.errors import RecipeError

if TYPE_CHECKING:
    import PIL.Image
    from torch import Generator, Tensor, nn

Modules: TypeAlias = "Mapping[str, nn.Module]"
Phase: TypeAlias = "tuple[str, Callable[[Batch, Step], Tensor]]"
"""A role, and the loss that its next step lowers; a loss that wants no gradient lets the role rest."""

LARGEST_SEED = 2**32 - 1
"""What torch, numpy and optuna all take."""

PHOTOGRAPH = "photograph"
"""The class whose pictures a stylization starts from; all other classes are its styles."""


class Part(BaseModel):
    """A registered class is its own frozen configuration: its fields are what params.yaml may say about it."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    name: str


@dataclass(frozen=True, slots=True)
class Image:
    """What one picture of a prepared data set is: `channels` (1 or 3), `size` pixels a side, names of the classes."""

    channels: int
    size: int
    classes: tuple[str, ...]

    @property
    def styles(self) -> tuple[str, ...]:
        """The classes that a photograph may be repainted in, in their order."""
        return tuple(name for name in self.classes if name != PHOTOGRAPH)


@dataclass(frozen=True, slots=True)
class Batch:
    """Pictures (N, C, H, W) float32 in [-1, 1] and their labels (N,) int64, indices into `Image.classes`.

    Where an objective names several domains, N is their number times the batch size, domain after domain.
    """

    images: Tensor
    labels: Tensor

    def split(self, domains: int) -> tuple[Batch, ...]:
        """Return one batch per domain."""
        pairs = zip(self.images.chunk(domains), self.labels.chunk(domains), strict=True)
        return tuple(Batch(images, labels) for images, labels in pairs)


@dataclass(frozen=True, slots=True)
class Step:
    """Which step of a training this is: its `number`, from 0, of `steps`.

    Penalties count `strictness` times, which a sweep chooses and a training that fell back raises. A phase's batch is
    the share of one of `ranks` processes. It leaves scalars for the log in `figures`, detached, on the device; they are
    read only at log ticks.
    """

    number: int
    steps: int
    strictness: float = 1.0
    ranks: int = 1
    figures: dict[str, Tensor] = field(default_factory=dict)

    @property
    def progress(self) -> float:
        """How much of the budget is used, in [0, 1)."""
        return self.number / self.steps


@dataclass(frozen=True, slots=True)
class Item:
    """One raw picture of a source: `origin` for messages, the name of its class, and how to decode it.

    `parent` names the picture that it was cut from, where several are: those are held back together or not at all.

    `load` is picklable, because pictures are decoded in other processes. It returns mode `L` or `RGB`, upright, of any
    size; for a picture that cannot be read it raises `demo.errors.PictureError`.
    """

    origin: str
    label: str
    load: Callable[[], PIL.Image.Image]
    parent: str = ""


class Source(Part, ABC):
    """Where pictures come from. What all sources share: the shape that `prepare` brings them to."""

    size: int = Field(64, ge=8, le=1024, description="side of the square pictures in pixels")
    channels: Literal[1, 3] = Field(3, description="1 for grey, 3 for RGB")
    validation: float = Field(0.1, ge=0, lt=0.9, description="share of the pictures held back from training")
    max_bad: float = Field(0.05, ge=0, le=1, description="share of unreadable pictures above which `prepare` fails")

    @abstractmethod
    def total(self) -> int:
        """Return how many pictures `items` will yield, readable or not.

        Raises:
            DataError: there is nothing to read; the message says which file to put where.

        """

    @abstractmethod
    def items(self) -> Iterator[Item]:
        """Yield the pictures in a fixed order, without holding them all in memory.

        Raises:
            DataError: there is nothing to read; the message says which file to put where.

        """


@dataclass(frozen=True, slots=True)
class Graph:
    """What `export` traces: a module whose forward takes `inputs` in order, and what it is for.

    `choices` names what an input of kind `weights` mixes, classes or styles; where their `code` is an input instead,
    `codes` holds one for each. `translation` is what the card says. `companions` are further graphs of the same
    networks, by the names of their files: an encoder beside a decoder, a variant for large pictures. `typical` holds a
    row (S,) for those inputs by name whose values are not simply random, and `tolerance` how far the file may be from
    the module where half precision rounds; without it the recipe says so.
    """

    module: nn.Module
    task: Task
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    choices: tuple[str, ...] = ()
    codes: tuple[tuple[float, ...], ...] = ()
    companions: Mapping[str, Graph] = field(default_factory=dict)
    typical: Mapping[str, Tensor] = field(default_factory=dict)
    tolerance: float | None = None
    translation: TranslationName = ""


@runtime_checkable
class LatentGenerator(Protocol):
    """A generator that paints from a latent vector, as adversarial training wants it.

    Called with latents (N, `latent`) and convex class weights (N, `classes`), both float32, it returns pictures
    (N, C, H, W) in [-1, 1]. `classes` is 0 where it is unconditional.
    """

    latent: int
    classes: int

    def __call__(self, latent: Tensor, classes: Tensor) -> Tensor: ...


@runtime_checkable
class SelfSupervised(Protocol):
    """A discriminator that also learns from real pictures alone, which steadies it where there are few of them.

    `self_supervision` takes pictures (N, C, S, S) in [-1, 1] and returns a scalar to minimise.
    """

    def self_supervision(self, images: Tensor) -> Tensor: ...


@runtime_checkable
class MappingDiscriminator(Protocol):
    """A discriminator that shows what it sees: `maps` takes pictures (N, C, S, S), returns maps (N, F, H, W)."""

    def maps(self, images: Tensor) -> list[Tensor]: ...


@runtime_checkable
class BoundableCritic(Protocol):
    """A critic whose slope is bounded but for its last layer's: `bound` makes that at most 1, without a gradient."""

    def bound(self) -> None: ...


@runtime_checkable
class StylizingGenerator(Protocol):
    """A generator that repaints photographs, as stylization wants it.

    Called with photographs (N, 3, H, W) in [-1, 1], codes of styles (N, K), strengths (N, 1) in [0, 1] and noise
    (N, `noise`), all float32, it returns pictures (N, 3, H, W) in [-1, 1]. `gallery` gives the codes of convex mixtures
    (N, `styles`) of the styles that it was trained on, `encode` those of pictures (N, 3, H, W).
    """

    styles: int
    noise: int

    def __call__(self, content: Tensor, code: Tensor, strength: Tensor, noise: Tensor) -> Tensor: ...

    def gallery(self, weights: Tensor) -> Tensor: ...

    def encode(self, pictures: Tensor) -> Tensor: ...


@dataclass(frozen=True, slots=True)
class Pair:
    """What a translation starts from: `given`, pictures (N, 1 or 3, H, W) in [-1, 1], and what guides it.

    `guide` is a mask (N, 1, H, W), hints (N, 3, H, W) or weights (N, K) over choices, as the ports of its task say.
    """

    given: Tensor
    guide: Tensor


class Translation(Part, ABC):
    """A task of paired translation: how a pair is made of any picture, and how what was painted is composed with it.

    `planes` is how many planes a network sees, `painted` how many it paints. Pictures are RGB, sides multiples of 8.
    """

    planes: ClassVar[int]
    painted: ClassVar[int]

    name: TranslationName

    def choices(self, image: Image) -> tuple[str, ...]:
        """Return what the user may choose from, where the guide is `weights`; by default nothing."""
        return ()

    @abstractmethod
    def ports(self, image: Image) -> tuple[Port, Port]:
        """Return the inputs `given` and `guide` of the exported graph."""

    @abstractmethod
    def make(self, images: Tensor, labels: Tensor, *, classes: int, random: Generator) -> Pair:
        """Return the pair of each of `images` (N, 3, H, W) in [-1, 1], the truth; labels (N,) are below `classes`.

        All that is drawn comes from `random`, a generator of the CPU.
        """

    @abstractmethod
    def see(self, pair: Pair) -> Tensor:
        """Return what the network sees of a pair: (N, `planes`, H, W)."""

    @abstractmethod
    def compose(self, painted: Tensor, pair: Pair) -> Tensor:
        """Return pictures (N, 3, H, W) about in [-1, 1] of the planes (N, `painted`, H, W) that a network made."""

    def show(self, pair: Pair) -> Tensor:
        """Return what people see of a pair: (N, 1 or 3, H, W) in [-1, 1], by default what is given."""
        return pair.given


@runtime_checkable
class Translating(Protocol):
    """A network that is made for a task of paired translation."""

    translation: Translation


@runtime_checkable
class PairedGenerator(Protocol):
    """A generator for a task of paired translation, on pictures of so many `classes`.

    Called with what a `Pair` holds it returns pictures (N, 3, H, W) about in [-1, 1].
    """

    translation: Translation
    classes: int

    def __call__(self, given: Tensor, guide: Tensor) -> Tensor: ...


@runtime_checkable
class PatchGenerator(Protocol):
    """A generator that describes places of a picture, as contrastive translation wants it.

    `describe` takes pictures (N, 3, H, W) in [-1, 1] and places (S, 2) in [0, 1), row and column as shares of the
    sides; for each of its layers it returns unit vectors (N, S, D).
    """

    def __call__(self, content: Tensor) -> Tensor: ...

    def describe(self, content: Tensor, places: Tensor) -> list[Tensor]: ...


@runtime_checkable
class TwoWayGenerator(Protocol):
    """A generator with another one, `inverse`, that leads back; both map (N, 3, H, W) to the same in [-1, 1]."""

    inverse: nn.Module

    def __call__(self, content: Tensor) -> Tensor: ...


class Network(Part, ABC):
    """A family of architectures."""

    deployed: ClassVar[tuple[str, ...]] = ("generator",)
    """The roles that are averaged over the training (EMA), previewed and exported."""

    @abstractmethod
    def build(self, image: Image) -> dict[str, nn.Module]:
        """Return freshly initialised modules by role: `generator`, `discriminator`, ...

        Raises:
            RecipeError: this network cannot make such a picture.

        """

    @abstractmethod
    def graph(self, modules: Modules, image: Image) -> Graph:
        """Return what is exported of the deployed modules."""


class Loss(Part, ABC):
    """What an objective scores its networks by: a `Game` or a `Likelihood`."""


class Game(Loss, ABC):
    """How the game between generator and discriminator is scored. Takes logits (N,) and returns scalars."""

    @abstractmethod
    def discriminator(self, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
        """Return what the discriminator minimises."""

    @abstractmethod
    def generator(self, fake_logits: Tensor, score_reals: Callable[[], Tensor]) -> Tensor:
        """Return what the generator minimises; `score_reals` gives logits (N,) of real pictures to who compares."""


class Likelihood(Loss, ABC):
    """How probable pictures are under the distribution that a decoder makes of a code."""

    @abstractmethod
    def log_likelihood(self, images: Tensor, decoded: Tensor, log_scale: Tensor) -> Tensor:
        """Return the logarithm of the density (N,), in nats, at `images` around `decoded`, both (N, C, H, W).

        `log_scale` is the logarithm of the width of the distribution of every single value, one for all.
        """


def game_of(loss: Loss, *, objective: str) -> Game:
    """Return the loss of an objective that plays a game.

    Raises:
        RecipeError: it scores no game.

    """
    if not isinstance(loss, Game):
        raise RecipeError(
            "loss.name", f"'{loss.name}' scores no game, which '{objective}' plays", "choose 'hinge' or another"
        )
    return loss


def likelihood_of(loss: Loss, *, objective: str) -> Likelihood:
    """Return the loss of an objective that wants pictures to be probable.

    Raises:
        RecipeError: it is no likelihood.

    """
    if not isinstance(loss, Likelihood):
        raise RecipeError(
            "loss.name", f"'{loss.name}' is no likelihood, which '{objective}' wants", "choose 'gaussian'"
        )
    return loss


class Objective(Part, ABC):
    """What the networks of a recipe are trained to do with each other."""

    def domains(self, image: Image) -> tuple[tuple[int, ...], ...]:
        """Return the labels that each part of a batch is drawn from; by default one part with all labels."""
        return (tuple(range(len(image.classes))),)

    def modules(self, image: Image) -> dict[str, nn.Module]:
        """Return what it needs beside the networks, by role; kept and restored with them, by default nothing."""
        return {}

    def check_count(self, modules: Modules, pictures: int) -> None:
        """Refuse training pictures that are too few for what `finish` does; by default any number will do.

        Raises:
            RecipeError: they are too few.

        """
        return

    @property
    def period(self) -> int:
        """After how many steps their work repeats, where some of them do more than others."""
        return 1

    @property
    def penalised(self) -> bool:
        """Whether its losses hold a penalty, which `Step.strictness` then weighs."""
        return False

    @abstractmethod
    def phases(self, modules: Modules, loss: Loss, image: Image) -> Sequence[Phase]:
        """Return the phases of one step, in order: the role whose optimiser steps, and its loss of a fresh batch.

        `modules` holds the network's and this objective's own.

        Raises:
            RecipeError: the network lacks a role, or the loss does not fit.

        """

    def draw(self, modules: Modules, labels: Tensor, *, seed: int) -> Tensor | None:
        """Return pictures (N, C, H, W) in [-1, 1] of labels (N,), to be scored; None where they need more than noise.

        Equal labels and seeds give equal pictures for equal networks.
        """
        return None

    def finish(self, modules: Modules, batches: Iterable[Batch]) -> None:
        """Complete the averaged networks after the last step by a pass over the training pictures; by default not.

        Equal networks and pictures are completed equally.
        """
        return

    @abstractmethod
    def preview(self, modules: Modules, batch: Batch) -> tuple[Tensor, int]:
        """Return pictures (M, C, H, W) in [-1, 1] that show progress, and how many of them make a row.

        `batch` is the same at every call of a training; noise is drawn from a generator with a fixed seed.
        """
