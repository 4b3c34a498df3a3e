"""Checks on the arguments of a request. All of them come from the network, whatever the page's controls allow."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeGuard

from demo.errors import RequestError


def whole_number(name: str, value: object, *, lowest: int, highest: int) -> int:
    """Return `value` as an integer of [lowest, highest]; JSON may spell it `4` or `4.0`.

    Raises:
        RequestError: it is no such number.

    """
    number = real_number(name, value, lowest=lowest, highest=highest)
    if number != int(number):
        raise RequestError(f"{name} must be a whole number from {lowest} to {highest}, not {number:g}")
    return int(number)


def real_number(name: str, value: object, *, lowest: float, highest: float) -> float:
    """Return `value` as a finite number of [lowest, highest].

    Raises:
        RequestError: it is no such number.

    """
    if not is_number(value):
        raise RequestError(f"{name} must be a number from {lowest} to {highest}, not {_shown(value)}")
    if not lowest <= value <= highest:
        raise RequestError(f"{name} must lie between {lowest} and {highest}, not at {_shown(value)}")
    return float(value)


def is_number(value: object) -> TypeGuard[float]:
    """Tell whether `value`, which may come from the network, is a finite number that fits into a float."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:  # whole numbers may have any length
        return False


def one_of(name: str, value: object, choices: Sequence[str]) -> str:
    """Return `value` if it is one of `choices`.

    Raises:
        RequestError: it is not; the message names the choices.

    """
    if not isinstance(value, str) or value not in choices:
        raise RequestError(f"{name} must be one of {', '.join(choices)}, not {_shown(value)}")
    return value


def listed(name: str, value: object, *, longest: int) -> list[object]:
    """Return `value` if it is a list of at most `longest` things.

    Raises:
        RequestError: it is not.

    """
    if not isinstance(value, list):
        raise RequestError(f"{name} must be a list, not {_shown(value)}")
    if len(value) > longest:
        raise RequestError(f"{name} must hold at most {longest} entries, not {len(value)}")
    return value


def only_keys(name: str, value: object, known: Sequence[str]) -> Mapping[str, Any]:
    """Return `value` if it is an object with no other keys than `known`.

    Raises:
        RequestError: it is not; the message names the keys.

    """
    if not isinstance(value, dict):
        raise RequestError(f"{name} must be an object with {', '.join(known)}, not {_shown(value)}")
    strange = [key for key in value if key not in known]
    if strange:
        raise RequestError(f"{name} has no '{_shown(strange[0])[1:-1]}'; it takes {', '.join(known)}")
    return value


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:40]}..."


def upload_path(upload: Mapping[str, Any] | None) -> Path | None:
    """Return the path of an uploaded file; Gradio has checked that it is one of its uploads."""
    return Path(upload["path"]) if upload and upload.get("path") else None
