"""The model repository for Triton: parsed with Triton's own messages, held against the graphs, and kept up to date."""

import importlib.util
import shutil
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from google.protobuf import text_format
from recipes import PAINTER, write_params

import demo
from pipeline.errors import ExportError
from pipeline.triton import triton

STARTER = Path(demo.__file__).parent / "starter"
COMPANIONS = ("salon.encoder", "salon.encoder_half", "salon.half", "salon.tile")


@pytest.fixture
def models(workplace):
    """Two models that ship, one of them with companions, as those of recipes; a third recipe has none."""
    write_params(workplace / "params.yaml", atelier=PAINTER, salon=PAINTER, painter=PAINTER)
    for name in ("atelier", "salon"):
        shutil.copytree(STARTER / name, workplace / "models" / name)
    return workplace / "models"


@pytest.fixture(scope="module")
def config_of():
    """Read a config.pbtxt as Triton's message; its module alone is loaded, for the package around it wants gRPC."""
    package = importlib.util.find_spec("tritonclient")
    if package is None:
        pytest.skip("tritonclient is built for Linux on x86-64 alone")
    path = Path(package.origin).parent / "grpc" / "model_config_pb2.py"
    spec = importlib.util.spec_from_file_location("model_config_pb2", path)
    messages = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(messages)
    return lambda folder: text_format.Parse((folder / "config.pbtxt").read_text(), messages.ModelConfig())


def test_every_graph_is_a_model_of_its_own(models):
    triton(Path("params.yaml"), Path("served"))
    assert {path.name for path in Path("served").iterdir()} == {"atelier", "salon", *COMPANIONS}
    for name, source in (("atelier", "atelier/model"), ("salon", "salon/model"), ("salon.tile", "salon/tile")):
        assert {path.name for path in Path("served", name).iterdir()} == {"1", "config.pbtxt"}
        assert Path("served", name, "1", "model.onnx").read_bytes() == (models / f"{source}.onnx").read_bytes()


@pytest.mark.parametrize("name", ["atelier", "salon", *COMPANIONS])
def test_the_configuration_says_what_the_graph_says(models, config_of, name):
    triton(Path("params.yaml"), Path("served"))
    config = config_of(Path("served", name))
    graph = onnx.load(Path("served", name, "1", "model.onnx")).graph
    assert (config.name, config.backend) == (name, "onnxruntime")
    assert config.max_batch_size == (64 if name == "atelier" else 8)
    assert config.dynamic_batching.max_queue_delay_microseconds == 2000
    assert config.version_policy.latest.num_versions == 2
    assert [group.count for group in config.instance_group] == [1]
    for said, nodes in ((config.input, graph.input), (config.output, graph.output)):
        assert [tensor.name for tensor in said] == [node.name for node in nodes]
        for tensor, node in zip(said, nodes, strict=True):
            kind = node.type.tensor_type
            assert (tensor.data_type, kind.elem_type) == (11, onnx.TensorProto.FLOAT)  # TYPE_FP32
            batch, *row = kind.shape.dim
            assert batch.dim_param, "the batch is free"
            assert list(tensor.dims) == [-1 if length.dim_param else length.dim_value for length in row]


@pytest.mark.parametrize("name", ["atelier", "salon", *COMPANIONS])
def test_the_warm_up_fits_the_inputs_and_the_graph_takes_it(models, config_of, name):
    triton(Path("params.yaml"), Path("served"))
    config = config_of(Path("served", name))
    assert [warm.batch_size for warm in config.model_warmup] == [1, config.max_batch_size]
    for warm in config.model_warmup:
        assert set(warm.inputs) == {tensor.name for tensor in config.input}
        for tensor in config.input:
            pairs = zip(tensor.dims, warm.inputs[tensor.name].dims, strict=True)
            assert all(length > 0 and said in (-1, length) for said, length in pairs)
    first = config.model_warmup[0]
    session = onnxruntime.InferenceSession(Path("served", name, "1", "model.onnx"), providers=["CPUExecutionProvider"])
    feeds = {key: np.zeros((1, *value.dims), np.float32) for key, value in first.inputs.items()}
    assert all(len(array) == 1 for array in session.run(None, feeds))


def test_another_model_is_another_version_and_the_same_is_none(models, capsys):
    triton(Path("params.yaml"), Path("served"))
    before = {path: path.stat().st_mtime_ns for path in Path("served").rglob("model.onnx")}
    triton(Path("params.yaml"), Path("served"))
    assert {path: path.stat().st_mtime_ns for path in Path("served").rglob("model.onnx")} == before
    graph = onnx.load(models / "atelier" / "model.onnx")
    graph.producer_version = "another"
    onnx.save(graph, models / "atelier" / "model.onnx")
    capsys.readouterr()
    triton(Path("params.yaml"), Path("served"))
    told = capsys.readouterr().err.splitlines()
    assert told[:2] == ["served/atelier: version 2", "served/salon: version 1 as it was"]
    assert {path.name for path in Path("served", "atelier").iterdir()} == {"1", "2", "config.pbtxt"}
    assert Path("served", "atelier", "2", "model.onnx").read_bytes() == (models / "atelier/model.onnx").read_bytes()


def test_a_companion_of_another_model_and_nothing_to_serve(models):
    shutil.copyfile(models / "salon" / "encoder.onnx", models / "salon" / "tile.onnx")
    with pytest.raises(ExportError, match=r"salon/tile.onnx does not belong to the model beside it; export both again"):
        triton(Path("params.yaml"), Path("served"))
    assert not Path("served", "salon").exists()
    shutil.rmtree(models)
    with pytest.raises(ExportError, match="none of atelier, painter, salon has a model yet; run `dvc repro` first"):
        triton(Path("params.yaml"), Path("served"))
