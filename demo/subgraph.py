"""The part of a graph that one of its outputs needs, as a model of its own.

ONNX Runtime runs every node of a graph, whichever output is asked for: its `only_execute_path_to_fetches` works in
builds for training alone (https://github.com/microsoft/onnxruntime/issues/16013).
"""

from demo.modelfile import BYTES, fields_of

# Field numbers of onnx.proto: of a model, of its graph, of a node, of the description of a value.
_GRAPH = 7
_NODE, _OUTPUT = 1, 12
_READS, _MAKES = 1, 2
_NAME = 1


def cut_down(content: bytes, output: str) -> bytes:
    """Return a checked model without the nodes that one of its outputs does not need; what it computes stays the same.

    Weights that no node needs any more are left in it, and dropped when it is loaded.
    """
    rest, graph = [], []
    for number, wire, value, whole in fields_of(memoryview(content)):
        if (number, wire) == (_GRAPH, BYTES):
            graph.append(value)  # protobuf joins the parts of a graph
        else:
            rest.append(whole)
    kept = _needed(b"".join(graph), output)
    return b"".join([*rest, _varint(_GRAPH << 3 | BYTES), _varint(len(kept)), kept])


def _needed(graph: bytes, output: str) -> bytes:
    needed, kept = {output.encode()}, []
    # Backwards, because a node stands behind those that make what it reads.
    for number, wire, value, whole in reversed(list(fields_of(memoryview(graph)))):
        if (number, wire) == (_NODE, BYTES):
            if needed.isdisjoint(_texts(value, _MAKES)):
                continue
            needed |= _texts(value, _READS)
        elif (number, wire) == (_OUTPUT, BYTES) and output.encode() not in _texts(value, _NAME):
            continue
        kept.append(whole)
    return b"".join(reversed(kept))


def _texts(message: memoryview, wanted: int) -> set[bytes]:
    """Return what stands in a message's fields of one number; '' is no name."""
    fields = fields_of(message)
    return {bytes(value) for number, wire, value, _ in fields if (number, wire) == (wanted, BYTES)} - {b""}


def _varint(number: int) -> bytes:
    groups = [number >> shift & 0x7F for shift in range(0, max(number.bit_length(), 1), 7)]
    return bytes([*(group | 0x80 for group in groups[:-1]), groups[-1]])
