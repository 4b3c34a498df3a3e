"""Tiny real models with a card inside, whose results are known in closed form."""

import dataclasses
import hashlib

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from demo.card import METADATA_KEY, Choice, Companion, ModelCard, Port

FAMILIES = ("dots", "lines", "waves")
STYLES = ("rust", "moss")
TINTS = np.array([[0.6, -0.2, -0.6], [-0.4, 0.4, -0.2]], dtype=np.float32)
CLASS_SHIFT = np.linspace(-1, 1, 3 * 192, dtype=np.float32).reshape(3, 192)
THUMBNAIL = (
    "data:image/png;base64,"
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


def sampler_proto(name: str = "dabbler", **changes: object) -> onnx.ModelProto:
    """picture = tanh(latent + classes @ CLASS_SHIFT), 192 numbers as (3, 8, 8)."""
    nodes = [
        helper.make_node("MatMul", ["classes", "shift"], ["moved"]),
        helper.make_node("Add", ["latent", "moved"], ["sum"]),
        helper.make_node("Tanh", ["sum"], ["flat"]),
        helper.make_node("Reshape", ["flat", "shape"], ["picture"]),
    ]
    weights = {"shift": CLASS_SHIFT, "shape": np.array([-1, 3, 8, 8], dtype=np.int64)}
    card = ModelCard(
        recipe=name,
        task="sample",
        channels=3,
        size=8,
        inputs=(Port("latent", ("N", 192), "latent"), Port("classes", ("N", 3), "weights")),
        outputs=(Port("picture", ("N", 3, 8, 8), "picture"),),
        choices=tuple(Choice(family) for family in FAMILIES),
    )
    return make_proto(nodes, weights, card, changes)


def truncating_proto(name: str = "grainy", **changes: object) -> onnx.ModelProto:
    """picture = tanh(truncation latent + noise), 192 numbers as (3, 8, 8)."""
    nodes = [
        helper.make_node("Mul", ["latent", "truncation"], ["kept"]),
        helper.make_node("Add", ["kept", "noise"], ["sum"]),
        helper.make_node("Tanh", ["sum"], ["flat"]),
        helper.make_node("Reshape", ["flat", "shape"], ["picture"]),
    ]
    card = ModelCard(
        recipe=name,
        task="sample",
        channels=3,
        size=8,
        inputs=(
            Port("latent", ("N", 192), "latent"),
            Port("noise", ("N", 192), "noise"),
            Port("truncation", ("N", 1), "degree"),
        ),
        outputs=(Port("picture", ("N", 3, 8, 8), "picture"),),
    )
    return make_proto(nodes, {"shape": np.array([-1, 3, 8, 8], dtype=np.int64)}, card, changes)


def directed_proto(name: str = "guided", **changes: object) -> onnx.ModelProto:
    """picture = tanh(latent), with the first three axes of the latent as directions."""
    nodes = [
        helper.make_node("Tanh", ["latent"], ["flat"]),
        helper.make_node("Reshape", ["flat", "shape"], ["picture"]),
    ]
    card = ModelCard(
        recipe=name,
        task="sample",
        channels=3,
        size=8,
        inputs=(Port("latent", ("N", 192), "latent"),),
        outputs=(Port("picture", ("N", 3, 8, 8), "picture"),),
        directions=tuple(tuple(float(axis == place) for axis in range(192)) for place in range(3)),
        strengths=(0.5, 0.4, 0.3),
        provenance={"version": 3, "alias": "champion", "metrics": {"fid": 12.5}},
    )
    return make_proto(nodes, {"shape": np.array([-1, 3, 8, 8], dtype=np.int64)}, card, changes)


def endless_proto(name: str = "endless", *, side: int = 2048, steps: int = 400) -> onnx.ModelProto:
    """A sampler of some kilobytes, all of allowed operators, that multiplies large matrices for minutes."""
    products = [
        node
        for step in range(steps)
        for node in (
            helper.make_node("MatMul", [f"step_{step}", f"step_{step}"], [f"product_{step}"]),
            helper.make_node("Tanh", [f"product_{step}"], [f"step_{step + 1}"]),
        )
    ]
    nodes = [
        helper.make_node("ReduceSum", ["latent"], ["sum"], keepdims=0),
        helper.make_node("Expand", ["sum", "square"], ["step_0"]),
        *products,
        helper.make_node("ReduceMean", [f"step_{steps}"], ["mean"], keepdims=0),
        helper.make_node("Add", ["latent", "mean"], ["late"]),
        helper.make_node("Tanh", ["late"], ["flat"]),
        helper.make_node("Reshape", ["flat", "shape"], ["picture"]),
    ]
    weights = {"square": np.array([side, side], np.int64), "shape": np.array([-1, 3, 8, 8], np.int64)}
    card = ModelCard(
        recipe=name,
        task="sample",
        channels=3,
        size=8,
        inputs=(Port("latent", ("N", 192), "latent"),),
        outputs=(Port("picture", ("N", 3, 8, 8), "picture"),),
    )
    return make_proto(nodes, weights, card, {})


def greedy_proto(name: str = "greedy") -> onnx.ModelProto:
    """A sampler of some hundred bytes that asks for 16 TB of memory."""
    nodes = [
        helper.make_node("ReduceSum", ["latent"], ["sum"], keepdims=0),
        helper.make_node("Expand", ["sum", "square"], ["all"]),
        helper.make_node("ReduceMean", ["all"], ["mean"], keepdims=0),
        helper.make_node("Add", ["latent", "mean"], ["late"]),
        helper.make_node("Tanh", ["late"], ["flat"]),
        helper.make_node("Reshape", ["flat", "shape"], ["picture"]),
    ]
    weights = {"square": np.array([2_000_000, 2_000_000], np.int64), "shape": np.array([-1, 3, 8, 8], np.int64)}
    card = ModelCard(
        recipe=name,
        task="sample",
        channels=3,
        size=8,
        inputs=(Port("latent", ("N", 192), "latent"),),
        outputs=(Port("picture", ("N", 3, 8, 8), "picture"),),
    )
    return make_proto(nodes, weights, card, {})


def stepping_proto(name: str = "stepper", **changes: object) -> onnx.ModelProto:
    """picture = tanh(latent), 192 numbers as (3, 8, 8); steps = tanh(latent / 2) and tanh(latent)."""
    nodes = [
        helper.make_node("Tanh", ["latent"], ["flat"]),
        helper.make_node("Reshape", ["flat", "shape"], ["picture"]),
        helper.make_node("Reshape", ["latent", "row"], ["rows"]),
        helper.make_node("Mul", ["rows", "shares"], ["parts"]),
        helper.make_node("Tanh", ["parts"], ["canvases"]),
        helper.make_node("Reshape", ["canvases", "sequence"], ["steps"]),
    ]
    weights = {
        "shape": np.array([-1, 3, 8, 8], dtype=np.int64),
        "row": np.array([-1, 1, 192], dtype=np.int64),
        "shares": np.array([[0.5], [1.0]], dtype=np.float32),
        "sequence": np.array([-1, 2, 3, 8, 8], dtype=np.int64),
    }
    card = ModelCard(
        recipe=name,
        task="sample",
        channels=3,
        size=8,
        inputs=(Port("latent", ("N", 192), "latent"),),
        outputs=(Port("picture", ("N", 3, 8, 8), "picture"), Port("steps", ("N", 2, 3, 8, 8), "picture")),
    )
    return make_proto(nodes, weights, card, changes)


def coder_proto(name: str = "coder", **changes: object) -> onnx.ModelProto:
    """picture = 2 latent, 64 numbers as a grey (1, 8, 8); its codes are what `coder_encoder_proto` makes."""
    nodes = [
        helper.make_node("Mul", ["latent", "scale"], ["scaled"]),
        helper.make_node("Reshape", ["scaled", "shape"], ["picture"]),
    ]
    card = ModelCard(
        recipe=name,
        task="sample",
        channels=1,
        size=8,
        inputs=(Port("latent", ("N", 64), "latent"),),
        outputs=(Port("picture", ("N", 1, 8, 8), "picture"),),
    )
    return make_proto(nodes, {"scale": np.float32(2), "shape": np.array([-1, 1, 8, 8])}, card, changes)


def coder_encoder_proto() -> onnx.ModelProto:
    """code = picture / 2: the encoder of `coder_proto`."""
    nodes = [
        helper.make_node("Mul", ["picture", "scale"], ["scaled"]),
        helper.make_node("Reshape", ["scaled", "shape"], ["code"]),
    ]
    card = ModelCard(
        recipe="coder",
        task="companion",
        channels=1,
        size=8,
        inputs=(Port("picture", ("N", 1, 8, 8), "picture"),),
        outputs=(Port("code", ("N", 64), "code"),),
    )
    return make_proto(nodes, {"scale": np.float32(0.5), "shape": np.array([-1, 64])}, card, {})


def stylizer_proto(name: str = "tinter", **changes: object) -> onnx.ModelProto:
    """picture = content + strength (tanh(code + noise) - content), one tint for all pixels."""
    nodes = [
        helper.make_node("Add", ["code", "noise"], ["varied"]),
        helper.make_node("Tanh", ["varied"], ["tint"]),
        helper.make_node("Unsqueeze", ["tint", "axes"], ["plane"]),
        helper.make_node("Unsqueeze", ["strength", "axes"], ["degree"]),
        helper.make_node("Sub", ["plane", "content"], ["difference"]),
        helper.make_node("Mul", ["degree", "difference"], ["scaled"]),
        helper.make_node("Add", ["content", "scaled"], ["picture"]),
    ]
    card = ModelCard(
        recipe=name,
        task="stylize",
        channels=3,
        size=64,
        inputs=stylizer_inputs(3),
        outputs=(Port("picture", ("N", 3, "H", "W"), "picture"),),
        choices=tuple(
            Choice(style, THUMBNAIL, tuple(map(float, tint))) for style, tint in zip(STYLES, TINTS, strict=True)
        ),
    )
    return make_proto(nodes, {"axes": np.array([2, 3], dtype=np.int64)}, card, changes)


def stylizer_inputs(code: int) -> tuple[Port, ...]:
    """What every model of style transfer takes, with noise as long as a code."""
    return (
        Port("content", ("N", 3, "H", "W"), "picture"),
        Port("code", ("N", code), "code"),
        Port("strength", ("N", 1), "degree"),
        Port("noise", ("N", code), "noise"),
    )


def with_companions(proto: onnx.ModelProto, companions: dict[str, onnx.ModelProto]) -> onnx.ModelProto:
    """Write the digests of the companions into the card of their main graph."""
    entry = next(entry for entry in proto.metadata_props if entry.key == METADATA_KEY)
    digests = {name: hashlib.sha256(other.SerializeToString()).hexdigest() for name, other in companions.items()}
    card = dataclasses.replace(
        ModelCard.from_json(entry.value), companions=tuple(Companion(*pair) for pair in digests.items())
    )
    entry.value = card.to_json()
    return proto


def translator_proto(translation: str, **changes: object) -> onnx.ModelProto:
    """Every task's picture is a flat one of the tint that is asked for, the first where there is no choice."""
    guides = {
        "inpaint": Port("mask", ("N", 1, "H", "W"), "mask"),
        "superres": Port("factor", ("N", 2), "weights"),
        "colorize": Port("hints", ("N", 3, "H", "W"), "hints"),
        "sketch": Port("choice", ("N", 2), "weights"),
    }
    planes = 1 if translation in {"colorize", "sketch"} else 3
    inputs = [Port("given", ("N", planes, "H", "W"), "picture")]
    inputs += [guides[translation]] if translation in guides else []
    names = {"superres": ("x2", "x4"), "sketch": STYLES}.get(translation, ())
    weights = {"tints": TINTS, "axes": np.array([2, 3], dtype=np.int64), "first": np.eye(2, dtype=np.float32)[:1]}
    weights["zero"] = np.zeros((), np.float32)
    chosen = inputs[1].name if names else "first"
    nodes = [
        helper.make_node("MatMul", [chosen, "tints"], ["tint"]),
        helper.make_node("Unsqueeze", ["tint", "axes"], ["plane"]),
        helper.make_node("Mul", ["given", "zero"], ["blank"]),
        helper.make_node("Add", ["plane", "blank"], ["translated"]),
    ]
    card = ModelCard(
        recipe=f"{translation}er",
        task="translate",
        channels=3,
        size=64,
        inputs=tuple(inputs),
        outputs=(Port("translated", ("N", 3, "H", "W"), "picture"),),
        choices=tuple(Choice(name) for name in names),
        translation=translation,
    )
    return make_proto(nodes, weights, card, changes)


def make_proto(
    nodes: list[onnx.NodeProto], weights: dict[str, np.ndarray], card: ModelCard, changes: dict[str, object]
) -> onnx.ModelProto:
    graph = helper.make_graph(
        [*changes.get("before", []), *nodes],
        card.recipe,
        [helper.make_tensor_value_info(port.name, TensorProto.FLOAT, port.shape) for port in card.inputs],
        [helper.make_tensor_value_info(port.name, TensorProto.FLOAT, port.shape) for port in card.outputs],
        [numpy_helper.from_array(np.asarray(array), key) for key, array in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    metadata = {METADATA_KEY: card.to_json()} | changes.get("metadata", {})
    helper.set_model_props(model, {key: text for key, text in metadata.items() if text})
    return model
