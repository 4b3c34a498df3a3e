import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import helper
from tiny_models import sampler_proto
from tiny_stylizers import NORMS, tile_proto

from demo.card import METADATA_KEY
from demo.subgraph import cut_down


def nodes_of(content):
    return [node.output[0] for node in onnx.load_from_string(content).graph.node]


def test_the_part_of_each_output_computes_what_the_whole_does():
    whole = tile_proto()
    feeds = {
        "content": np.random.default_rng(0).uniform(-1, 1, (1, 3, 48, 40)).astype(np.float32),
        "code": np.linspace(-1, 1, 6, dtype=np.float32)[None],
        "strength": np.float32([[0.5]]),
        "noise": np.zeros((1, 6), np.float32),
        "statistics": np.random.default_rng(1).uniform(0.5, 1, (1, 2 * sum(NORMS))).astype(np.float32),
    }
    session = onnxruntime.InferenceSession(whole.SerializeToString(), providers=["CPUExecutionProvider"])
    lengths = []
    for output in [f"features_{place}" for place in range(len(NORMS))] + ["picture"]:
        content = cut_down(whole.SerializeToString(), output)
        onnx.checker.check_model(content)
        part = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
        assert [node.name for node in part.get_outputs()] == [output]
        assert [node.name for node in part.get_inputs()] == list(feeds)
        assert np.array_equal(part.run(None, feeds)[0], session.run([output], feeds)[0])
        lengths.append(len(nodes_of(content)))
    assert lengths == sorted(set(lengths)), "the farther an output stands, the more it needs"
    assert lengths[-1] == len(whole.graph.node)


def test_all_but_nodes_and_outputs_stays():
    whole = tile_proto()
    part = onnx.load_from_string(cut_down(whole.SerializeToString(), "features_0"))
    assert (part.opset_import, part.ir_version) == (whole.opset_import, whole.ir_version)
    assert METADATA_KEY in [entry.key for entry in part.metadata_props]
    assert (part.graph.initializer, part.graph.input) == (whole.graph.initializer, whole.graph.input)


def test_a_graph_in_two_parts_and_outputs_that_nobody_named_are_cut_as_well():
    whole = sampler_proto(before=[helper.make_node("Dropout", ["latent"], ["unused", ""])])
    whole.graph.node[1].input.append("")
    first, second = onnx.ModelProto(), onnx.ModelProto()
    first.CopyFrom(whole)
    del first.graph.node[2:]
    second.graph.node.extend(whole.graph.node[2:])
    content = first.SerializePartialToString() + second.SerializePartialToString()
    assert nodes_of(cut_down(content, "picture")) == ["moved", "sum", "flat", "picture"]


@pytest.mark.parametrize("length", [1, 127, 128, 20_000])
def test_lengths_of_any_size_are_written_as_protobuf_reads_them(length):
    model = sampler_proto()
    model.graph.doc_string = "x" * length
    assert onnx.load_from_string(cut_down(model.SerializeToString(), "picture")).graph.doc_string == "x" * length
