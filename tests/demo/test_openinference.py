import contextlib
import json
import math

import numpy as np
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_models import sampler_proto, stepping_proto, stylizer_proto
from tiny_stylizers import encoder_proto

from demo import __version__, openinference
from demo.catalog import STARTER, Catalog
from demo.engine import Model, draw_noise
from demo.errors import FailedRunError, RequestError
from demo.service import Turns, answer_errors
from demo.wire import LENGTH_HEADER, Message


@pytest.fixture
def client(save, tmp_path):
    save(sampler_proto())
    save(stepping_proto())
    save(stylizer_proto(), {"encoder": encoder_proto()})
    with serving(Catalog(tmp_path)) as client:
        yield client


@contextlib.contextmanager
def serving(catalog):
    app = FastAPI()
    answer_errors(app)
    app.include_router(openinference.routes(catalog, Turns()))
    with TestClient(app) as client:
        yield client


def sampler_feeds(count=2):
    return {"latent": draw_noise(range(count), 192), "classes": np.eye(3, dtype=np.float32)[np.arange(count) % 3]}


def as_json(feeds, **fields):
    entries = [
        {"name": name, "shape": list(array.shape), "datatype": "FP32", "data": array.tolist()}
        for name, array in feeds.items()
    ]
    return {"inputs": entries, **fields}


def test_the_server_and_its_models_are_described(client, tmp_path):
    assert client.get("/v2").json() == {"name": "ganvas", "version": __version__, "extensions": ["binary_tensor_data"]}
    assert client.get("/v2/health/live").json() == {"live": True}
    ready = client.get("/v2/health/ready")
    assert (ready.status_code, ready.json()) == (200, {"ready": True})
    said = client.get("/v2/models/dabbler").json()
    sha256 = Model.open(tmp_path / "dabbler" / "model.onnx").sha256
    assert said == {
        "name": "dabbler",
        "versions": [sha256],
        "platform": "onnxruntime_onnx",
        "inputs": [
            {"name": "latent", "datatype": "FP32", "shape": [-1, 192]},
            {"name": "classes", "datatype": "FP32", "shape": [-1, 3]},
        ],
        "outputs": [{"name": "picture", "datatype": "FP32", "shape": [-1, 3, 8, 8]}],
    }
    assert client.get("/v2/models/dabbler/ready").json() == {"name": "dabbler", "ready": True}
    assert client.get("/v2/models/tinter.encoder").json()["inputs"][0]["name"] == "style"


def test_nothing_to_serve_is_not_ready(tmp_path):
    with serving(Catalog(tmp_path)) as client:
        ready = client.get("/v2/health/ready")
        assert (ready.status_code, ready.json()) == (503, {"ready": False})
        assert client.get("/v2/health/live").status_code == 200


@pytest.mark.parametrize("path", ["", "/ready", "/infer"])
@pytest.mark.parametrize("name", ["nobody", "tinter.nothing", "dabbler.encoder", "dabbler.", ".dabbler"])
def test_what_is_not_there_is_not_found(client, name, path):
    answer = client.post(f"/v2/models/{name}{path}") if path == "/infer" else client.get(f"/v2/models/{name}{path}")
    assert answer.status_code == 404


@pytest.mark.parametrize("binary_in", [False, True])
@pytest.mark.parametrize("binary_out", [False, True])
def test_results_are_the_engines_to_the_last_bit(client, tmp_path, binary_in, binary_out):
    feeds = sampler_feeds()
    model = Model.open(tmp_path / "dabbler" / "model.onnx")
    wish = {"outputs": [{"name": "picture", "parameters": {"binary_data": binary_out}}], "id": "7"}
    body, headers = Message(wish, feeds).write(key="inputs", binary=binary_in)
    answer = client.post("/v2/models/dabbler/infer", content=body, headers=headers)
    assert answer.status_code == 200, answer.text
    assert (LENGTH_HEADER in answer.headers) == binary_out
    message = Message.read(answer.content, length=answer.headers.get(LENGTH_HEADER), key="outputs")
    assert message.fields == {"model_name": "dabbler", "model_version": model.sha256, "id": "7"}
    assert np.array_equal(message.tensors["picture"], model.run(feeds))


def test_nested_and_flat_data_are_both_taken_and_all_outputs_given(client):
    feeds = {"latent": draw_noise([3], 192)}
    flat = {"name": "latent", "shape": [1, 192], "datatype": "FP32", "data": feeds["latent"].ravel().tolist()}
    one, two = (
        client.post("/v2/models/stepper/infer", json=body).json() for body in ({"inputs": [flat]}, as_json(feeds))
    )
    assert one == two
    assert [(output["name"], output["shape"]) for output in one["outputs"]] == [
        ("picture", [1, 3, 8, 8]),
        ("steps", [1, 2, 3, 8, 8]),
    ]


def broken(**changes):
    entry = {"name": "latent", "shape": [1, 192], "datatype": "FP32", "data": [0.0] * 192}
    return {"inputs": [entry | changes]}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"null",
        b"[" * 100_000,
        b"\xff\xfe",
        {},
        {"inputs": {}},
        {"inputs": []},
        {"inputs": [None]},
        broken(name=3),
        broken(name="other"),
        broken(datatype="FP16"),
        broken(datatype="BYTES", data=["x"]),
        broken(shape=[]),
        broken(shape=[1, 191]),
        broken(shape=[-1, 192]),
        broken(shape=[True, 192]),
        broken(shape=[1.0, 192]),
        broken(shape=[2**62, 2**62]),
        broken(shape=[1] * 9),
        broken(shape=[192, 1]),
        broken(data=None),
        broken(data="0" * 192),
        broken(data=["0"] * 192),
        broken(data=[None] * 192),
        broken(data=[True] * 192),
        broken(data=[[0.0], [0.0, 1.0]]),
        broken(data=[10**400] * 192),
        broken(data=[1e300] * 192),
        broken(data=[0.0] * 191),
        broken(parameters={"binary_data_size": 768}),
        broken(parameters={"binary_data_size": -1}),
        broken() | {"outputs": [{"name": "nothing"}]},
        broken() | {"outputs": [3]},
        broken() | {"outputs": "picture"},
        broken() | {"outputs": [{"name": "picture", "parameters": {"binary_data": 1}}]},
        broken() | {"parameters": []},
        broken() | {"id": 3},
        broken() | {"id": "x" * 201},
        {"inputs": broken()["inputs"] * 2},
    ],
)
def test_what_is_wrong_is_one_sentence(client, body):
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    answer = client.post("/v2/models/stepper/infer", content=content)
    assert answer.status_code == 400
    assert set(answer.json()) == {"error"}
    assert len(answer.json()["error"]) < 500


@pytest.mark.parametrize("length", ["-1", "x", "9" * 30, "100000", "1e3", "²"])
def test_a_wrong_length_of_the_json_is_refused(length):
    with pytest.raises(RequestError, match="must be a number of bytes within the body"):
        Message.read(b'{"inputs": []}', length=length, key="inputs")


def test_bytes_that_belong_to_no_tensor_are_refused(client):
    body, headers = Message({}, {"latent": draw_noise([3], 192)}).write(key="inputs", binary=True)
    for content in (body + b"0", body[:-1]):
        assert client.post("/v2/models/stepper/infer", content=content, headers=headers).status_code == 400


def test_numbers_that_are_not_finite_and_too_many_pictures_are_refused(client):
    body, headers = Message({}, {"latent": np.full((1, 192), np.nan, np.float32)}).write(key="inputs", binary=True)
    answer = client.post("/v2/models/stepper/infer", content=body, headers=headers)
    assert answer.json() == {"error": "'latent' holds numbers that are not finite"}
    rows = openinference.MAX_PIXELS // 64 + 1
    many = {"latent": np.zeros((rows, 192), np.float32)}
    body, headers = Message({}, many).write(key="inputs", binary=True)
    answer = client.post("/v2/models/stepper/infer", content=body, headers=headers)
    assert answer.status_code == 400
    assert "ask for fewer at once" in answer.json()["error"]


def starter_feeds(height, width):
    content = np.zeros((1, 3, height, width), np.float32)
    return {"content": content, "code": np.zeros((1, 64)), "strength": np.ones((1, 1)), "noise": np.zeros((1, 8))}


@pytest.mark.parametrize(
    ("height", "width", "status"), [(33, 40, 400), (44, 44, 400), (8, 32, 400), (16, 16, 200), (32, 40, 200)]
)
def test_pictures_that_a_network_cannot_halve_are_the_clients_fault(tmp_path, height, width, status):
    with serving(Catalog(tmp_path, starter=STARTER)) as client:
        answer = client.post("/v2/models/salon/infer", json=as_json(starter_feeds(height, width)))
        assert answer.status_code == status
        if status == 400:
            shape = f"'content' of shape (1, 3, {height}, {width})"
            assert f"{shape}; give a height and a width of 32 or more that are multiples of 8" in answer.json()["error"]
        small = as_json({"style": np.zeros((1, 3, 16, 16), np.float32)})
        assert client.post("/v2/models/salon.encoder/infer", json=small).status_code == 400


def test_a_graph_that_fails_on_a_sound_size_is_the_servers_fault(client, monkeypatch):
    def fail(*_):
        raise FailedRunError("the model 'tinter' failed")

    monkeypatch.setattr(Model, "run", fail)
    style = as_json({"style": np.zeros((1, 3, 32, 40), np.float32)})
    assert client.post("/v2/models/tinter.encoder/infer", json=style).status_code == 503


def test_bodies_have_a_limit(client, monkeypatch):
    monkeypatch.setattr(openinference, "MAX_BODY", 100)
    answer = client.post("/v2/models/stepper/infer", content=b" " * 101)
    assert (answer.status_code, answer.json()) == (400, {"error": "the request is longer than 100 bytes; send less"})


shapes = st.lists(st.integers(1, 4), min_size=1, max_size=4)


@settings(deadline=None)
@given(shapes, st.booleans(), st.randoms(use_true_random=False))
def test_tensors_survive_the_wire(shape, binary, random):
    numbers = [random.uniform(-1e30, 1e30) for _ in range(math.prod(shape))]
    sent = {"a": np.array(numbers, np.float32).reshape(shape), "b": np.float32([1.5])}
    body, headers = Message({"id": "x"}, sent).write(key="inputs", binary=binary)
    read = Message.read(body, length=headers.get(LENGTH_HEADER), key="inputs")
    assert read.fields == {"id": "x"}
    assert all(np.array_equal(read.tensors[name], array) for name, array in sent.items())


@settings(deadline=None, max_examples=200)
@given(st.binary(max_size=300), st.none() | st.integers(0, 300).map(str))
def test_any_bytes_are_a_message_or_a_sentence(body, length):
    with contextlib.suppress(RequestError):
        message = Message.read(b'{"inputs": [' + body, length=length, key="inputs")
        assert all(array.dtype == np.float32 for array in message.tensors.values())
