"""What an ONNX file says about itself, read from its bytes before any runtime touches it.

A model file is input too: a graph may read other files, loop for ever or carry operators that run foreign code. So the
protobuf is walked here (https://protobuf.dev/programming-guides/encoding/, onnx/onnx.proto) and refused where it holds
more than a feed-forward graph of known operators with its weights inside.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from demo.card import METADATA_KEY, ModelCard
from demo.errors import ModelError
from demo.operators import OPERATORS

DOMAINS = ("", "ai.onnx")
MAX_BYTES = 2**31 - 1  # protobuf's own limit

# Field numbers of onnx.proto: message -> field -> the message it holds.
_CHILDREN = {
    "model": {7: "graph", 14: "entry", 25: "function"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "function": {7: "node"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
    "entry": {},
    "tensor": {},
}
BYTES = 2
"""Protobuf's wire type of texts, bytes and messages."""
_VARINT, _FIXED64, _FIXED32 = 0, 1, 5


@dataclass(frozen=True, slots=True)
class ModelFile:
    """One checked model file: the bytes themselves, their digest, and the card found in them."""

    path: Path
    content: bytes
    sha256: str
    card: ModelCard

    @classmethod
    def read(cls, path: Path) -> "ModelFile":
        """Read and check a file.

        Raises:
            ModelError: it is missing, empty, too large, damaged, without our card, or holds what is not run here.

        """
        try:
            if path.stat().st_size > MAX_BYTES:
                raise ModelError(f"{path} is larger than 2 GiB; export the model again")
            content = path.read_bytes()
        except FileNotFoundError as error:
            raise ModelError(f"{path} does not exist; make it with `make repro`") from error
        except OSError as error:
            raise ModelError(f"{path} cannot be read ({error.strerror}); check its permissions") from error
        return cls.parse(path, content)

    @classmethod
    def parse(cls, path: Path, content: bytes) -> "ModelFile":
        """Check the bytes of a file that was read; `path` is for messages.

        Raises:
            ModelError: they are empty, damaged, without our card, or hold what is not run here.

        """
        try:
            metadata = _checked_metadata(content, path)
        except (IndexError, ValueError, RecursionError) as error:
            raise ModelError(f"{path} is damaged or cut short; make it anew with `{_remedy(path)}`") from error
        if METADATA_KEY not in metadata:
            raise ModelError(f"{path} carries no model card; make a model of our own with `{_remedy(path)}`")
        try:
            card = ModelCard.from_json(metadata[METADATA_KEY])
        except ValueError as error:
            raise ModelError(f"{path} is {error}; make it anew with `{_remedy(path)}`") from error
        return cls(path, content, hashlib.sha256(content).hexdigest(), card)


def _remedy(path: Path) -> str:
    return f"python -m pipeline export {path.parent.name}" if path.name == "model.onnx" else "make repro"


def _checked_metadata(content: bytes, path: Path) -> dict[str, str]:
    metadata, nodes = {}, 0
    for message, fields in _walk(memoryview(content), "model"):
        match message:
            case "entry":
                metadata[_text(fields, 1)] = _text(fields, 2)
            case "node":
                nodes += 1
                if _text(fields, 7) not in DOMAINS or _text(fields, 4) not in OPERATORS:
                    raise ModelError(
                        f"{path} uses the operator '{_text(fields, 4)}', which is not run here; export it without"
                    )
            case "tensor" if (13, BYTES) in fields or fields.get((14, _VARINT)):
                raise ModelError(f"{path} keeps weights in another file; export it with all weights inside")
    if not nodes:
        raise ValueError("no graph in it")
    return metadata


_Fields = dict[tuple[int, int], memoryview | int]
"""What a message holds by number and wire type: of another type than a field has, ONNX Runtime does not read it."""


def _walk(view: memoryview, message: str) -> Iterator[tuple[str, _Fields]]:
    """Yield every nested message with its scalar fields and its byte fields, parents first."""
    fields: _Fields = {}
    below: list[tuple[memoryview, str]] = []
    for number, wire, part, _ in fields_of(view):
        fields[number, wire] = _varint(part, 0)[0] if wire == _VARINT else part
        if wire == BYTES and number in _CHILDREN[message]:
            below.append((part, _CHILDREN[message][number]))
    yield message, fields
    for part, kind in below:
        yield from _walk(part, kind)


def fields_of(message: memoryview) -> Iterator[tuple[int, int, memoryview, memoryview]]:
    """Yield the fields of a protobuf message in order: number, wire type, what it holds, and all of its bytes.

    Raises:
        IndexError, ValueError: it is no such message, or cut short.

    """
    position = 0
    while position < len(message):
        start = position
        key, position = _varint(message, position)
        if key >= 2**32:  # of which other readers take 32 bits
            raise ValueError("not a protobuf message")
        number, wire = key >> 3, key & 7
        if wire == _VARINT:
            size = _varint(message, position)[1] - position
        elif wire == BYTES:
            size, position = _varint(message, position)
        else:
            size = {_FIXED64: 8, _FIXED32: 4}.get(wire, len(message))
        if not number or position + size > len(message):
            raise ValueError("not a protobuf message")
        yield number, wire, message[position : position + size], message[start : position + size]
        position += size


def _varint(view: memoryview, position: int) -> tuple[int, int]:
    number = 0
    for shift in range(0, 70, 7):
        byte = view[position]
        position += 1
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            return number, position
    raise ValueError("not a protobuf message")


def _text(fields: _Fields, number: int) -> str:
    part = fields.get((number, BYTES))
    return str(part, "utf-8") if isinstance(part, memoryview) else ""
