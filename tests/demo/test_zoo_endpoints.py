"""What the tabs for the zoo ask the server for, and every program that the About tab shows."""

import base64
import io
import json
import shutil
import subprocess
import sys
import urllib.parse
import urllib.request

import numpy as np
import PIL.Image
import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from test_studio import post, refusal

from demo.engine import Model
from demo.latents import slerp
from demo.sampling import SampleRequest, draw_samples, draw_steps
from demo.snippets import SNIPPETS, fill_in


def picture_of(text):
    return PIL.Image.open(io.BytesIO(base64.b64decode(text) if isinstance(text, str) else text))


def flat(level):
    stream = io.BytesIO()
    PIL.Image.new("L", (20, 20), level).save(stream, "PNG")
    return stream.getvalue()


def code_of(zoo, level):
    return json.loads(post(zoo, "encode?model=coder", flat(level)))["code"]


def test_models_are_compared_on_the_same_seeds(zoo):
    told = json.loads(post(zoo, "compare", {"models": ["dabbler", "coder"], "seed": 7, "count": 2}))
    assert [side["name"] for side in told["sides"]] == ["dabbler", "coder"]
    for side in told["sides"]:
        model = Model.open(zoo.models / side["name"] / "model.onnx")
        request = SampleRequest.parse(model, choice="any", seed=7, count=2, truncation=1, enlarge=1)
        expected = [sample.to_png() for sample in draw_samples(model, request)]
        assert [base64.b64decode(picture["png"]) for picture in side["pictures"]] == expected
        assert side["kilobytes"] > 0


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ({"models": []}, "choose 1 to 8 models to compare, not 0"),
        ({"models": "dabbler"}, "models must be a list, not 'dabbler'"),
        ({"models": ["x"] * 9}, "models must hold at most 8 entries, not 9"),
        ({"models": [{}]}, "models must be a list of names; /healthz lists them"),
        ({"models": ["dabbler"], "seed": 1e308}, "seed must lie between 0 and 4294967292, not at 1e+308"),
        ({"models": ["dabbler"], "count": 17}, "count must lie between 1 and 16, not at 17"),
        ({"model": "dabbler"}, "a comparison has no 'model'; it takes models, seed, count, enlarge"),
    ],
)
def test_comparisons_are_refused_in_one_sentence(zoo, said, sentence):
    assert refusal(zoo, "compare", said) == (400, sentence)


def test_the_ranking_is_what_the_pipeline_wrote(zoo):
    with urllib.request.urlopen(f"{zoo.url}/studio/zoo", timeout=20) as answer:
        rows = json.load(answer)["rows"]
    assert [(row["recipe"], row["quality"]) for row in rows] == [
        ("dabbler", 12.5),
        ("guided", 20.0),
        ("superres", 12.5),
        ("unpaired", 12.5),
        ("unpaired_cycle", 12.5),
    ]


def test_a_code_is_found_and_drawn_again(zoo):
    told = json.loads(post(zoo, "encode?model=coder", flat(200)))
    np.testing.assert_allclose(told["code"], (200 / 127.5 - 1) / 2, atol=1e-6)
    with picture_of(told["seen"]) as seen, picture_of(told["made"]) as made:
        assert seen.size == made.size == (8, 8)
        assert np.abs(np.asarray(seen, int) - np.asarray(made, int)).max() <= 1
    content = post(zoo, "decode", {"model": "coder", "code": told["code"], "enlarge": 2})
    with picture_of(content) as image:
        assert image.size == (16, 16)
        recipe = json.loads(image.text["ganvas.recipe"])
    assert recipe["code"] == told["code"]
    assert json.loads(post(zoo, "verify", content))["verdict"] == "same"


def test_a_way_between_codes_and_an_attribute(zoo):
    dark, light = code_of(zoo, 60), code_of(zoo, 250)
    direction = [0.1] * 64
    said = {"model": "coder", "code": dark, "to": light, "share": 0.25, "direction": direction, "amount": 2}
    with picture_of(post(zoo, "decode", said)) as image:
        found = json.loads(image.text["ganvas.recipe"])["code"]
    start, end = (np.array([code], np.float32) for code in (dark, light))
    np.testing.assert_allclose(found, slerp(start, end, 0.25)[0] + 0.2, atol=1e-6)


def test_the_attribute_between_two_classes_of_a_model(zoo):
    said = {"model": "coder", "source": "dabbler", "plus": "waves", "minus": "dots", "count": 3}
    direction = json.loads(post(zoo, "attribute", said))["direction"]
    source, coder = (Model.open(zoo.models / name / "model.onnx") for name in ("dabbler", "coder"))
    means = []
    for choice in ("waves", "dots"):
        request = SampleRequest.parse(source, choice=choice, seed=0, count=3, truncation=1, enlarge=1)
        levels = [np.asarray(sample.image.convert("L"), float) for sample in draw_samples(source, request)]
        means.append(np.mean(levels, axis=0).ravel() / 255)
    np.testing.assert_allclose(direction, means[0] - means[1], atol=1e-5)
    assert coder.card.channels == 1


@pytest.mark.parametrize(
    ("path", "said", "sentence"),
    [
        (
            "encode?model=dabbler",
            flat(1),
            "the model 'dabbler' has no encoder; choose an autoencoding one",
        ),
        ("encode?model=coder", b"GIF89a", "the picture is not a readable PNG, JPEG or WEBP picture"),
        ("encode?model=nobody", flat(1), "there is no model 'nobody' for this"),
        ("decode", {"model": "coder", "code": [1]}, "code must hold the 64 numbers of this model's codes, not 1"),
        ("decode", {"model": "coder", "code": [1e308] * 64}, "a number of code must lie between -10000"),
        ("decode", {"model": "coder", "code": [True] * 64}, "a number of code must be a number"),
        ("decode", {"model": "coder", "code": [0] * 64, "share": 2}, "share must lie between 0 and 1, not at 2"),
        ("decode", {"model": "coder", "code": [0] * 64, "amount": 9}, "amount must lie between -4"),
        ("decode", {"model": "dabbler", "code": [0] * 64}, "the model 'dabbler' has no encoder"),
        ("attribute", {"model": "coder"}, "source must be the name of a model with classes"),
        ("attribute", {"model": "coder", "source": "coder"}, "the model 'coder' has no classes"),
        ("attribute", {"model": "coder", "source": "dabbler", "plus": "x"}, "plus must be one of dots, lines, waves"),
        ("steps", {"model": "dabbler", "seed": 1}, "the model 'dabbler' does not paint in steps"),
        ("steps", {"model": "stepper", "seed": -1}, "seed must lie between 0 and"),
    ],
)
def test_what_cannot_be_done_is_told_in_one_sentence(zoo, path, said, sentence):
    status, told = refusal(zoo, path, said)
    assert status == 400
    assert told.startswith(sentence)


def test_the_steps_of_a_picture(zoo):
    told = json.loads(post(zoo, "steps", {"model": "stepper", "seed": 5, "truncation": 0.5}))
    model = Model.open(zoo.models / "stepper" / "model.onnx")
    request = SampleRequest.parse(model, choice="any", seed=5, count=1, truncation=0.5, enlarge=1)
    for png, step in zip(told["steps"], draw_steps(model, request), strict=True):
        with picture_of(png) as image:
            assert np.array_equal(image, step)


def test_reconstruct_is_an_endpoint(zoo, tmp_path):
    (tmp_path / "flat.png").write_bytes(flat(200))
    client = Client(zoo.url, verbose=False, download_files=str(tmp_path / "downloads"))
    result, seen = client.predict(handle_file(tmp_path / "flat.png"), "coder", api_name="/reconstruct")
    with PIL.Image.open(result) as image, PIL.Image.open(seen) as given:
        assert "code" in json.loads(image.text["ganvas.recipe"])
        assert np.abs(np.asarray(image, int) - np.asarray(given, int)).max() <= 1
    for arguments, sentence in (
        ((handle_file(tmp_path / "flat.png"), "dabbler"), "has no encoder"),
        ((None, "coder"), "there is no picture; choose one first"),
    ):
        with pytest.raises(AppError, match=sentence):
            client.predict(*arguments, api_name="/reconstruct")
    client.close()


MODELS = {
    **dict.fromkeys(("picture", "sample", "compare", "verify"), ("dabbler", "")),
    "stylize": ("tinter", "moss"),
    "translate": ("superreser", "x2"),
    "reconstruct": ("coder", ""),
}


@pytest.mark.parametrize("endpoint", SNIPPETS)
def test_every_program_runs_as_it_stands(zoo, endpoint, photograph, tmp_path):
    (tmp_path / "photograph.jpg").write_bytes(photograph)
    made = post(zoo, "picture", {"model": "dabbler", "pins": [{"seed": 1}]})
    (tmp_path / "picture.png").write_bytes(made)
    model, choice = MODELS[endpoint]
    programs = {
        language: fill_in(text, origin=zoo.url, model=model, choice=choice, other="guided")
        for language, text in SNIPPETS[endpoint].items()
    }
    commands = [[sys.executable, "-c", programs["Python"]]]
    if shutil.which("curl"):
        commands.append(["sh", "-c", programs["curl"]])
    for command in commands:
        told = subprocess.run(command, cwd=tmp_path, check=True, timeout=60, capture_output=True, text=True).stdout
        assert "error" not in told
        assert told or (tmp_path / "picture.png").read_bytes() != made
