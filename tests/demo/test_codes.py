import dataclasses
import hashlib

import numpy as np
import onnx
import PIL.Image
import pytest
from onnx import TensorProto, helper, numpy_helper
from tiny_models import sampler_proto

from demo.card import METADATA_KEY, Companion, ModelCard, Port
from demo.codes import add_attribute, attribute, decode, encode, encodes, prepare, reconstruct, walk
from demo.engine import Model
from demo.errors import RequestError

SIDE = 8
LATENT = Port("latent", ("N", 64), "latent")
CODE, PICTURE = Port("code", ("N", 64), "code"), Port("picture", ("N", 1, SIDE, SIDE), "picture")


def write(path, card, scale, shape):
    """Write output = scale * input, reshaped."""
    name, made = card.inputs[0], card.outputs[0]
    nodes = [
        helper.make_node("Mul", [name.name, "scale"], ["scaled"]),
        helper.make_node("Reshape", ["scaled", "shape"], [made.name]),
    ]
    constants = {"scale": np.float32(scale), "shape": np.array(shape)}
    ports = [[helper.make_tensor_value_info(p.name, TensorProto.FLOAT, p.shape)] for p in (name, made)]
    weights = [numpy_helper.from_array(np.asarray(array), key) for key, array in constants.items()]
    model = helper.make_model(
        helper.make_graph(nodes, "tiny", *ports, weights), opset_imports=[helper.make_opsetid("", 18)], ir_version=10
    )
    helper.set_model_props(model, {METADATA_KEY: card.to_json()})
    onnx.save(model, path)


@pytest.fixture(params=[False, True], ids=["own graph decodes", "companion decodes"])
def model(request, tmp_path):
    """Codes are half the picture's values; twice a code is the picture, by the model or by a companion of it."""
    card = ModelCard("halver", "companion", 1, SIDE, (PICTURE,), (CODE,))
    write(tmp_path / "encoder.onnx", card, 0.5, (-1, 64))
    names = ["encoder"]
    if request.param:
        write(
            tmp_path / "decoder.onnx", dataclasses.replace(card, inputs=(CODE,), outputs=(PICTURE,)), 2, (-1, 1, 8, 8)
        )
        names.append("decoder")
    digests = [Companion(name, hashlib.sha256((tmp_path / f"{name}.onnx").read_bytes()).hexdigest()) for name in names]
    card = dataclasses.replace(card, task="sample", inputs=(LATENT,), outputs=(PICTURE,), companions=tuple(digests))
    write(tmp_path / "model.onnx", card, -7 if request.param else 2, (-1, 1, 8, 8))
    return Model.open(tmp_path / "model.onnx")


def flat(level, size=(SIDE, SIDE), mode="L"):
    return PIL.Image.new(mode, size, level if mode == "L" else (level,) * 3)


def levels(image):
    return np.asarray(image, np.float64)


def test_codes_and_back(model):
    pictures = np.random.default_rng(0).uniform(-1, 1, (3, 1, SIDE, SIDE)).astype(np.float32)
    codes = encode(model, pictures)
    np.testing.assert_allclose(codes, pictures.reshape(3, 64) / 2)
    np.testing.assert_allclose(decode(model, codes), pictures, atol=1e-6)


def test_a_picture_is_seen_as_its_central_square_in_the_models_own_terms(model):
    image = PIL.Image.new("RGB", (40, 20), (255, 0, 0))
    image.paste((0, 0, 255), (10, 0, 30, 20))
    seen, made = reconstruct(model, image)
    assert seen.size == (SIDE, SIDE)
    assert seen.mode == "L"
    assert np.ptp(levels(seen)) == 0  # of the red on both sides nothing is left
    np.testing.assert_allclose(levels(made), levels(seen), atol=1)
    with pytest.raises(RequestError, match="40 x 3 pixels"):
        prepare(model, flat(9, (40, 3)))


def test_a_walk_goes_from_the_one_picture_to_the_other(model):
    steps = walk(model, flat(255), flat(128, (30, 20), "RGB"), count=4)
    means = [levels(step).mean() for step in steps]
    assert len(steps) == 4
    assert means[0] == pytest.approx(255, abs=1)
    assert means[-1] == pytest.approx(128, abs=1)
    assert means == sorted(means, reverse=True)


def test_an_attribute_is_what_the_pictures_that_have_it_have_in_common(model):
    direction = attribute(model, [flat(200), flat(220)], [flat(100), flat(120)])
    np.testing.assert_allclose(direction, np.full((1, 64), 100 / 255), atol=1e-5)
    brighter = add_attribute(model, flat(50), direction, amounts=(-0.25, 0, 1))
    assert [round(levels(image).mean()) for image in brighter] == [25, 50, 150]


def test_an_attribute_needs_pictures_of_both_kinds(model):
    with pytest.raises(RequestError, match="one or more without it"):
        attribute(model, [flat(1)], [])


def test_a_model_without_an_encoder_is_told_in_one_sentence(save):
    model = Model.open(save(sampler_proto()))
    assert not encodes(model.card)
    with pytest.raises(RequestError, match="the model 'dabbler' has no encoder"):
        reconstruct(model, flat(1))
