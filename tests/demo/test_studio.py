"""The endpoints under `/studio`, as the page's scripts and other programs call them."""

import base64
import io
import json
import re
import shutil
import subprocess
import sys
import urllib.error
import urllib.request

import PIL.Image
import pytest
from loops import run
from starlette.requests import Request

from demo.errors import RequestError
from demo.service import MAX_JSON, read_json
from demo.snippets import CURL, PYTHON, fill_in

PINS = [{"seed": seed, "class": "waves"} for seed in (1, 2, 3, 4)]


def post(server, path, said):
    content = said if isinstance(said, bytes) else json.dumps(said).encode()
    with urllib.request.urlopen(f"{server.url}/studio/{path}", content, timeout=60) as answer:
        return answer.read()


def refusal(server, path, said):
    with pytest.raises(urllib.error.HTTPError) as caught:
        post(server, path, said)
    return caught.value.code, json.load(caught.value)["error"]


def test_models_tell_who_they_are(server):
    with urllib.request.urlopen(f"{server.url}/studio/models", timeout=20) as answer:
        models = {model["name"]: model for model in json.load(answer)}
    assert {"dabbler", "tinter"} <= set(models)
    assert "torn" not in models
    assert models["dabbler"]["choices"] == ["dots", "lines", "waves"]
    assert models["dabbler"]["sha256"] == {m["name"]: m for m in server.health()["models"]}["dabbler"]["sha256"]
    assert models["dabbler"]["version"] is None


def test_a_picture_and_a_map(server):
    place = {"model": "dabbler", "pins": PINS, "x": 0.5, "y": 0.5, "enlarge": 2}
    with PIL.Image.open(io.BytesIO(post(server, "picture", place))) as image:
        assert image.size == (16, 16)
        assert json.loads(image.text["ganvas.recipe"])["x"] == 0.5
    with PIL.Image.open(io.BytesIO(post(server, "map", {"model": "dabbler", "pins": PINS, "tiles": 5}))) as image:
        assert image.size == (40, 40)


def test_a_journey_streams_its_frames_or_one_file(server):
    journey = {"model": "dabbler", "pins": PINS, "seconds": 0.2, "rate": 10}
    lines = [json.loads(line) for line in post(server, "journey", journey).splitlines()]
    assert [(line["frame"], line["frames"]) for line in lines] == [(frame, 7) for frame in range(7)]
    with PIL.Image.open(io.BytesIO(base64.b64decode(lines[3]["png"]))) as image:
        assert json.loads(image.text["ganvas.recipe"])["pins"] == [PINS[1], PINS[2]]
    *progress, last = [json.loads(line) for line in post(server, "journey", journey | {"format": "gif"}).splitlines()]
    assert len(progress) == 7
    assert last["type"] == "image/gif"
    assert re.fullmatch(r"dabbler-journey-[0-9a-f]{6}\.gif", last["name"])
    with PIL.Image.open(io.BytesIO(base64.b64decode(last["file"]))) as film:
        assert film.n_frames == 7


def test_what_was_made_here_verifies(server):
    picture = post(server, "picture", {"model": "dabbler", "pins": PINS, "x": 0.2})
    report = json.loads(post(server, "verify", picture))
    assert (report["verdict"], report["pixels"], report["differing"]) == ("same", 64, 0)


@pytest.mark.parametrize(
    ("path", "said", "sentence"),
    [
        ("picture", b"{", "the request must be a JSON object"),
        ("picture", b"[]", "the request must be a JSON object"),
        ("picture", b"[" * 60_000, "the request must be a JSON object"),
        ("picture", b" " * (MAX_JSON + 1), f"longer than {MAX_JSON} bytes"),
        ("picture", {"pins": PINS}, "model must be the name of a model"),
        ("picture", {"model": "../tinter", "pins": PINS}, "there is no model '../tinter' for this"),
        ("picture", {"model": "dabbler", "pins": PINS, "x": 1e308}, "x must lie between 0 and 1"),
        ("picture", {"model": "dabbler", "pins": PINS, "x": 10**400}, "x must be a number from 0 to 1"),
        ("picture", {"model": "\ud800", "pins": PINS}, "there is no model '?' for this"),
        ("map", {"model": "dabbler", "pins": PINS[:2]}, "a map has 4 pins"),
        ("map", {"model": "dabbler", "pins": PINS, "x": 0.5}, "neither x nor y nor enlarge"),
        ("map", {"model": "dabbler", "pins": PINS, "tiles": 99}, "tiles must lie between 2 and 9"),
        ("journey", {"model": "dabbler", "pins": PINS, "format": "avi"}, "format must be one of frames, gif, webp"),
        ("journey", {"model": "dabbler", "pins": PINS, "rate": 7}, "rate must lie between 10 and 50"),
        ("verify", b"GIF89a", "only a PNG as it was saved here can be checked"),
        ("verify", b"", "the picture is empty"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(server, path, said, sentence):
    code, told = refusal(server, path, said)
    assert code == 400
    assert sentence in told


def test_a_broken_model_is_the_servers_fault(server):
    code, told = refusal(server, "picture", {"model": "torn", "pins": PINS})
    assert code == 503
    assert "damaged or cut short" in told


def test_the_python_snippet_runs_as_it_stands(server, tmp_path):
    program = fill_in(PYTHON, origin=server.url, model="dabbler")
    subprocess.run([sys.executable, "-c", program], cwd=tmp_path, check=True, timeout=60)
    with PIL.Image.open(tmp_path / "picture.png") as image:
        assert json.loads(image.text["ganvas.recipe"])["pins"][1]["seed"] == 8


@pytest.mark.skipif(not shutil.which("curl"), reason="there is no curl")
def test_the_curl_snippet_runs_as_it_stands(server, tmp_path):
    subprocess.run(
        ["sh", "-c", fill_in(CURL, origin=server.url, model="dabbler")], cwd=tmp_path, check=True, timeout=60
    )
    with PIL.Image.open(tmp_path / "picture.png") as image:
        assert image.size == (32, 32)


def request_of(content):
    async def receive():
        return {"type": "http.request", "body": content, "more_body": True}

    return Request({"type": "http", "method": "POST", "headers": []}, receive)


def test_an_endless_body_is_left_after_its_limit():
    with pytest.raises(RequestError, match="longer than"):
        run(read_json(request_of(b" " * 1000)))
