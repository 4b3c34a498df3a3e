"""The generator of abstract art: repeatable, distinguishable, the same composition at every size."""

import numpy as np
import PIL.Image
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.data import SOURCES
from pipeline.data.art import FAMILIES
from pipeline.data.procedural import Procedural, paint
from pipeline.errors import RecipeError
from pipeline.sections import parse_part

families = st.sampled_from(sorted(FAMILIES))


def test_at_least_eight_families():
    assert len(FAMILIES) >= 8


def test_each_family_stands_in_the_file_of_its_name():
    for name, draw in FAMILIES.items():
        assert draw.__module__ == f"pipeline.data.art.{name}"


@settings(max_examples=30, deadline=None)
@given(families, st.integers(0, 2**31), st.integers(0, 10**6), st.sampled_from([8, 17, 32, 64]))
def test_picture_is_a_function_of_its_arguments(family, seed, index, size):
    picture = paint(family, seed=seed, index=index, size=size)
    assert (picture.mode, picture.size) == ("RGB", (size, size))
    assert paint(family, seed=seed, index=index, size=size).tobytes() == picture.tobytes()
    assert paint(family, seed=seed, index=index + 1, size=size).tobytes() != picture.tobytes()
    assert paint(family, seed=seed + 1, index=index, size=size).tobytes() != picture.tobytes()


@pytest.mark.parametrize("family", sorted(FAMILIES))
def test_larger_picture_is_the_same_composition(family):
    for index in range(3):
        small = np.asarray(paint(family, seed=0, index=index, size=32), np.float64)
        large = paint(family, seed=0, index=index, size=96).resize((32, 32), PIL.Image.Resampling.BOX)
        other = np.asarray(paint(family, seed=0, index=index + 50, size=32), np.float64)
        assert np.abs(np.asarray(large) - small).mean() < 0.4 * np.abs(other - small).mean()


def described(family, index):
    """Colours, contrast and edges of a picture: what tells families apart without looking at shapes."""
    levels = np.asarray(paint(family, seed=1, index=index, size=32))
    colours = np.bincount((levels // 64 @ np.array([16, 4, 1])).ravel(), minlength=64) / levels[..., 0].size
    pixels = levels / 255
    edges = [np.abs(np.diff(pixels, axis=axis)).mean() for axis in (0, 1)]
    steps = np.histogram(np.abs(np.diff(pixels.mean(2), axis=1)), bins=[0, 0.01, 0.03, 0.1, 0.3, 1.1], density=False)[0]
    spread = [pixels.mean(1).std(), pixels.mean(0).std(), pixels.std()]
    return np.concatenate([np.sqrt(colours), np.array([*edges, *spread]) * 3, steps / steps.sum()])


def test_families_are_told_apart_by_their_nearest_neighbour():
    known = {family: np.stack([described(family, index) for index in range(30)]) for family in FAMILIES}

    def nearest(seen):
        return min(known, key=lambda family: np.linalg.norm(known[family] - seen, axis=1).min())

    right = [nearest(described(family, index)) == family for family in FAMILIES for index in range(100, 110)]
    assert np.mean(right) > 0.95


def test_every_family_uses_light_and_dark():
    for family in FAMILIES:
        pixels = np.stack([np.asarray(paint(family, seed=2, index=index, size=32)) for index in range(20)])
        assert pixels.std() > 25
        assert 40 < pixels.mean() < 235


def test_pictures_are_shared_out_evenly():
    source = Procedural(count=10, families=("waves", "mondrian", "rosette"), size=8)
    labels = [item.label for item in source.items()]
    assert len(labels) == source.total() == 10
    assert {label: labels.count(label) for label in set(labels)} == {"waves": 4, "mondrian": 3, "rosette": 3}


def test_a_picture_does_not_depend_on_the_other_families():
    alone = [item.load().tobytes() for item in Procedural(count=3, families=("waves",), size=16).items()]
    among = [item.load().tobytes() for item in Procedural(count=30, size=16).items() if item.label == "waves"]
    assert among == alone


@pytest.mark.parametrize(
    ("families", "problem"),
    [(["wave"], "there is no family 'wave', choose from brush_strokes"), (["waves", "waves"], "name each family once")],
)
def test_wrong_family_names_the_choices(families, problem):
    with pytest.raises(RecipeError, match=problem) as caught:
        parse_part(SOURCES, {"name": "procedural", "families": families}, "painter.data")
    assert str(caught.value).startswith("painter.data.families: ")
