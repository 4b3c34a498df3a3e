"""Tensors of the Open Inference Protocol v2 as bytes: JSON, and JSON followed by raw numbers (its binary extension).

https://github.com/open-inference/open-inference-protocol, `specification/protocol/inference_rest.md`; the extension is
https://github.com/triton-inference-server/server, `docs/protocol/extension_binary_data.md`.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from demo.errors import RequestError

LENGTH_HEADER = "inference-header-content-length"
EXTENSION = "binary_tensor_data"
MAX_BODY = 64 * 2**20
MAX_JSON = 8 * 2**20
"""Numbers as text take many times their room in memory once they are read."""

_MAX_DIMENSIONS = 8
_BINARY_SIZE = "binary_data_size"

Tensors = Mapping[str, NDArray[np.float32]]


@dataclass(frozen=True, slots=True)
class Message:
    """A request or an answer: its fields without the tensors, and the tensors by name, float32."""

    fields: dict[str, Any]
    tensors: dict[str, NDArray[np.float32]]

    @classmethod
    def read(cls, body: bytes, *, length: str | None, key: str, most: int = MAX_JSON) -> "Message":
        """Read a message whose tensors stand under `key`, with at most so many bytes of JSON.

        `length` is what `LENGTH_HEADER` says, None where nothing.

        Raises:
            RequestError: it is no such message.

        """
        end = _parse_length(length, len(body))
        if end > most:
            raise RequestError(f"more than {most} bytes of JSON; send the numbers by the extension {EXTENSION}")
        try:
            fields = json.loads(body[:end])
        except (ValueError, RecursionError) as error:
            raise RequestError("the message must be a JSON object") from error
        entries = fields.pop(key, None) if isinstance(fields, dict) else None
        if not isinstance(entries, list):
            raise RequestError(f"the message must be a JSON object with a list of '{key}'")
        tensors: dict[str, NDArray[np.float32]] = {}
        rest = memoryview(body)[end:]
        for entry in entries:
            name, array, used = _read_tensor(entry, rest)
            if name in tensors:
                raise RequestError(f"'{name}' is there twice")
            tensors[name] = array
            rest = rest[used:]
        if rest:
            raise RequestError(f"{len(rest)} bytes after the last tensor; {_BINARY_SIZE} must count all of them")
        return cls(fields, tensors)

    def write(self, *, key: str, binary: bool) -> tuple[bytes, dict[str, str]]:
        """Return the body of the message, and its headers."""
        entries, parts = [], []
        for name, array in self.tensors.items():
            entry: dict[str, Any] = {"name": name, "shape": list(array.shape), "datatype": "FP32"}
            if binary:
                parts.append(array.astype("<f4").tobytes())
                entry["parameters"] = {_BINARY_SIZE: len(parts[-1])}
            else:
                entry["data"] = array.ravel().tolist()
            entries.append(entry)
        head = json.dumps({**self.fields, key: entries}).encode()
        if not binary:
            return head, {"content-type": "application/json"}
        headers = {"content-type": "application/octet-stream", LENGTH_HEADER: str(len(head))}
        return b"".join([head, *parts]), headers


def _parse_length(length: str | None, size: int) -> int:
    if length is None:
        return size
    if not (length.isascii() and length.isdigit() and len(length) < 12 and int(length) <= size):
        raise RequestError(f"{LENGTH_HEADER} must be a number of bytes within the body, not {length[:20]!r}")
    return int(length)


def _read_tensor(entry: object, rest: memoryview) -> tuple[str, NDArray[np.float32], int]:
    """Return a tensor's name, its numbers and how many bytes of `rest` they took."""
    fields = entry if isinstance(entry, dict) else {}
    name, shape, parameters = fields.get("name"), fields.get("shape"), fields.get("parameters") or {}
    if not (
        isinstance(name, str) and isinstance(shape, list) and fields.get("datatype") == "FP32" and _is_shape(shape)
    ):
        raise RequestError("a tensor must have a name, a shape of whole numbers from 1 on, and the datatype FP32")
    size = parameters.get(_BINARY_SIZE) if isinstance(parameters, dict) else None
    if size is None:
        return name, _from_json(name, fields.get("data"), shape), 0
    if type(size) is not int or size != 4 * math.prod(shape) or size > len(rest):
        raise RequestError(f"the bytes of '{name}' are not as many as its shape {shape} and {_BINARY_SIZE} say")
    return name, np.frombuffer(rest[:size], "<f4").astype(np.float32).reshape(shape), size


def _is_shape(shape: list[Any]) -> bool:
    whole = len(shape) <= _MAX_DIMENSIONS and all(type(side) is int and 0 < side <= MAX_BODY for side in shape)
    return whole and math.prod(shape) <= MAX_BODY // 4


def _from_json(name: str, data: object, shape: list[int]) -> NDArray[np.float32]:
    try:
        numbers = np.asarray(data if isinstance(data, list) else [])
    except ValueError:
        numbers = np.empty(0, object)
    if numbers.dtype.kind not in "iuf" or numbers.size != math.prod(shape):
        raise RequestError(f"the data of '{name}' must be a list of {math.prod(shape)} numbers")
    with np.errstate(over="ignore"):  # what is too large becomes infinite, and that is refused later
        return numbers.astype(np.float32).reshape(shape)
