"""Writes settings into params.yaml and leaves comments, order and spelling of everything else as they are."""

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from pipeline.errors import RecipeError
from pipeline.workspace import writing


def set_values(params: Path, recipe: str, values: Mapping[str, Any]) -> None:
    """Set dotted keys of a recipe in a params file; sections that a key needs are made.

    Raises:
        RecipeError: the file cannot be read, or a key leads through something that is no section.
        StorageError: it cannot be written.

    """
    yaml = YAML()
    yaml.width, yaml.preserve_quotes = 4096, True
    yaml.indent(mapping=2, sequence=4, offset=2)
    try:
        content = yaml.load(params.read_text(encoding="utf-8"))
        section = content["recipes"][recipe]
    except (OSError, YAMLError, KeyError, TypeError) as error:
        raise RecipeError(str(params), "cannot be changed", f"it must hold the recipe '{recipe}'") from error
    for key, value in values.items():
        place_value(section, key, _spelled(yaml, value))
    text = io.StringIO()
    yaml.dump(content, text)
    with writing(params) as scratch:
        scratch.write_text(text.getvalue(), encoding="utf-8")


def place_value(section: Any, key: str, value: Any) -> None:
    """Set a dotted key in nested mappings, in place; a number in the way becomes the `start` of its ramp.

    Raises:
        RecipeError: the key leads through something that is no section.

    """
    *parents, last = key.split(".")
    for parent in parents:
        below = section.get(parent)
        if below is None or (isinstance(below, int | float) and last in {"start", "end", "since"}):
            section[parent] = {} if below is None else {"start": below, "end": below}
        section = section[parent]
        if not isinstance(section, dict):
            raise RecipeError(key, f"'{parent}' is {section!r}", "it must be a mapping of keys to values")
    section[last] = value


def _spelled(yaml: YAML, value: Any) -> Any:
    """Return small and large numbers so that they are written with a point, because YAML 1.1 reads others as text."""
    if not isinstance(value, float) or 1e-3 <= abs(value) < 1e6 or not value:
        return value
    return yaml.load(f"{value:.2e}")
