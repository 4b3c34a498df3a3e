import dataclasses
import subprocess
import sys

import numpy as np
import pytest
from onnx import helper, numpy_helper
from tiny_models import CLASS_SHIFT, TINTS, sampler_proto, stylizer_proto, truncating_proto
from tiny_stylizers import NORMS, encoder_proto, normalising_proto, tile_proto

from demo import runtime
from demo.engine import InProcess, Model, draw_inputs, draw_noise
from demo.errors import ModelError, RequestError


def sampler_feeds(count=2):
    return {"latent": draw_noise(range(count), 192), "classes": np.eye(3, dtype=np.float32)[np.arange(count) % 3]}


def stylizer_feeds(height=16, width=24):
    content = np.random.default_rng(0).uniform(-1, 1, (1, 3, height, width)).astype(np.float32)
    return {
        "content": content,
        "code": TINTS[1:],
        "strength": np.array([[0.25]], dtype=np.float32),
        "noise": np.zeros((1, 3), dtype=np.float32),
    }


def test_sampler_computes_what_its_graph_says(save):
    model = Model.open(save(sampler_proto()))
    feeds = sampler_feeds(4)
    expected = np.tanh(feeds["latent"] + feeds["classes"] @ CLASS_SHIFT).reshape(4, 3, 8, 8)
    np.testing.assert_allclose(model.run(feeds), expected, atol=1e-6)


@pytest.mark.parametrize("size", [(16, 24), (8, 8), (40, 64)])
def test_stylizer_takes_any_size(save, size):
    model = Model.open(save(stylizer_proto()))
    feeds = stylizer_feeds(*size)
    expected = 0.75 * feeds["content"] + 0.25 * np.tanh(TINTS[1])[None, :, None, None]
    np.testing.assert_allclose(model.run(feeds), expected, atol=1e-6)


def test_provider_is_what_the_session_says(save):
    model = Model.open(save(sampler_proto()))
    assert model.provider == (
        "CUDA" if "CUDAExecutionProvider" in model.open_graph().session.get_providers() else "CPU"
    )
    assert Model.open(save(sampler_proto()), device="cpu").provider == "CPU"


@pytest.mark.skipif(runtime.cuda_devices() > 0, reason="a CUDA device answers here")
def test_insisting_on_cuda_without_a_device_is_refused(save):
    with pytest.raises(ModelError, match="cannot run on CUDA here"):
        Model.open(save(sampler_proto()), device="cuda")


@pytest.mark.skipif(runtime.cuda_devices() > 0, reason="a CUDA device answers here")
def test_machines_without_cuda_hear_nothing_of_it(save):
    path = save(sampler_proto())
    code = f"from pathlib import Path; from demo.engine import Model; print(Model.open(Path({str(path)!r})).provider)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("CPU\n", "")


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"classes": None}, r"takes \['latent', 'classes'\], not \['latent'\]"),
        ({"extra": np.zeros((2, 1), dtype=np.float32)}, "takes"),
        ({"latent": np.zeros((2, 191), dtype=np.float32)}, r"'latent' must be float32 of shape \(N, 192\)"),
        ({"latent": np.zeros((2, 192))}, "not float64"),
        ({"latent": np.zeros((0, 192), dtype=np.float32)}, "'latent' must be"),
        ({"latent": np.zeros((3, 192), dtype=np.float32)}, r"'classes' must be float32 of shape \(N, 3\)"),
        ({"latent": np.full((2, 192), np.nan, dtype=np.float32)}, "'latent' holds numbers that are not finite"),
        ({"classes": np.full((2, 3), 0.5, dtype=np.float32)}, "'classes' must have rows that sum to one"),
        ({"classes": np.array([[2, -1, 0]] * 2, dtype=np.float32)}, r"'classes' must lie in \[0, 1\]"),
    ],
)
def test_wrong_feeds_are_named(save, change, sentence):
    feeds = {key: array for key, array in (sampler_feeds() | change).items() if array is not None}
    with pytest.raises(RequestError, match=sentence):
        Model.open(save(sampler_proto())).run(feeds)


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [("strength", 1.5, r"'strength' must lie in"), ("content", 3, "'content' must lie in")],
)
def test_values_outside_a_port_are_named(save, name, value, sentence):
    feeds = stylizer_feeds()
    feeds[name] = np.full_like(feeds[name], value)
    with pytest.raises(RequestError, match=sentence):
        Model.open(save(stylizer_proto())).run(feeds)


def test_a_graph_unlike_its_card_is_refused(save):
    proto = sampler_proto()
    proto.graph.input[0].name = "seed"
    proto.graph.node[1].input[0] = "seed"
    with pytest.raises(ModelError, match=r"has the inputs \['seed', 'classes'\], but its card says \['latent'"):
        Model.open(save(proto))


def test_a_graph_that_does_not_load_is_refused(save):
    with pytest.raises(ModelError, match="cannot be loaded"):
        Model.open(save(sampler_proto(before=[helper.make_node("Relu", ["nowhere"], ["x"])])))


def test_a_model_that_makes_no_numbers_is_refused(save):
    proto = sampler_proto()
    proto.graph.node[2].op_type = "Log"
    with pytest.raises(ModelError, match="made numbers that are not finite; train it again"):
        Model.open(save(proto)).run(sampler_feeds())


def tile_feeds():
    return {
        "content": np.random.default_rng(0).uniform(-1, 1, (1, 3, 64, 64)).astype(np.float32),
        "code": np.zeros((1, 6), np.float32),
        "strength": np.ones((1, 1), np.float32),
        "noise": np.zeros((1, 6), np.float32),
        "statistics": np.ones((1, 2 * sum(NORMS)), np.float32),
    }


def test_parts_of_a_graph_for_tiles_are_kept_while_pictures_take_turns(save, monkeypatch):
    graph = Model.open(save(normalising_proto(), {"tile": tile_proto()})).companion("tile").open_graph()
    asked = []

    def load(*args, **options):
        asked.append(args)
        return original(*args, **options)

    original = runtime._load
    monkeypatch.setattr(runtime, "_load", load)
    first, second, third = (f"features_{place}" for place in range(3))
    for output in (first, second) * 3:
        graph.run(tile_feeds(), output)
    assert len(asked) == 2
    for output in (third, second, first):  # in the place of the first, which was used longest ago
        graph.run(tile_feeds(), output)
    assert len(asked) == 4


def test_what_one_output_of_a_graph_for_tiles_does_not_need_is_not_run(save):
    proto = tile_proto()
    span = next(weight for weight in proto.graph.initializer if weight.name == "mean_1_span")
    span.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(span) + 1000, span.name))
    feeds = tile_feeds()

    def tile(proto):
        return Model.open(save(normalising_proto(), {"tile": proto})).companion("tile")

    whole = tile(tile_proto())
    expected = {output: whole.run(feeds, output) for output in ("features_0", "features_1")}
    broken = tile(proto)
    for output in ("features_0", "features_1", "features_0"):
        assert np.array_equal(broken.run(feeds, output), expected[output])
    for output in ("features_2", "picture"):
        with pytest.raises(ModelError, match="failed"):
            broken.run(feeds, output)


def test_sessions_wait_without_spinning_and_large_pictures_have_no_arena(save):
    model = Model.open(save(stylizer_proto(), {"tile": encoder_proto()}), device="cpu")
    for graph, arena in ((model, True), (model.companion("tile"), False)):
        options = graph.open_graph().session.get_session_options()
        assert options.enable_cpu_mem_arena == arena
        assert options.get_session_config_entry("session.intra_op.allow_spinning") == "0"


def test_a_run_that_takes_too_long_is_ended(save, monkeypatch):
    monkeypatch.setattr(runtime, "TIME_LIMIT", 0.0)
    model = Model.open(save(stylizer_proto()))
    feeds = stylizer_feeds(2048, 2048)
    with pytest.raises(ModelError, match="took longer than 0 s; ask for a smaller picture"):
        model.run(feeds)


def test_noise_depends_on_its_own_seed_alone():
    batch = draw_noise([5, 6, 5], 33)
    assert batch.dtype == np.float32
    assert np.array_equal(batch[0], batch[2])
    assert np.array_equal(batch[1:2], draw_noise([6], 33))
    assert not np.array_equal(batch[0], batch[1])


def test_inputs_are_pieces_of_one_row_for_each_seed(save):
    drawn = draw_inputs(Model.open(save(truncating_proto())).card, [5, 6])
    assert list(drawn) == ["latent", "noise"]
    assert np.array_equal(np.concatenate([drawn["latent"], drawn["noise"]], axis=1), draw_noise([5, 6], 384))
    assert np.array_equal(drawn["latent"], draw_noise([5, 6], 192))
    alone = draw_inputs(Model.open(save(sampler_proto())).card, [5, 6])
    assert list(alone) == ["latent"]
    assert np.array_equal(alone["latent"], draw_noise([5, 6], 192))


def test_noise_is_standard_normal():
    drawn = draw_noise(range(200), 500)
    assert abs(drawn.mean()) < 0.02
    assert abs(drawn.std() - 1) < 0.02


@dataclasses.dataclass(frozen=True)
class OnDevice:
    """Stands for an engine on a device."""

    inside: InProcess

    def provider(self, file):
        return "CUDA"

    def open(self, file):
        return self.inside.open(file)


def test_half_precision_is_taken_on_cuda_alone(save):
    companions = {"half": stylizer_proto("half"), "encoder": encoder_proto(), "encoder_half": encoder_proto("halved")}
    path = save(stylizer_proto(), companions)
    model = Model.open(path, device="cpu")
    assert model.quickest() is model
    assert model.quickest("encoder") is model.companion("encoder")
    on_cuda = Model.read(path, engine=OnDevice(InProcess("cpu")))
    assert on_cuda.quickest() is on_cuda.companion("half")
    assert on_cuda.quickest("encoder") is on_cuda.companion("encoder_half")
    assert on_cuda.quickest("encoder").file.name == "tinter.encoder_half"
    plain = Model.read(save(stylizer_proto("plain")), engine=OnDevice(InProcess("cpu")))
    assert plain.quickest() is plain
