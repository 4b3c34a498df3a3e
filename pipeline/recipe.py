"""params.yaml -> frozen, typed recipes. An error names the key, what is wrong with it and what may stand there."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails

from pipeline.contracts import Loss, Network, Objective, Source
from pipeline.data import SOURCES
from pipeline.errors import RecipeError
from pipeline.losses import LOSSES
from pipeline.networks import NETWORKS
from pipeline.objectives import OBJECTIVES

PositiveFloat = Annotated[float, Field(gt=0, allow_inf_nan=False)]
ModelT = TypeVar("ModelT", bound=BaseModel)


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Training(_Section):
    """How long and how to train. Spans named as shares are fractions of `steps`, so one number stretches a recipe."""

    steps: int = Field(ge=1)
    batch: int = Field(64, ge=1, description="pictures per phase and domain")
    learning_rates: dict[str, PositiveFloat] = Field(description="Adam's rate by role")
    betas: tuple[float, float] = Field((0.0, 0.99), description="Adam's decay rates of the two moments")
    decay: float = Field(0.4, ge=0, le=1, description="share at the end in which the rates fall to zero by a cosine")
    ema_half_life: float = Field(0.03, ge=0, le=1, description="half-life of the averaged weights, as a share")
    clip: PositiveFloat | None = Field(None, description="largest gradient norm per role")
    precision: Literal["fp32", "bf16"] = "fp32"
    flip: bool = Field(False, description="mirror pictures at random, left to right")
    log_every: int = Field(20, ge=1)
    sample_every: int = Field(200, ge=1)
    checkpoint_every: int = Field(200, ge=1)
    seed: int = Field(0, ge=0)


class Export(_Section):
    """What an exported graph must hold."""

    tolerance: PositiveFloat = Field(1e-3, description="largest difference between torch and ONNX, on a scale of 2")


class Evaluation(_Section):
    """What a model is scored on."""

    samples: int = Field(1000, ge=2, description="generated pictures, and at most as many real ones")
    seed: int = Field(0, ge=0)


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
    recipes = _read_recipes(params)
    if name not in recipes:
        raise RecipeError(str(params), f"there is no recipe '{name}'", _choices(name, recipes))
    section = _mapping(recipes[name], name)
    parts: dict[str, tuple[Mapping[str, type[BaseModel]] | type[BaseModel], bool]] = {
        "data": (SOURCES, True),
        "network": (NETWORKS, True),
        "objective": (OBJECTIVES, True),
        "loss": (LOSSES, True),
        "train": (Training, True),
        "export": (Export, False),
        "evaluate": (Evaluation, False),
    }
    for key in section:
        if key not in {*parts, "description"}:
            raise RecipeError(f"{name}.{key}", "unknown key", _choices(str(key), [*parts, "description"]))
    parsed: dict[str, Any] = {}
    for key, (kind, required) in parts.items():
        where = f"{name}.{key}"
        if key not in section and required:
            raise RecipeError(where, "missing", "every recipe needs this section")
        content = _mapping(section.get(key, {}), where)
        parsed[key] = _parse(kind if isinstance(kind, type) else _registered(kind, content, where), content, where)
    return Recipe(name=name, description=str(section.get("description", "")), **parsed)


def _read_recipes(params: Path) -> Mapping[str, Any]:
    try:
        content = yaml.safe_load(params.read_text(encoding="utf-8"))
    except OSError as error:
        raise RecipeError(str(params), f"cannot be read ({error.strerror})", "name the file with --params") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        problem = " ".join(str(error).split())
        raise RecipeError(str(params), f"not valid YAML ({problem})", "correct that line") from error
    return _mapping(_mapping(content, str(params)).get("recipes"), f"{params}: recipes")


def _mapping(content: Any, where: str) -> Mapping[str, Any]:
    if not isinstance(content, Mapping):
        raise RecipeError(where, f"is {content!r}", "it must be a mapping of keys to values")
    return content


def _registered(registry: Mapping[str, type[BaseModel]], content: Mapping[str, Any], where: str) -> type[BaseModel]:
    name = content.get("name")
    if not isinstance(name, str) or name not in registry:
        raise RecipeError(f"{where}.name", f"is {name!r}", _choices(str(name), registry))
    return registry[name]


def _parse(model: type[ModelT], content: Mapping[str, Any], where: str) -> ModelT:
    try:
        # JSON mode is strict about types and still takes a YAML list for a tuple.
        return model.model_validate_json(json.dumps(content))
    except TypeError as error:
        raise RecipeError(where, str(error), "use plain numbers, texts and lists") from error
    except ValidationError as error:
        raise _recipe_error(model, error.errors()[0], where) from error


def _recipe_error(model: type[BaseModel], details: ErrorDetails, where: str) -> RecipeError:
    location = ".".join([where, *(str(part) for part in details["loc"])])
    if details["type"] == "extra_forbidden":
        return RecipeError(location, "unknown key", _choices(str(details["loc"][-1]), model.model_fields))
    if details["type"] == "missing":
        return RecipeError(location, "missing", "this key has no default")
    sentence = details["msg"]
    remedy = sentence[0].lower() + sentence[1:]
    if details["type"] == "float_type" and isinstance(details["input"], str):
        remedy = "write a number with a point (2.0e-4), YAML reads others as text"
    return RecipeError(location, f"is {details['input']!r}", remedy)


def _choices(given: str, names: Any) -> str:
    known = [str(name) for name in names]
    close = get_close_matches(given, known, n=1)
    hint = f"did you mean '{close[0]}'? " if close else ""
    return f"{hint}choose from {', '.join(known)}"
