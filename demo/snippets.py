"""How to ask for a picture from elsewhere: programs that run as they stand, once ORIGIN and MODEL are filled in."""

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

SNIPPETS = {"curl": CURL, "Python": PYTHON, "JavaScript": JAVASCRIPT}


def fill_in(snippet: str, *, origin: str, model: str) -> str:
    """Return a snippet for the server at `origin`, such as `http://127.0.0.1:7860`, and one of its sampling models."""
    return snippet.replace("ORIGIN", origin).replace("MODEL", model)
