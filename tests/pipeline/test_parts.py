import re

import pytest
from commands import call
from pydantic import BaseModel

from pipeline import parts
from pipeline.parts import KINDS
from pipeline.recipe import SECTIONS

CLASSES = {
    f"{kind} {name}".strip(): model
    for kind, found in KINDS.items()
    for name, model in ([("", found)] if isinstance(found, type) else found.items())
}


def test_without_a_kind_every_part_and_section_is_listed(capfd: pytest.CaptureFixture[str]) -> None:
    answer = call(capfd, "parts")
    lines = [line.split("\t") for line in answer.stdout.splitlines()]
    assert (answer.returncode, answer.stderr) == (0, "")
    assert {f"{kind} {name}".strip() for kind, name, _ in lines} == set(CLASSES)
    assert all(sentence.endswith(".") for _, _, sentence in lines)
    assert set(SECTIONS) <= set(KINDS)


def test_one_kind_is_listed_alone(capfd: pytest.CaptureFixture[str]) -> None:
    lines = call(capfd, "parts", "loss").stdout.splitlines()
    assert [line.split("\t")[1] for line in lines] == sorted(KINDS["loss"])


def test_a_part_is_told_with_types_defaults_ranges_and_words(capfd: pytest.CaptureFixture[str]) -> None:
    told = call(capfd, "parts", "objective", "adversarial").stdout
    assert "`critic_steps` steps of the discriminator" in told
    rows = {line.split("\t")[0]: line.split("\t")[1:] for line in told.splitlines() if "\t" in line}
    assert rows["critic_steps"] == ["whole number (at least 1)", "1"]
    assert rows["r1"] == ['number (at least 0) or Ramp or "auto"', "0.0"]
    assert rows["cutout"][:2] == ["number (at least 0, below 1)", "0.5"]  # of the section augment
    assert rows["since"][:2] == ["number (at least 0, at most 1)", "0.0"]  # of a ramp
    assert "name" not in rows


def test_a_section_is_told_with_the_sections_inside(capfd: pytest.CaptureFixture[str]) -> None:
    told = call(capfd, "parts", "train").stdout
    assert "budget\tBudget\tneeded" in told
    assert "\nBudget: How long a training is" in told
    assert "minutes\tnumber (above 0) or null\tnull\t" in told


def test_places_of_other_parts_lead_to_them(capfd: pytest.CaptureFixture[str]) -> None:
    assert "translation\ta part of network.translation\tneeded" in call(capfd, "parts", "network", "unet").stdout
    assert "contents\ta part of data\tneeded" in call(capfd, "parts", "data", "contents_and_styles").stdout
    assert "features\tlist of a part of objective.features (at least 1 of them)" in (
        call(capfd, "parts", "objective", "stylization").stdout
    )


@pytest.mark.parametrize("place", CLASSES)
def test_every_setting_is_explained(place: str, capfd: pytest.CaptureFixture[str]) -> None:
    """By its own words, or in those of its class or section, for a weight under the name of its term."""
    told = call(capfd, "parts", *place.split()).stdout
    said = " ".join(base.__doc__ or "" for base in CLASSES[place].__mro__ if issubclass(base, BaseModel))
    said += " ".join(line for line in told.splitlines() if "\t" not in line)
    untold = [
        key
        for key, *_, words in (line.split("\t") + [""] * (4 - line.count("\t") - 1) for line in told.splitlines())
        if f"{key}\t" in told and not words and not re.search(rf"\b{key.removesuffix('_weight')}", said)
    ]
    assert untold == []


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("netwrok",), "parts: there is no kind 'netwrok'; did you mean 'network'? choose from data, network"),
        (("network", "dcgn"), "parts network: there is no 'dcgn'; did you mean 'dcgan'? choose from dcgan, draw"),
        (("train", "budget"), "parts train: there are no parts to choose 'budget' from; leave it out"),
    ],
)
def test_what_there_is_not_is_one_sentence(
    arguments: tuple[str, ...], sentence: str, capfd: pytest.CaptureFixture[str]
) -> None:
    answer = call(capfd, "parts", *arguments)
    assert (answer.returncode, answer.stdout) == (1, "")
    assert answer.stderr.startswith(sentence)
    assert len(answer.stderr.splitlines()) == 1


def test_a_terminal_gets_a_table(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "200")
    parts.parts("train", None)
    told = capsys.readouterr().out
    assert "setting" in told
    assert "[number (at least 0, below 1), " in told  # brackets are no markup
