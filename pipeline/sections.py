"""One section of params.yaml -> one frozen, typed object. An error names the key, the value and the choices."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from pipeline.errors import RecipeError

ModelT = TypeVar("ModelT", bound=BaseModel)
Registry = Mapping[str, type[ModelT]]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a section stands in params.yaml, and what its nested sections may be. Validators find it as context."""

    where: str
    registry: Mapping[str, Any] = field(default_factory=dict)


def parse_mapping(content: Any, where: str) -> Mapping[str, Any]:
    """Return the content of a section.

    Raises:
        RecipeError: it is no mapping.

    """
    if not isinstance(content, Mapping):
        raise RecipeError(where, f"is {content!r}", "it must be a mapping of keys to values")
    return content


def parse_part(registry: Registry[ModelT], content: Any, where: str) -> ModelT:
    """Return the registered object that a section names and configures.

    Raises:
        RecipeError: a key, a value or the name is wrong.

    """
    section = parse_mapping(content, where)
    name = section.get("name")
    if not isinstance(name, str) or name not in registry:
        raise RecipeError(f"{where}.name", f"is {name!r}", choices(str(name), registry))
    return _parse(registry[name], section, Place(where, registry))


def parse_section(model: type[ModelT], content: Any, where: str) -> ModelT:
    """Return the object of one class that a section configures.

    Raises:
        RecipeError: a key or a value is wrong.

    """
    return _parse(model, parse_mapping(content, where), Place(where))


def choices(given: str, names: Iterable[str]) -> str:
    """Return the end of a sentence about a wrong name: the one that was meant, perhaps, and all that there are."""
    known = list(names)
    close = get_close_matches(given, known, n=1)
    hint = f"did you mean '{close[0]}'? " if close else ""
    return f"{hint}choose from {', '.join(known)}"


def _parse(model: type[ModelT], section: Mapping[str, Any], place: Place) -> ModelT:
    try:
        text = json.dumps(section)
    except TypeError as error:
        raise RecipeError(place.where, str(error), "use plain numbers, texts and lists") from error
    try:
        # JSON mode is strict about types and still takes a YAML list for a tuple.
        return model.model_validate_json(text, context=place)
    except ValidationError as error:
        raise _recipe_error(model, error.errors(), place.where) from error


def _recipe_error(model: type[BaseModel], errors: list[ErrorDetails], where: str) -> RecipeError:
    details, location = errors[0], _location(errors[0], where)
    if details["type"] == "extra_forbidden":
        return RecipeError(
            location, "unknown key", choices(str(details["loc"][-1]), _nested(model, details).model_fields)
        )
    if details["type"] == "missing":
        return RecipeError(location, "missing", "this key has no default")
    # A setting of several kinds fails once for each of them.
    same = [error["msg"].removeprefix("Value error, ") for error in errors if _location(error, where) == location]
    remedy = "; or ".join(sentence[0].lower() + sentence[1:] for sentence in same)
    if details["type"] == "float_type" and isinstance(details["input"], str):
        remedy = "write a number with a point (2.0e-4), YAML reads others as text"
    return RecipeError(location, f"is {details['input']!r}", remedy)


def _nested(model: type[BaseModel], details: ErrorDetails) -> type[BaseModel]:
    """Return the class of the section that an error's key stands in."""
    for part in details["loc"][:-1]:
        annotation = model.model_fields[str(part)].annotation if str(part) in model.model_fields else None
        kinds = (annotation, *get_args(annotation))
        model = next((kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel)), model)
    return model


def _location(details: ErrorDetails, where: str) -> str:
    """Return the dotted key; what pydantic adds for the kinds of a union and for validators is left out."""
    return ".".join([where, *(str(part) for part in details["loc"] if "[" not in str(part))])
