"""Sentences of refusals, and what the page makes of them in Chinese."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import demo
from demo.sentences import CHINESE

SOURCES = Path(demo.__file__).parent
UNSEEN = {
    *("__main__", "clips", "jobs", "limits", "openinference", "painting", "stylize", "telemetry", "writing"),  # a shell
    *("card", "wire"),  # programs
}
"""Modules whose refusals are never shown on the page."""
PROGRAMS = (
    "argument {} takes",
    "data must be",
    "event_data must",
    "event_id must",
    "fn_index must",
    "not a protobuf",
    "no graph in it",
    "session_hash must",
    "there is no such e",
    "this event runs",
    "trigger_id must",
    "'{}' takes no value",
    "{} takes {}, of which",
    "the arguments hold",
    "a file must be one",
)
"""How refusals begin that only a program meets which speaks to Gradio, or that are a part of another sentence."""


def plain(node: ast.expr) -> str | None:
    """A literal text with `{}` for each value in it."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(str(part.value) if isinstance(part, ast.Constant) else "{}" for part in node.values)
    return None


def refusals(path: Path) -> Iterator[str]:
    """All sentences of a module's refusals; a function that makes one is followed to what it returns."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    returned = {
        function.name: [plain(node.value) for node in ast.walk(function) if isinstance(node, ast.Return) and node.value]
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            if not (node.func.id.endswith("Error") or node.func.id == "Refusal"):
                continue
            for argument in node.args:
                if isinstance(argument, ast.Call) and isinstance(argument.func, ast.Name):
                    yield from filter(None, returned.get(argument.func.id, []))
                elif sentence := plain(argument):
                    yield sentence


def unnamed(sentence: str) -> str:
    return re.sub(r"\{\w+\}", "{}", sentence)


MODULES = [path for path in sorted(SOURCES.rglob("*.py")) if path.stem not in UNSEEN]
SAID = {sentence for path in MODULES for sentence in refusals(path)}


def test_the_search_finds_sentences():
    assert len(SAID) > 120
    assert "{} is damaged or cut short; get a fresh copy, or open it in an image editor and save it anew" in SAID


def test_every_refusal_of_the_page_has_a_chinese_sentence():
    known = {unnamed(english) for english in CHINESE}
    missing = {said for said in SAID if said not in known and not said.startswith(PROGRAMS) and " " in said}
    assert missing == {"Gradio is not where it was mounted"}  # a fault of ours, for the log


def test_no_chinese_sentence_is_left_over():
    texts = {
        text
        for path in SOURCES.rglob("*.py")
        if path.name != "sentences.py"
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.expr) and (text := plain(node))
    }
    parts = {"{} x {} pixels", "PNG, JPEG or WEBP"}  # made of pieces
    assert {english for english in CHINESE if unnamed(english) not in texts} - {
        english for english in CHINESE if unnamed(english) in parts
    } == set()


@pytest.mark.parametrize("english", CHINESE)
def test_both_sentences_have_the_same_values(english):
    names = re.findall(r"\{(\w+)\}", english)
    assert len(set(names)) == len(names)
    assert sorted(names) == sorted(re.findall(r"\{(\w+)\}", CHINESE[english]))


@pytest.mark.browser
def test_the_page_says_each_sentence_in_chinese(visit):
    page = visit(locale="zh-CN")
    values = {english: {name: f"<{name}>" for name in re.findall(r"\{(\w+)\}", english)} for english in CHINESE}

    def filled(sentence: str, english: str) -> str:
        return re.sub(r"\{(\w+)\}", lambda found: values[english][found[1]], sentence)

    spoken = page.evaluate(
        """async (sentences) => {
          const { told } = await import(new URL("studio/core.js", document.baseURI.split("?")[0]));
          return sentences.map(told);
        }""",
        [filled(english, english) for english in CHINESE],
    )
    assert spoken == [filled(chinese, english) for english, chinese in CHINESE.items()]
    nested = page.evaluate(
        """async (sentence) => {
          const { told } = await import(new URL("studio/core.js", document.baseURI.split("?")[0]));
          return told(sentence);
        }""",
        "the photograph has 9000 x 9000 pixels, more than the 50 megapixels taken here; scale it down first",
    )
    assert nested == "照片有 9000 x 9000 像素，超过此处可接受的 50 百万像素；请先缩小"
