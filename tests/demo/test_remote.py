import json
import threading
from contextlib import contextmanager, suppress
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
import uvicorn
from fastapi import FastAPI
from tiny_models import sampler_proto, stylizer_proto, with_companions
from tiny_stylizers import encoder_proto

from demo import openinference
from demo.catalog import Catalog
from demo.engine import Model, draw_noise
from demo.errors import EngineError, LaunchError, RequestError
from demo.remote import RemoteEngine
from demo.sampling import SampleRequest, draw_samples
from demo.service import Turns, answer_errors
from demo.shelf import Shelf


def feeds(count=1):
    return {"latent": draw_noise(range(count), 192), "classes": np.eye(3, dtype=np.float32)[[0] * count]}


@contextmanager
def ganvas(folder):
    """Serve the endpoints of a catalogue from a thread, and yield the address."""
    app = FastAPI()
    answer_errors(app)
    app.include_router(openinference.routes(Catalog(folder, Shelf("cpu")), Turns()))
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="warning"))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive()
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(timeout=30)


@contextmanager
def answering(answer):
    """Serve what `answer(path)` returns, bytes or an object for JSON, and yield the address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            said = answer(self.path)
            content = said if isinstance(said, bytes) else json.dumps(said).encode()
            self.send_response(200)
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def do_POST(self):
            self.rfile.read(int(self.headers["content-length"]))
            self.do_GET()

        def log_message(self, *arguments):
            pass

    with serving(Handler) as url:
        yield url


@contextmanager
def serving(handler):
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


METADATA = {
    "name": "dabbler",
    "versions": ["1"],
    "inputs": [{"name": "latent"}, {"name": "classes"}],
    "outputs": [{"name": "picture"}],
}


def script(infer, *, metadata=METADATA, extensions=()):
    return lambda path: (
        infer if path.endswith("/infer") else metadata if "/models/" in path else {"extensions": list(extensions)}
    )


def picture(**changes):
    entry = {"name": "picture", "shape": [1, 3, 8, 8], "datatype": "FP32", "data": [0.5] * 192} | changes
    return {"model_name": "dabbler", "outputs": [entry]}


def test_pictures_of_a_server_are_those_of_this_process_and_their_recipes_too(save, tmp_path):
    path = save(sampler_proto())
    save(stylizer_proto(), {"encoder": encoder_proto()})
    with ganvas(tmp_path) as url:
        catalog = Catalog(tmp_path, RemoteEngine(url))
        remote, here = catalog.model("dabbler", task="sample"), Model.open(path, device="cpu")
        request = SampleRequest.parse(here, choice="any", seed=5, count=3, truncation=0.7, enlarge=2)
        assert [one.to_png() for one in draw_samples(remote, request)] == [
            one.to_png() for one in draw_samples(here, request)
        ]
        assert remote.provider == "server"
        style = {"style": np.random.default_rng(0).uniform(-1, 1, (1, 3, 32, 40)).astype(np.float32)}
        stylizers = catalog.model("tinter", task="stylize"), Model.open(tmp_path / "tinter" / "model.onnx")
        codes = [model.companion("encoder").run(style) for model in stylizers]
        assert np.array_equal(*codes)
        with pytest.raises(RequestError, match="'latent' must be float32"):
            remote.run({**feeds(), "latent": np.zeros((1, 3), np.float32)})


def test_a_server_with_another_version_is_refused_until_both_are_the_same(save, tmp_path):
    path = save(sampler_proto())
    served = tmp_path / "served" / "dabbler" / "model.onnx"
    served.parent.mkdir(parents=True)
    served.write_bytes(sampler_proto(metadata={"make": "other"}).SerializeToString())
    with ganvas(tmp_path / "served") as url:
        model = Model.read(path, engine=RemoteEngine(url))
        with pytest.raises(EngineError, match="runs another version of 'dabbler'"):
            model.run(feeds())
        scratch = served.with_name(".scratch")
        scratch.write_bytes(path.read_bytes())
        scratch.replace(served)
        assert model.run(feeds()).shape == (1, 3, 8, 8)
        scratch.write_bytes(sampler_proto(metadata={"make": "third"}).SerializeToString())
        scratch.replace(served)
        with pytest.raises(EngineError, match="runs another version"):
            model.run(feeds())
    assert model.problem == "", "a server may come back, so the model is not broken"


def test_a_server_that_lacks_the_model_says_so(save, tmp_path):
    with ganvas(tmp_path / "nowhere") as url:
        model = Model.read(save(sampler_proto()), engine=RemoteEngine(url))
        with pytest.raises(EngineError, match=r"refused \(404: there is no model 'dabbler'"):
            model.run(feeds())


def test_nobody_there_is_one_sentence(save, tmp_path):
    with ganvas(tmp_path) as url:
        pass
    catalog = Catalog(tmp_path, RemoteEngine(url))
    save(sampler_proto())
    catalog.warm(threading.Event())
    with pytest.raises(EngineError, match=f"no inference server answers at {url}; start it, or correct ENGINE_URL"):
        catalog.model("dabbler", task="sample").run(feeds())


def test_silence_is_one_sentence(save):
    gate = threading.Event()
    with answering(lambda path: gate.wait(30)) as url:
        model = Model.read(save(sampler_proto()), engine=RemoteEngine(url, timeout=0.1))
        try:
            with pytest.raises(EngineError, match=r"did not answer within 0.1 s; try again later"):
                model.run(feeds())
        finally:
            gate.set()


def test_an_answer_that_never_ends_is_given_up(save):
    gate = threading.Event()

    class Dripping(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("content-length", "1000")
            self.end_headers()
            for _ in range(1000):
                with suppress(OSError):
                    self.wfile.write(b" ")
                if gate.wait(0.01):
                    return

        def log_message(self, *arguments):
            pass

    with serving(Dripping) as url:
        try:
            with pytest.raises(EngineError, match=r"did not answer within 1 s; try again later"):
                Model.read(save(sampler_proto()), engine=RemoteEngine(url, timeout=1)).run(feeds())
        finally:
            gate.set()


def test_who_cannot_be_reached_in_time_is_told_with_that_time(save, monkeypatch):
    def never(self):
        raise TimeoutError

    monkeypatch.setattr(HTTPConnection, "connect", never)
    with pytest.raises(EngineError, match=r"did not answer within 10 s; try again later"):
        Model.read(save(sampler_proto()), engine=RemoteEngine("http://host")).run(feeds())


@pytest.mark.parametrize("host", ["ä" * 70, "a..b"])
def test_a_host_of_no_possible_name_is_one_sentence(save, host):
    with pytest.raises(EngineError, match="no inference server answers at"):
        Model.read(save(sampler_proto()), engine=RemoteEngine(f"http://{host}")).run(feeds())


def test_a_path_of_no_plain_letters_is_one_sentence(save):
    with answering(script(picture())) as url, pytest.raises(EngineError, match="no inference server answers at"):
        Model.read(save(sampler_proto()), engine=RemoteEngine(f"{url}/ä")).run(feeds())


@pytest.mark.parametrize(
    ("answers", "sentence"),
    [
        (lambda path: b"<html>", "does not speak the Open Inference Protocol"),
        (lambda path: [1], "does not speak the Open Inference Protocol"),
        (script(picture(), metadata={**METADATA, "inputs": [{"name": "x"}]}), "not those of the card here"),
        (script(picture(), metadata={**METADATA, "outputs": 3}), "not those of the card here"),
        (script(b"nothing"), "answered what is no answer"),
        (script({"outputs": []}), "answered without a fitting 'picture'"),
        (script(picture(name="other")), "answered without a fitting 'picture'"),
        (script(picture(shape=[1, 3, 4, 16])), "answered without a fitting 'picture'"),
        (script(picture(shape=[192])), "answered without a fitting 'picture'"),
        (script(picture(datatype="FP64")), "answered what is no answer"),
        (script(picture(data=[0.5])), "answered what is no answer"),
        (script(picture() | {"model_version": "0" * 64}), "runs another version"),
    ],
)
def test_wrong_answers_are_one_sentence(save, answers, sentence):
    with answering(answers) as url, pytest.raises(EngineError, match=sentence):
        Model.read(save(sampler_proto()), engine=RemoteEngine(url)).run(feeds())


def test_a_server_without_digests_and_without_raw_numbers_is_taken(save):
    with answering(script(picture() | {"model_version": "v1"})) as url:
        assert (Model.read(save(sampler_proto()), engine=RemoteEngine(url)).run(feeds()) == 0.5).all()


@pytest.mark.parametrize(
    "url",
    [
        *("", "localhost:8080", "ftp://host", "http://", "http://host:99999", "http://[::1"),
        *("http://h?x=1", "http://h#x", "http://user@h", "http://user:password@h"),
    ],
)
def test_an_impossible_address_is_one_sentence(url):
    with pytest.raises(LaunchError, match="is no http or https address of host, port and path alone; correct ENGINE"):
        RemoteEngine(url)


def test_companions_have_the_name_of_their_model(save, tmp_path):
    proto = with_companions(stylizer_proto(), {"encoder": encoder_proto()})
    assert Model.read(save(proto, {"encoder": encoder_proto()}), engine=Shelf("cpu")).companion(
        "encoder"
    ).file.name == ("tinter.encoder")
