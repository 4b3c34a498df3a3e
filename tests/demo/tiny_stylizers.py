"""Tiny real companions of the stylizer, and a small network with instance norms that can be painted in tiles."""

import numpy as np
import onnx
from onnx import helper
from tiny_models import STYLES, make_proto, stylizer_inputs

from demo.card import Choice, ModelCard, Port

NORMS = (6, 5, 4)
EPSILON = 1e-5


def encoder_proto(name: str = "part") -> onnx.ModelProto:
    """code = the style picture's mean colour."""
    card = _companion((Port("style", ("N", 3, "H", "W"), "picture"),), (Port("code", ("N", 3), "code"),), name=name)
    node = helper.make_node("ReduceMean", ["style", "axes"], ["code"], keepdims=0)
    return make_proto([node], {"axes": np.array([2, 3], dtype=np.int64)}, card, {})


def descriptor_proto() -> onnx.ModelProto:
    """descriptor = the style picture's largest value per channel, and three zeros."""
    nodes = [
        helper.make_node("ReduceMax", ["style", "axes"], ["largest"], keepdims=0),
        helper.make_node("Sub", ["largest", "largest"], ["nothing"]),
        helper.make_node("Concat", ["largest", "nothing"], ["descriptor"], axis=1),
    ]
    ports = (Port("style", ("N", 3, "H", "W"), "picture"),), (Port("descriptor", ("N", 6), "code"),)
    return make_proto(nodes, {"axes": np.array([2, 3], dtype=np.int64)}, _companion(*ports), {})


def normalising_proto() -> onnx.ModelProto:
    """A network with three instance norms at a half, a quarter and the whole of the size; codes shift the first."""
    card = ModelCard(
        recipe="weaver",
        task="stylize",
        channels=3,
        size=64,
        inputs=stylizer_inputs(NORMS[0]),
        outputs=(Port("picture", ("N", 3, "H", "W"), "picture"),),
        choices=tuple(Choice(style, "", (place - 0.5,) * NORMS[0]) for place, style in enumerate(STYLES)),
    )
    return _normalising(card, given=False)


def tile_proto() -> onnx.ModelProto:
    """The same network with the statistics of its norms given."""
    inputs = (*stylizer_inputs(NORMS[0]), Port("statistics", ("N", 2 * sum(NORMS)), "code"))
    features = tuple(
        Port(f"features_{place}", ("N", width, f"H{place}", f"W{place}"), "code") for place, width in enumerate(NORMS)
    )
    return _normalising(_companion(inputs, (Port("picture", ("N", 3, "H", "W"), "picture"), *features)), given=True)


def _normalising(card: ModelCard, *, given: bool) -> onnx.ModelProto:
    random = np.random.default_rng(7)
    weights, nodes = {"epsilon": np.float32([EPSILON]), "axes": np.array([2, 3], dtype=np.int64)}, []

    def add(kind: str, inputs: list[str], output: str, **attributes: object) -> str:
        nodes.append(helper.make_node(kind, inputs, [output], **attributes))
        return output

    def convolve(source: str, target: str, shape: tuple[int, int], stride: int) -> str:
        weights[f"{target}_kernel"] = random.normal(0, 0.3, (*shape, 3, 3)).astype(np.float32)
        weights["around"] = np.array([0, 0, 1, 1, 0, 0, 1, 1], dtype=np.int64)
        padded = add("Pad", [source, "around"], f"{target}_padded", mode="reflect")
        return add("Conv", [padded, f"{target}_kernel"], target, strides=[stride, stride])

    def normalise(place: int) -> str:
        source, width, start = f"features_{place}", NORMS[place], 2 * sum(NORMS[:place])
        if not given:
            weights[f"ones_{place}"], weights[f"zeros_{place}"] = np.ones(width, "f4"), np.zeros(width, "f4")
            return add(
                "InstanceNormalization",
                [source, f"ones_{place}", f"zeros_{place}"],
                f"normal_{place}",
                epsilon=EPSILON,
            )
        for name, first in (("mean", start), ("variance", start + width)):
            weights[f"{name}_{place}_span"] = np.arange(first, first + width)
            add("Gather", ["statistics", f"{name}_{place}_span"], f"{name}_{place}_row", axis=1)
            add("Unsqueeze", [f"{name}_{place}_row", "axes"], f"{name}_{place}")
        centred = add("Sub", [source, f"mean_{place}"], f"centred_{place}")
        positive = add("Add", [f"variance_{place}", "epsilon"], f"positive_{place}")
        return add("Div", [centred, add("Sqrt", [positive], f"deviation_{place}")], f"normal_{place}")

    def enlarge(source: str) -> str:
        weights["twice"] = np.float32([1, 1, 2, 2])
        return add("Resize", [source, "", "twice"], f"{source}_large", mode="nearest")

    convolve("content", "features_0", (NORMS[0], 3), 2)
    moved = add("Add", ["code", "noise"], "moved")
    shifted = add("Add", [normalise(0), add("Unsqueeze", [moved, "axes"], "shift")], "shifted")
    convolve(add("Relu", [shifted], "active_0"), "features_1", (NORMS[1], NORMS[0]), 2)
    large = enlarge(add("Relu", [normalise(1)], "active_1"))
    convolve(enlarge(large), "features_2", (NORMS[2], NORMS[1]), 1)
    convolve(add("Relu", [normalise(2)], "active_2"), "coloured", (3, NORMS[2]), 1)
    add("Tanh", ["coloured"], "painted")
    add("Sub", ["painted", "content"], "difference")
    add("Mul", [add("Unsqueeze", ["strength", "axes"], "degree"), "difference"], "scaled")
    add("Add", ["content", "scaled"], "picture")
    return make_proto(nodes, weights, card, {})


def _companion(inputs: tuple[Port, ...], outputs: tuple[Port, ...], *, name: str = "part") -> ModelCard:
    return ModelCard(recipe=name, task="companion", channels=3, size=64, inputs=inputs, outputs=outputs)
