"""How to call every endpoint from elsewhere: programs that run as they stand, once their placeholders are filled in.

The placeholders are ORIGIN, the server; MODEL, a model of the endpoint's kind; CHOICE, one of its styles or choices;
OTHER, a second sampling model. `photograph.jpg` and `picture.png` stand for files of the caller's own.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from demo.masks import DEFAULT_FEATHER
from demo.stylization import DEFAULT_SIZE
from demo.translation import DEFAULT_SIZE as DEFAULT_TRANSLATED

CURL = """curl -o picture.png -H 'content-type: application/json' \\
  -d '{"model": "MODEL", "pins": [{"seed": 7}], "enlarge": 4}' \\
  ORIGIN/studio/picture
"""

PYTHON = """import json
import urllib.request

place = {"model": "MODEL", "pins": [{"seed": 7}, {"seed": 8}], "x": 0.5}
with urllib.request.urlopen("ORIGIN/studio/picture", json.dumps(place).encode()) as answer:
    picture = answer.read()
with open("picture.png", "wb") as file:
    file.write(picture)
"""

JAVASCRIPT = """const answer = await fetch("ORIGIN/studio/picture", {
  method: "POST",
  headers: { "content-type": "application/json" },
  body: JSON.stringify({ model: "MODEL", pins: [{ seed: 7 }], truncation: 0.8 }),
});
if (!answer.ok) throw new Error((await answer.json()).error);
const picture = await answer.blob();
"""

_COMPARE_CURL = """curl -H 'content-type: application/json' \\
  -d '{"models": ["MODEL", "OTHER"], "seed": 1, "count": 2}' \\
  ORIGIN/studio/compare
"""

_COMPARE_PYTHON = """import json
import urllib.request

asked = {"models": ["MODEL", "OTHER"], "seed": 1, "count": 2}
with urllib.request.urlopen("ORIGIN/studio/compare", json.dumps(asked).encode()) as answer:
    for side in json.load(answer)["sides"]:
        print(side["name"], side["kilobytes"], "kB", side["milliseconds"], "ms")
"""

_COMPARE_JAVASCRIPT = """const answer = await fetch("ORIGIN/studio/compare", {
  method: "POST",
  headers: { "content-type": "application/json" },
  body: JSON.stringify({ models: ["MODEL", "OTHER"], seed: 1, count: 2 }),
});
if (!answer.ok) throw new Error((await answer.json()).error);
const { sides } = await answer.json();
"""

_VERIFY_CURL = "curl --data-binary @picture.png ORIGIN/studio/verify\n"

_VERIFY_PYTHON = """import json
import urllib.request

with open("picture.png", "rb") as file:
    content = file.read()
with urllib.request.urlopen("ORIGIN/studio/verify", content) as answer:
    print(json.load(answer)["verdict"])
"""

_VERIFY_JAVASCRIPT = """// `file` is a File, for example from an <input type="file">.
const answer = await fetch("ORIGIN/studio/verify", { method: "POST", body: file });
if (!answer.ok) throw new Error((await answer.json()).error);
const { verdict } = await answer.json();
"""


@dataclass(frozen=True, slots=True)
class _Queued:
    """A named endpoint of the queue: a file that it takes first, if any, and its other arguments in their order.

    `spoken` are the arguments that a Python program says by name; the others have defaults.
    """

    name: str
    file: str
    arguments: Mapping[str, Any]
    spoken: tuple[str, ...]

    def programs(self) -> dict[str, str]:
        return {"curl": self._curl(), "Python": self._python(), "JavaScript": self._javascript()}

    def _curl(self) -> str:
        path, data = f"ORIGIN/gradio_api/call/{self.name}", json.dumps(list(self.arguments.values()))[1:-1]
        upload = (
            f"""FILE=$(curl -s -F files=@{self.file} ORIGIN/gradio_api/upload | tr -d '[]"')\n""" if self.file else ""
        )
        given = """{"path": "'"$FILE"'", "meta": {"_type": "gradio.FileData"}}, """ if self.file else ""
        return (
            f"{upload}EVENT=$(curl -s -H 'content-type: application/json' \\\n  -d '{{\"data\": [{given}{data}]}}' \\\n"
            f"  {path} | cut -d'\"' -f4)\ncurl -sN {path}/$EVENT\n"
        )

    def _python(self) -> str:
        given = [f'    handle_file("{self.file}"),'] if self.file else []
        said = [f"    {name}={self.arguments[name]!r},".replace("'", '"') for name in self.spoken]
        imported = "Client, handle_file" if self.file else "Client"
        lines = [
            f"from gradio_client import {imported}",
            "",
            'client = Client("ORIGIN")',
            "result = client.predict(",
            *given,
            *said,
            f'    api_name="/{self.name}",',
            ")",
            "print(result)",
        ]
        return "\n".join(lines) + "\n"

    def _javascript(self) -> str:
        data = json.dumps(list(self.arguments.values()))[1:-1]
        upload = [
            '// `file` is a File, for example from an <input type="file">.',
            "const form = new FormData();",
            'form.append("files", file);',
            'const [path] = await (await fetch("ORIGIN/gradio_api/upload", { method: "POST", body: form })).json();',
        ]
        given = '{ path, meta: { _type: "gradio.FileData" } }, ' if self.file else ""
        lines = [
            *(upload if self.file else []),
            f'const asked = await fetch("ORIGIN/gradio_api/call/{self.name}", {{',
            '  method: "POST",',
            '  headers: { "content-type": "application/json" },',
            f"  body: JSON.stringify({{ data: [{given}{data}] }}),",
            "});",
            "const { event_id } = await asked.json();",
            f"const told = await (await fetch(`ORIGIN/gradio_api/call/{self.name}/${{event_id}}`)).text();",
            'const result = JSON.parse(told.split("event: complete\\ndata: ")[1]);',
        ]
        return "\n".join(lines) + "\n"


_QUEUED = (
    _Queued(
        "sample",
        "",
        {"model": "MODEL", "class_name": "any", "seed": 7, "count": 4, "truncation": 1, "enlarge": 1},
        ("model", "seed", "count"),
    ),
    _Queued(
        "stylize",
        "photograph.jpg",
        {
            "model": "MODEL",
            "style": "CHOICE",
            "strength": 1,
            "variation": 0,
            "size": DEFAULT_SIZE,
            "mixture": "",
            "style_picture": None,
            "refine": 0,
            "colours": 0,
            "mask": None,
            "feather": DEFAULT_FEATHER,
        },
        ("model", "style", "strength"),
    ),
    _Queued(
        "translate",
        "photograph.jpg",
        {"model": "MODEL", "choice": "CHOICE", "mask": None, "hints": [], "size": DEFAULT_TRANSLATED},
        ("model", "choice"),
    ),
    _Queued("reconstruct", "photograph.jpg", {"model": "MODEL"}, ("model",)),
)

SNIPPETS: dict[str, dict[str, str]] = {
    "picture": {"curl": CURL, "Python": PYTHON, "JavaScript": JAVASCRIPT},
    **{endpoint.name: endpoint.programs() for endpoint in _QUEUED},
    "compare": {"curl": _COMPARE_CURL, "Python": _COMPARE_PYTHON, "JavaScript": _COMPARE_JAVASCRIPT},
    "verify": {"curl": _VERIFY_CURL, "Python": _VERIFY_PYTHON, "JavaScript": _VERIFY_JAVASCRIPT},
}
"""Programs by endpoint and language."""


def fill_in(snippet: str, *, origin: str, model: str, choice: str = "", other: str = "") -> str:
    """Return a snippet for the server at `origin`, such as `http://127.0.0.1:7860`, with its placeholders filled in."""
    words = {"ORIGIN": origin, "MODEL": model, "CHOICE": choice, "OTHER": other or model}
    for placeholder, word in words.items():
        snippet = snippet.replace(placeholder, word)
    return snippet
