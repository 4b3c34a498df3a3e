import io
import json
import re
import urllib.request
import zipfile
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from tiny_models import FAMILIES, STYLES

from demo.borrowed import TEXTS as BORROWED
from demo.catalog import STARTER
from demo.engine import Model
from demo.frame import TEXTS
from demo.modelfile import ModelFile
from demo.names import TEXTS as NAMES
from demo.sampling import SampleRequest, draw_samples
from demo.tab import LANGUAGES
from demo.tabs import TABS
from demo.theme import ASSETS

PHOTOGRAPH = Path(__file__).parents[2] / "demo" / "assets" / "photographs" / "cat.jpg"
SHIPPED = {path.parent.name: ModelFile.read(path).card.task for path in sorted(STARTER.glob("*/model.onnx"))}
SAMPLERS = [name for name, task in SHIPPED.items() if task == "sample"]


@pytest.fixture(scope="session")
def client(server, tmp_path_factory):
    client = Client(server.url, verbose=False, download_files=str(tmp_path_factory.mktemp("downloads")))
    yield client
    client.close()


@pytest.fixture
def upload(tmp_path, photograph):
    path = tmp_path / "photograph.jpg"
    path.write_bytes(photograph)
    return path


def test_health_tells_status_provider_and_every_model(server):
    health = server.health()
    assert health["status"] == "ok"
    assert health["provider"] == Model.open(server.models / "dabbler" / "model.onnx").provider
    models = {model["name"]: model for model in health["models"]}
    assert [(name, model["state"], model["task"]) for name, model in models.items()] == [
        ("dabbler", "ready", "sample"),
        ("guided", "ready", "sample"),
        ("tinter", "ready", "stylize"),
        ("torn", "broken", None),
        ("unfinished", "broken", None),
        *((name, "ready", task) for name, task in SHIPPED.items()),
    ]
    assert models["dabbler"]["choices"] == list(FAMILIES)
    assert models["dabbler"]["sha256"] == Model.open(server.models / "dabbler" / "model.onnx").sha256
    assert "damaged" in models["torn"]["problem"]


@pytest.mark.parametrize("path", ["/", "/healthz", "/config", "/nothing-here"])
def test_security_headers_are_everywhere(server, path):
    try:
        answer = urllib.request.urlopen(server.url + path, timeout=20)
    except urllib.error.HTTPError as error:
        answer = error
    with answer:
        assert "default-src 'self'" in answer.headers["content-security-policy"]
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"


def test_no_schema_pages_that_load_from_elsewhere(server):
    for path in ("/docs", "/redoc"):
        with pytest.raises(urllib.error.HTTPError, match="404"):
            urllib.request.urlopen(server.url + path, timeout=20)


def test_endpoints_are_named_and_documented(client):
    endpoints = client.view_api(return_format="dict")["named_endpoints"]
    assert sorted(endpoints) == ["/reconstruct", "/sample", "/stylize", "/translate"]
    names = {key: [entry["parameter_name"] for entry in value["parameters"]] for key, value in endpoints.items()}
    assert names == {
        "/sample": ["model", "class_name", "seed", "count", "truncation", "enlarge"],
        "/stylize": [
            *("photograph", "model", "style", "strength", "variation", "size"),
            *("mixture", "style_picture", "refine", "colours", "mask", "feather"),
        ],
        "/reconstruct": ["picture", "model"],
        "/translate": ["picture", "model", "choice", "mask", "hints", "size"],
    }
    assert "truncation: 0 to 1.5" in endpoints["/sample"]["description"]


def test_sample_gives_the_engines_pictures(client, server):
    gallery, packed = client.predict(
        model="dabbler", class_name="waves", seed=5, count=2, truncation=0.7, api_name="/sample"
    )
    model = Model.open(server.models / "dabbler" / "model.onnx")
    request = SampleRequest.parse(model, choice="waves", seed=5, count=2, truncation=0.7, enlarge=1)
    expected = draw_samples(model, request)
    assert [entry["caption"] for entry in gallery] == ["5 · waves", "6 · waves"]
    for entry, sample in zip(gallery, expected, strict=True):
        assert Path(entry["image"]).read_bytes() == sample.to_png()
    with zipfile.ZipFile(packed) as archive:
        assert sorted(archive.namelist()) == ["dabbler-5.png", "dabbler-6.png", "manifest.json"]
        assert json.loads(archive.read("manifest.json"))["pictures"][1]["seed"] == 6


def test_sample_has_defaults(client):
    gallery, _ = client.predict(model="dabbler", api_name="/sample")
    assert [entry["caption"] for entry in gallery] == ["1 · lines", "2 · waves", "3 · dots", "4 · lines"]


def test_stylize_gives_a_png_of_the_photographs_size(client, upload):
    result = client.predict(handle_file(upload), "tinter", "moss", strength=1, api_name="/stylize")
    with PIL.Image.open(result) as image:
        assert (image.format, image.size) == ("PNG", (100, 75))
        assert json.loads(image.text["ganvas.recipe"])["styles"] == {"moss": 1}
        assert len(np.unique(np.asarray(image).reshape(-1, 3), axis=0)) == 1


def test_stylize_takes_mixtures_style_pictures_and_masks(client, upload, tmp_path):
    PIL.Image.new("L", (100, 75), 0).save(tmp_path / "mask.png")
    PIL.Image.fromarray(np.tile(np.uint8([[[255, 0, 0], [0, 0, 255]]]), (40, 20, 1))).save(tmp_path / "style.png")
    result = client.predict(
        handle_file(upload),
        "tinter",
        mixture='{"moss": 1, "picture": 3}',
        style_picture=handle_file(tmp_path / "style.png"),
        refine=2,
        colours=0.5,
        mask=handle_file(tmp_path / "mask.png"),
        feather=0,
        api_name="/stylize",
    )
    with PIL.Image.open(result) as image, PIL.Image.open(upload) as photograph:
        assert np.array_equal(image, photograph)
        recipe = json.loads(image.text["ganvas.recipe"])
    assert recipe["styles"] == {"moss": 0.25, "picture": 0.75}
    assert recipe["uploaded"]["picture"]["refined"] == 2
    assert recipe["colours"] == 0.5


def test_stylize_at_strength_zero_is_the_photograph(client, upload):
    result = client.predict(handle_file(upload), "tinter", "rust", strength=0, api_name="/stylize")
    with PIL.Image.open(result) as image, PIL.Image.open(upload) as photograph:
        assert np.array_equal(image, photograph)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"model": "torn"}, "damaged or cut short; make it anew with `python -m pipeline export torn`"),
        ({"model": "unfinished"}, "does not exist; make it with `make repro`"),
        (
            {"model": "tinter"},
            f"there is no model 'tinter' for this; choose from: {', '.join(['dabbler', 'guided', *SAMPLERS])}",
        ),
        ({"model": "../../etc"}, "there is no model '../../etc'"),
        ({"model": "dabbler", "class_name": "cats"}, "class_name must be one of any, dots, lines, waves"),
        ({"model": "dabbler", "seed": 1e308}, "seed must lie between"),
        ({"model": "dabbler", "count": 99999}, "count must lie between 1 and 16"),
        ({"model": "dabbler", "truncation": "high"}, "truncation must be a number"),
    ],
)
def test_sample_refuses_with_one_sentence(client, arguments, sentence):
    with pytest.raises(AppError, match=re.escape(sentence)):
        client.predict(**arguments, api_name="/sample")


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"GIF89a and more", "not a readable PNG, JPEG or WEBP picture"),
        (b"\xff\xd8\xff\xe0 cut", "the photograph is damaged or cut short"),
        (b"", "the photograph is empty"),
    ],
)
def test_stylize_refuses_bad_pictures_with_one_sentence(client, tmp_path, content, sentence):
    path = tmp_path / "bad.jpg"
    path.write_bytes(content)
    with pytest.raises(AppError, match=sentence):
        client.predict(handle_file(path), "tinter", "moss", api_name="/stylize")


def test_stylize_refuses_bad_arguments(client, upload):
    for change, sentence in (
        ({"style": "lava"}, "style must be one of rust, moss"),
        ({"strength": 2}, "strength must lie between 0 and 1"),
        ({"mixture": '{"moss": 1}'}, "give either a style or a mixture of styles, not both"),
        ({"style": "", "mixture": '{"moss": -1}'}, "the weight of 'moss' must be a number from 0 up, not -1"),
        ({"style": "", "mixture": '{"moss": 0}'}, "the weights of the mixture sum to zero"),
        ({"style": "", "mixture": "moss"}, "mixture must be JSON like"),
        ({"style_picture": handle_file(upload)}, "give either a style or a style picture"),
        ({"style": "", "style_picture": handle_file(upload), "refine": 9999}, "refine must lie between 0 and 8"),
        ({"mask": handle_file(PHOTOGRAPH)}, "draw a mask as large as its photograph"),
        ({"size": 10**9}, "size must lie between 128 and 8192"),
    ):
        arguments = {"photograph": handle_file(upload), "model": "tinter", "style": STYLES[0]} | change
        with pytest.raises(AppError, match=sentence):
            client.predict(**arguments, api_name="/stylize")
    with pytest.raises(AppError, match="choose a photograph first"):
        client.predict(None, "tinter", "moss", api_name="/stylize")


def test_files_of_the_server_cannot_be_named(server, upload):
    stolen = {"path": str(upload), "meta": {"_type": "gradio.FileData"}}
    rest = ["tinter", "moss", 0, 0, 1024, "", None, 0, 0, None, 0]
    payload = json.dumps({"data": [stolen, *rest]}).encode()
    request = urllib.request.Request(
        f"{server.url}/gradio_api/call/stylize", payload, {"content-type": "application/json"}
    )
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request, timeout=20)
    assert refused.value.code == 400
    assert "a file must be one that was uploaded here" in json.load(refused.value)["error"]


def test_favicon_is_our_own(server):
    with urllib.request.urlopen(f"{server.url}/favicon.ico", timeout=20) as answer:
        assert answer.headers["content-type"].startswith("image/svg+xml")
        assert b"#cf5232" in io.BytesIO(answer.read()).getvalue()


def test_every_text_is_there_in_every_language():
    for texts in (*texts_by_tab().values(), NAMES, BORROWED):
        assert tuple(texts) == LANGUAGES
        assert len({frozenset(translated) for translated in texts.values()}) == 1
        assert all(text.strip() for translated in texts.values() for text in translated.values())


def test_words_of_gradio_are_found_again_by_what_they_say():
    assert all(len(set(words.values())) == len(words) for words in BORROWED.values())


def test_classes_and_styles_of_what_ships_have_names_in_every_language():
    choices = {choice.name for path in STARTER.glob("*/model.onnx") for choice in ModelFile.read(path).card.choices}
    assert choices <= set(NAMES["en"])


def texts_by_tab():
    return {"page": TEXTS, **{key: tab.texts for key, tab in TABS.items()}}


def test_every_text_that_is_asked_for_exists_and_every_other_is_gone():
    root = Path(__file__).parents[2] / "demo"
    scripts = "".join(path.read_text(encoding="utf-8") for path in sorted((root / "assets").rglob("*.js")))
    app = (root / "app.py").read_text(encoding="utf-8")
    scripts += " ".join(
        f'"{key}"'
        for path in sorted(root.rglob("*.py"))
        for key in re.findall(r'data-say(?:-\w+)?="(\w+)"', path.read_text(encoding="utf-8"))
    )
    for key, texts in texts_by_tab().items():
        source = (root / ("frame.py" if key == "page" else f"tabs/{key}.py")).read_text(encoding="utf-8") + app
        asked = set(
            re.findall(r'\b(?:say|_both)\("(\w+)"\)' if key != "page" else r'_say\("page"\)\("(\w+)"\)', source)
        )
        asked |= set(re.findall(rf'\b{key}_(\w+?)(?=["`:])', scripts)) - {"title"}
        built = set(re.findall(rf"\b{key}_(\w+)(?=\$\{{)", scripts)) | {name for name in asked if name.endswith("_")}
        known = set(texts["en"]) - {"title", "tour"}
        assert asked - built <= known
        by_rule = {name for name in known if name.startswith(tuple(built))} if built else set()
        assert known - by_rule == asked - built - by_rule


def test_every_tab_is_its_file():
    folder = Path(__file__).parents[2] / "demo" / "tabs"
    assert {path.stem for path in folder.glob("*.py")} - {"__init__", "tab"} == set(TABS)


def test_rules_for_the_night_reach_all_that_they_name():
    """Of a list of selectors that all begin with `.dark` Gradio makes the first alone strong enough."""
    for path in sorted(ASSETS.glob("*.css")):
        rules = re.sub(r"/\*.*?\*/", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
        found = [names.strip() for names in re.findall(r"[^{};]+(?=\{)", rules) if names.count(".dark") > 1]
        assert found == [], path.name
