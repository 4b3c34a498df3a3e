import hashlib

import numpy as np
import onnx
import pytest
from onnx import TensorProto, defs, helper, numpy_helper
from tiny_models import sampler_proto

from demo.card import METADATA_KEY
from demo.errors import ModelError
from demo.modelfile import ModelFile
from demo.operators import OPERATORS


def test_card_and_digest_are_read_from_the_bytes(save):
    path = save(sampler_proto())
    file = ModelFile.read(path)
    assert file.card.recipe == "dabbler"
    assert file.card.inputs[0].shape == ("N", 192)
    assert file.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def test_missing_file_names_the_command(tmp_path):
    with pytest.raises(ModelError, match=r"dabbler/model\.onnx does not exist; make it with `make repro`"):
        ModelFile.read(tmp_path / "dabbler" / "model.onnx")


@pytest.mark.parametrize("share", [0, 0.01, 0.3, 0.6, 0.99])
def test_truncated_file_names_the_command(save, share):
    path = save(sampler_proto())
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(ModelError, match="make it anew with `python -m pipeline export dabbler`"):
        ModelFile.read(path)


@pytest.mark.parametrize("junk", [b"\xff" * 64, b"not a model at all, but text", b"\x0a\xff\xff\xff\xff\x0f"])
def test_junk_is_damaged(save, junk):
    path = save(sampler_proto())
    path.write_bytes(junk)
    with pytest.raises(ModelError, match="damaged"):
        ModelFile.read(path)


@pytest.mark.parametrize(
    ("metadata", "sentence"),
    [
        ({METADATA_KEY: ""}, "carries no model card"),
        ({METADATA_KEY: "{"}, "is not a model card"),
        ({METADATA_KEY: "[]"}, "is not a model card"),
        ({METADATA_KEY: '{"inputs": []}'}, "is not a model card"),
    ],
)
def test_a_model_of_others_is_refused(save, metadata, sentence):
    with pytest.raises(ModelError, match=sentence):
        ModelFile.read(save(sampler_proto(metadata=metadata)))


@pytest.mark.parametrize(
    ("operator", "domain"),
    [
        *[("Mystery", "com.example"), ("Loop", ""), ("RandomNormalLike", ""), ("If", "ai.onnx"), ("Invented", "")],
        *[("StringSplit", ""), ("ImageDecoder", ""), ("SequenceMap", ""), ("Conv", "com.microsoft")],
    ],
)
def test_operators_outside_the_allowed_are_named(save, operator, domain):
    node = helper.make_node(operator, ["latent"], ["unused"], domain=domain)
    with pytest.raises(ModelError, match=f"uses the operator '{operator}', which is not run here"):
        ModelFile.read(save(sampler_proto(before=[node])))


def test_all_that_is_allowed_is_in_the_standard_and_ends():
    standard = {schema.name for schema in defs.get_all_schemas() if schema.domain == ""}
    assert standard >= OPERATORS
    branching = {
        schema.name
        for schema in defs.get_all_schemas()
        if any(attribute.type == defs.OpSchema.AttrType.GRAPH for attribute in schema.attributes.values())
    }
    assert {"If", "Loop", "Scan"} <= branching
    assert not OPERATORS & branching


def test_operators_are_found_in_functions_and_subgraphs(save):
    hidden = helper.make_node("Scan", ["a"], ["b"])
    function = helper.make_function("local", "F", ["a"], ["b"], [hidden], [helper.make_opsetid("", 18)])
    proto = sampler_proto()
    proto.functions.append(function)
    with pytest.raises(ModelError, match="'Scan'"):
        ModelFile.read(save(proto))
    body = helper.make_graph([hidden], "body", [], [])
    with pytest.raises(ModelError, match="'Scan'"):
        ModelFile.read(save(sampler_proto(before=[helper.make_node("Relu", ["latent"], ["x"], body=body)])))


def varint(number):
    groups = [number >> shift & 0x7F for shift in range(0, max(number.bit_length(), 1), 7)]
    return bytes([*(group | 0x80 for group in groups[:-1]), groups[-1]])


def field(number, content, *, tag=0):
    return varint(tag or number << 3 | 2) + varint(len(content)) + content


@pytest.mark.parametrize(
    "disguised",
    [
        # After the real field, one of its number and of another wire type, which ONNX Runtime does not read.
        field(1, field(4, b"RandomNormalLike") + varint(4 << 3 | 5) + b"Relu"),
        field(1, field(4, b"Relu") + field(7, b"com.microsoft") + varint(7 << 3) + varint(0)),
        # A tag of which others take 32 bits alone.
        field(1, field(4, b"RandomNormalLike"), tag=1 << 3 | 2 | 1 << 32),
    ],
)
def test_what_another_reader_would_see_is_seen(save, disguised):
    path = save(sampler_proto())
    content = path.read_bytes() + field(7, disguised)  # protobuf joins the parts of a graph
    path.write_bytes(content)
    with pytest.raises(ModelError, match=r"which is not run here|is damaged"):
        ModelFile.read(path)


def test_weights_in_another_file_are_refused(save):
    tensor = numpy_helper.from_array(np.ones(4, dtype=np.float32), "elsewhere")
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="/etc/passwd")
    proto = sampler_proto()
    proto.graph.initializer.append(tensor)
    with pytest.raises(ModelError, match="keeps weights in another file"):
        ModelFile.read(save(proto))
    constant = helper.make_node("Constant", [], ["c"], value=tensor)
    with pytest.raises(ModelError, match="keeps weights in another file"):
        ModelFile.read(save(sampler_proto(before=[constant])))


def test_an_unreadable_file_says_why(tmp_path):
    (tmp_path / "model.onnx").mkdir()
    with pytest.raises(ModelError, match=r"cannot be read \(Is a directory\)"):
        ModelFile.read(tmp_path / "model.onnx")


def test_walk_agrees_with_onnx_on_the_metadata(save):
    path = save(sampler_proto(metadata={"author": "海"}))
    entries = {entry.key: entry.value for entry in onnx.load(path).metadata_props}
    assert entries["author"] == "海"
    assert ModelFile.read(path).card.to_json() == entries[METADATA_KEY]
