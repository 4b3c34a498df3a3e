"""params.yaml -> frozen, typed recipes. An error names the key, what is wrong with it and what may stand there."""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from operator import not_
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    SerializeAsAny,
    ValidationInfo,
    field_validator,
    model_validator,
)

from pipeline.contracts import LARGEST_SEED, Loss, Network, Objective, Source
from pipeline.data import SOURCES
from pipeline.device import Precision
from pipeline.errors import RecipeError
from pipeline.features import EXTRACTORS, Extractor, GanvasNet
from pipeline.losses import LOSSES
from pipeline.networks import NETWORKS
from pipeline.objectives import OBJECTIVES
from pipeline.schedules import Ramp, Scheduled, constant
from pipeline.sections import Place, choices, parse_mapping, parse_part, parse_section

_NAME = re.compile(r"\w[\w-]*")  # DVC takes a dot for the end of a key
_TAKEN = "_styles"  # `export` replaces the whole folder of a recipe's model

PositiveFloat = Annotated[float, Field(gt=0, allow_inf_nan=False)]


def _positive(rate: Ramp) -> Ramp:
    if not rate.start:
        raise ValueError("must start above 0")
    return rate


def _below_one(schedule: Ramp) -> Ramp:
    if max(schedule.start, schedule.end) >= 1:
        raise ValueError("must be below 1")
    return schedule


Rate = Annotated[Scheduled, AfterValidator(_positive)]
Decay = Annotated[Scheduled, AfterValidator(_below_one)]


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Budget(_Section):
    """How long a training is, in one of three units. Minutes are measured on a few steps before it begins."""

    steps: int | None = Field(None, ge=1, description="rounds of all phases")
    images: int | None = Field(None, ge=1, description="real pictures that each role is shown")
    minutes: PositiveFloat | None = Field(None, description="on the machine that trains")

    @model_validator(mode="after")
    def _one_unit(self) -> Self:
        if sum(unit is not None for unit in (self.steps, self.images, self.minutes)) != 1:
            raise ValueError("name one of steps, images and minutes")
        return self


class Watching(_Section):
    """What is looked at on the way, and what follows from it."""

    samples: int = Field(256, ge=0, le=10_000, description="pictures that a snapshot is scored on, 0 for none")
    keep: Literal["best", "last"] = Field("best", description="the snapshot that is exported")
    response: Literal["warn", "stop", "roll_back"] = Field("warn", description="what a diagnosis leads to")

    @field_validator("samples")
    @classmethod
    def _comparable(cls, samples: int) -> int:
        if samples == 1:
            raise ValueError("one picture has nothing to differ from: take more, or 0 for none")
        return samples


class PenaltySweep(_Section):
    """Short trainings before the whole one, to find how strong the objective's penalties should be."""

    factors: tuple[PositiveFloat, ...] = Field((0.5, 1.0, 2.0, 4.0), min_length=2, description="of the penalties")
    share: float = Field(0.05, gt=0, le=1, description="share of the budget that each short training takes, on top")

    def steps_of(self, steps: int) -> int:
        """Return how long each short training before one of `steps` is."""
        return max(1, round(self.share * steps))

    @property
    def cost(self) -> float:
        """How much longer the sweep makes a training, as a share of it."""
        return self.share * len(self.factors)


class Training(_Section):
    """How long and how to train. Spans named as shares are fractions of the budget, so one number stretches all.

    What is excluded at its default came later: recipes without it keep their digest, and models that ship theirs.
    """

    budget: Budget
    batch: int = Field(64, ge=1, description="pictures per phase and domain")
    learning_rates: dict[str, Rate] = Field(description="Adam's rate by role")
    betas: tuple[Annotated[float, Field(ge=0, lt=1)], Decay] = Field(
        (0.0, constant(0.99)), description="Adam's decay rates of the two moments"
    )
    ema_half_life: Scheduled = Field(constant(0.03), description="half-life of the averaged weights, as a share")
    clip: PositiveFloat | None = Field(None, description="largest gradient norm per role")
    precision: Precision = Field("fp32", description="what convolutions compute in")
    channels_last: bool = Field(True, exclude_if=bool, description="keep the channels of a pixel side by side")
    fused: bool = Field(True, exclude_if=bool, description="Adam as one kernel")
    compile: bool = Field(
        False, exclude_if=not_, description="compile forward passes, where that leaves the gradients as they were"
    )
    flip: bool = Field(False, description="mirror pictures at random, left to right")
    snapshots: int = Field(4, ge=1, description="how often, evenly, the averaged weights are sampled and scored")
    watch: Watching = Field(Watching(), description="how it is looked after")
    penalty_sweep: PenaltySweep | None = Field(
        None, exclude_if=not_, description="to find how strong penalties should be"
    )
    log_every: int = Field(20, ge=1, description="steps between two rows of figures")
    checkpoint_every: int = Field(200, ge=1, description="steps that a killed training may lose")
    seed: int = Field(0, ge=0, le=LARGEST_SEED, description="of weights, batches and noise")


class Export(_Section):
    """What an exported graph must hold."""

    tolerance: PositiveFloat = Field(1e-3, description="largest difference between torch and ONNX, on a scale of 2")
    half: bool = Field(
        True, description="whether graphs of half precision are written as well, which GPUs are served by"
    )


class PublishedWeights(_Section):
    """Files of weights that others publish; the metrics that need them are left out where they are not named."""

    alexnet: str = Field("", description="torchvision's AlexNet, alexnet-owt-7be5be79.pth, for LPIPS")
    lpips: str = Field("", description="alex.pth of LPIPS 0.1")
    art_inception: str = Field("", description="art_inception.pth, for ArtFID")


class Evaluation(_Section):
    """What a model is scored on."""

    samples: int = Field(1000, ge=2, description="generated pictures, and held-back ones at most")
    searched: int = Field(10_000, ge=2, description="training pictures at most that copies are looked for in")
    seed: int = Field(0, ge=0, le=LARGEST_SEED, description="of the noise that is painted from")
    extractor: SerializeAsAny[Extractor] = Field(GanvasNet(), description="what measures the pictures")
    weights: PublishedWeights = Field(PublishedWeights(), description="files of published weights")

    @field_validator("extractor", mode="before")
    @classmethod
    def _registered(cls, content: Any, info: ValidationInfo) -> Extractor:
        if isinstance(content, Extractor):
            return content
        where = info.context.where if isinstance(info.context, Place) else "evaluate"
        return parse_part(EXTRACTORS, content, f"{where}.extractor")


class Gate(_Section):
    """What a model must hold to become champion. Of the guards, those count whose figures its kind of model has."""

    margin: float = Field(0.0, ge=0, description="how much better than the champion, as a share of its score")
    parity: PositiveFloat = Field(1e-3, description="largest difference between torch and ONNX, on a scale of 2")
    latency: PositiveFloat = Field(2000.0, description="median of the slowest workload of latency.json, ms")
    size: PositiveFloat = Field(200.0, description="all files of the model together, MB")
    copies: float = Field(0.05, ge=0, le=1, description="largest share of samples too near to a training picture")
    recall: float = Field(0.2, ge=0, le=1, description="smallest share of the real pictures that samples reach")
    coverage: float = Field(0.5, ge=0, le=1, description="smallest overlap with the real shares of the classes")
    edges: float = Field(0.4, ge=0, le=1, description="smallest share of a photograph's edges that is kept")
    variety: float = Field(0.02, ge=0, description="smallest distance between noises, of that to the photograph")


class Span(_Section):
    """Numbers between two ends, both included; whole numbers where both ends are whole."""

    low: int | float = Field(description="the lower end")
    high: int | float = Field(description="the upper end")
    log: bool = Field(default=False, description="whether factors count, not differences")

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.low >= self.high or (self.log and self.low <= 0):
            raise ValueError("low must lie below high, and above 0 with log")
        return self


class Sweep(_Section):
    """What a sweep may change, by dotted keys of the recipe, and what it looks for."""

    space: dict[str, Span | Annotated[list[Any], Field(min_length=1)]] = Field(
        min_length=1, description="what each key may be"
    )
    trials: int = Field(20, ge=1, description="trials of the whole study, those of earlier runs included")
    steps: int | None = Field(None, ge=1, description="budget of a trial, by default that of the recipe")
    metric: str = Field("frechet", description="the figure of the training that is made small")
    seed: int = Field(0, ge=0, le=LARGEST_SEED, description="of what is tried")

    @field_validator("space")
    @classmethod
    def _trainable(cls, space: dict[str, Any]) -> dict[str, Any]:
        for key in space:
            if key.partition(".")[0] not in {"network", "objective", "loss", "train"} or key.endswith(".budget"):
                raise ValueError(f"'{key}' cannot be swept, only keys of network, objective, loss and train can")
        return space


SECTIONS: Mapping[str, Mapping[str, type[BaseModel]] | type[BaseModel]] = {
    "data": SOURCES,
    "network": NETWORKS,
    "objective": OBJECTIVES,
    "loss": LOSSES,
    "train": Training,
    "export": Export,
    "evaluate": Evaluation,
    "gate": Gate,
    "sweep": Sweep,
}
"""What a recipe is made of beside its description: parts by name, or the one class of a section."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """One trainable model: a part from each of four folders, and how long to train."""

    name: str
    description: str
    data: Source
    network: Network
    objective: Objective
    loss: Loss
    train: Training
    export: Export
    evaluate: Evaluation
    gate: Gate
    sweep: Sweep | None

    @property
    def digest(self) -> str:
        """A short digest of all that, beside the data, decides the trained weights."""
        parts = (self.data, self.network, self.objective, self.loss, self.train)
        settings = [part.model_dump(mode="json") for part in parts]
        return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:16]


def read_recipe(params: Path, name: str) -> Recipe:
    """Read recipe `name` from a params file.

    Raises:
        RecipeError: the file, the recipe, a key, a value or a name in it is wrong.

    """
    return parse_recipe(name, read_section(params, name))


def read_section(params: Path, name: str) -> Mapping[str, Any]:
    """Return recipe `name` as the params file has it.

    Raises:
        RecipeError: the file cannot be read, or has no such recipe.

    """
    recipes = _read_recipes(params)
    if name not in recipes:
        raise RecipeError(str(params), f"there is no recipe '{name}'", choices(name, recipes))
    return parse_mapping(recipes[name], name)


def parse_recipe(name: str, section: Mapping[str, Any]) -> Recipe:
    """Return the recipe that a section of the params file describes.

    Raises:
        RecipeError: a key, a value or a name in it is wrong.

    """
    for key in section:
        if key not in {*SECTIONS, "description"}:
            raise RecipeError(f"{name}.{key}", "unknown key", choices(str(key), [*SECTIONS, "description"]))
    description = section.get("description")
    if not isinstance(description, str):
        problem = f"is {description!r}" if "description" in section else "missing"
        raise RecipeError(f"{name}.description", problem, "say in a text what the model does")
    parsed: dict[str, Any] = {"sweep": None}
    for key, kind in SECTIONS.items():
        where = f"{name}.{key}"
        if key not in section:  # DVC's stages name them all
            if kind is Sweep:
                continue
            least = ", if only as {}" if kind in (Export, Evaluation, Gate) else ""
            raise RecipeError(where, "missing", f"every recipe needs this section{least}")
        content = section[key]
        parsed[key] = (
            parse_section(kind, content, where) if isinstance(kind, type) else parse_part(kind, content, where)
        )
    return Recipe(name=name, description=description, **parsed)


def read_names(params: Path) -> list[str]:
    """Return the names of a params file's recipes, in their order.

    Raises:
        RecipeError: the file cannot be read or holds no recipes.

    """
    return list(_read_recipes(params))


def first_recipe(params: Path, *, objective: str) -> str:
    """Return the name of the first recipe in a params file with an objective of that name.

    Raises:
        RecipeError: the file cannot be read, or has none.

    """
    for name, section in _read_recipes(params).items():
        if isinstance(section, Mapping) and parse_mapping(section.get("objective", {}), name).get("name") == objective:
            return str(name)
    raise RecipeError(
        str(params), f"no recipe has the objective '{objective}'", "name a recipe, or a file that has one"
    )


def _read_recipes(params: Path) -> Mapping[str, Any]:
    try:
        content = yaml.safe_load(params.read_text(encoding="utf-8"))
    except OSError as error:
        raise RecipeError(str(params), f"cannot be read ({error.strerror})", "name the file with --params") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        problem = " ".join(str(error).split())
        raise RecipeError(str(params), f"not valid YAML ({problem})", "correct that line") from error
    recipes = parse_mapping(parse_mapping(content, str(params)).get("recipes"), f"{params}: recipes")
    for name in recipes:
        if not isinstance(name, str):
            raise RecipeError(
                f"{params}: recipes", f"has the name {name!r}, which YAML reads as no text", "put it in quotes"
            )
        if not _NAME.fullmatch(name):
            remedy = "begin with a letter, a digit or '_', and go on with those and '-': it names folders and stages"
            raise RecipeError(f"{params}: recipes", f"has the name {name!r}", remedy)
        if name == _TAKEN:
            problem = f"has the name '{name}', which is that of the folder of added styles beside the models"
            raise RecipeError(f"{params}: recipes", problem, "choose another name")
    return recipes
