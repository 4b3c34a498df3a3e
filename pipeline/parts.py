"""Command: what a recipe may name, and what each of it may say, read off the classes that check it.

python -m pipeline parts [KIND [NAME]]
"""

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pydantic import BaseModel
from rich.console import Console
from rich.table import Table

from pipeline.descriptors import DESCRIPTORS
from pipeline.errors import RecipeError
from pipeline.features import EXTRACTORS
from pipeline.recipe import SECTIONS
from pipeline.sections import choices
from pipeline.tasks import TASKS

KINDS: Mapping[str, Mapping[str, type[BaseModel]] | type[BaseModel]] = {
    **SECTIONS,
    "network.translation": TASKS,
    "objective.features": DESCRIPTORS,
    "evaluate.extractor": EXTRACTORS,
}
"""By the place in a recipe: the parts that may stand there by name, or the one class of that section."""

_WORDS = {"integer": "whole number", "number": "number", "boolean": "true or false", "string": "text"}
_LIMITS = {
    "exclusiveMinimum": "above {}",
    "minimum": "at least {}",
    "exclusiveMaximum": "below {}",
    "maximum": "at most {}",
    "multipleOf": "a multiple of {}",
    "minLength": "at least {} long",
    "minItems": "at least {} of them",
    "pattern": "of the form {}",
}


def parts(kind: str | None, name: str | None) -> None:
    """Print all parts, those of one kind, or the settings of one part or section.

    Raises:
        RecipeError: there is no such kind or part.

    """
    if kind is not None and kind not in KINDS:
        raise RecipeError("parts", f"there is no kind '{kind}'", choices(kind, KINDS))
    found = KINDS[kind] if kind else {}
    if isinstance(found, type):
        if name is not None:
            raise RecipeError(f"parts {kind}", f"there are no parts to choose '{name}' from", "leave it out")
        _show_settings(found)
    elif name is None:
        _show_list([kind] if kind else list(KINDS))
    elif name in found:
        _show_settings(found[name])
    else:
        raise RecipeError(f"parts {kind}", f"there is no '{name}'", choices(name, found))


def _show_list(kinds: Sequence[str]) -> None:
    rows = []
    for kind in kinds:
        found = KINDS[kind]
        if isinstance(found, type):
            rows.append((kind, "", _first_line(found.__doc__)))
        else:  # a part's file says what it is
            rows += [(kind, name, _first_line(sys.modules[part.__module__].__doc__)) for name, part in found.items()]
    _show(("kind", "name", "what it is"), rows)


def _show_settings(model: type[BaseModel]) -> None:
    """Print what a class says of itself, its settings, and those of the sections inside of it."""
    schema = model.model_json_schema()
    inner = [inside for title, inside in schema.get("$defs", {}).items() if not _kind_of(title)]
    about = sys.modules[model.__module__].__doc__ if "name" in schema["properties"] else None
    if about:
        sys.stdout.write(f"{about.strip()}\n\n")
    for section in (schema, *inner):
        heading = f"{section['title']}: " if section is not schema else ""
        sys.stdout.write(f"{heading}{section['description']}\n")
        _show(("setting", "takes", "default", "what it is"), list(_settings(section)))
        sys.stdout.write("\n" if section is not (schema, *inner)[-1] else "")


def _settings(section: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    for key, setting in section["properties"].items():
        default = json.dumps(setting["default"], ensure_ascii=False) if "default" in setting else "needed"
        if key != "name":
            yield key, _takes(setting), default, setting.get("description", "")


def _takes(setting: Mapping[str, Any]) -> str:
    """Return in words what a JSON schema asks for."""
    match setting:
        case {"$ref": reference}:
            title = reference.rpartition("/")[2]
            kind = _kind_of(title)
            return f"a part of {kind}" if kind else str(title)
        case {"anyOf": several}:
            return " or ".join(_takes(one) for one in several)
        case {"enum": values}:
            return " or ".join(json.dumps(value) for value in values)
        case {"const": value}:
            return json.dumps(value)
        case {"prefixItems": several}:
            return f"[{', '.join(_takes(one) for one in several)}]"
        case {"type": "array", "items": items}:
            kind = f"list of {_takes(items)}" if items else "list"
        case {"type": "object", "additionalProperties": values}:
            kind = f"names, each with {_takes(values)}"
        case {"type": kind}:
            kind = _WORDS.get(kind, kind)
    limits = ", ".join(words.format(setting[limit]) for limit, words in _LIMITS.items() if limit in setting)
    return f"{kind} ({limits})" if limits else str(kind)


def _kind_of(title: str) -> str | None:
    """Return where parts are named whose common class is called `title`."""
    for kind, registry in KINDS.items():
        if not isinstance(registry, type):
            first = next(iter(registry.values()))
            if title in {base.__name__ for base in first.__mro__}:
                return kind
    return None


def _first_line(text: str | None) -> str:
    return (text or "").partition("\n")[0]


def _show(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table on a terminal, else a line for each row without its empty cells."""
    console = Console(highlight=False)
    if console.is_terminal:
        table = Table(*heads)
        for row in rows:
            table.add_row(*(cell.replace("[", r"\[") for cell in row))
        console.print(table)
        return
    for row in rows:
        sys.stdout.write("\t".join(row).rstrip() + "\n")
