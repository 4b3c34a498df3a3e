"""Sources made of other sources: joined ones, crops of their pictures, and a choice of a folder's."""

import numpy as np
import PIL.Image
import pytest

from pipeline.contracts import Source
from pipeline.data import SOURCES
from pipeline.data.crops import Crops
from pipeline.data.decoding import decode
from pipeline.data.folder import Folder
from pipeline.data.joined import Joined
from pipeline.data.packing import pack
from pipeline.data.procedural import Procedural
from pipeline.errors import DataError, RecipeError
from pipeline.sections import parse_part


@pytest.fixture
def pictures(tmp_path):
    """Two classes with one picture each: a ramp from left to right of 100 x 60 px, and a blue one."""
    ramp = np.tile(np.arange(100, dtype=np.uint8)[None, :, None] * 2, (60, 1, 3))
    for name, picture in (
        ("ramps/a.png", PIL.Image.fromarray(ramp)),
        ("blues/b.png", PIL.Image.new("RGB", (50, 80), "blue")),
    ):
        (tmp_path / "all" / name).parent.mkdir(parents=True)
        picture.save(tmp_path / "all" / name)
    return tmp_path / "all"


def test_joined_sources_follow_one_another(pictures):
    source = parse_part(
        SOURCES,
        {
            "name": "joined",
            "size": 16,
            "sources": [
                {"name": "procedural", "count": 2, "families": ["waves"]},
                {"name": "folder", "path": str(pictures)},
            ],
        },
        "data",
    )
    assert isinstance(source, Source)
    assert source.total() == 4
    found = list(decode(source))
    assert [picture.label for picture in found] == ["waves", "waves", "blues", "ramps"]
    assert {picture.pixels.shape for picture in found} == {(3, 16, 16)}


def test_a_wrong_key_of_a_joined_source_is_named():
    with pytest.raises(RecipeError, match=r"data.sources.cuont: unknown key; did you mean 'count'"):
        parse_part(SOURCES, {"name": "joined", "sources": [{"name": "procedural", "cuont": 2}]}, "data")
    with pytest.raises(RecipeError, match=r"data.sources"):
        parse_part(SOURCES, {"name": "joined", "sources": []}, "data")


def test_crops_from_large_to_small_are_refused():
    with pytest.raises(ValueError, match="smallest must not be above largest"):
        Crops(of=Procedural(), smallest=0.9, largest=0.2)


def test_crops_are_squares_of_the_asked_sides_inside_of_the_margin(pictures):
    source = Crops(of=Folder(path=str(pictures)), count=40, smallest=0.25, largest=0.5, margin=0.1, size=8)
    assert source.total() == 80
    items = [item for item in source.items() if item.label == "ramps"]
    crops = [np.asarray(item.load()) for item in items]
    sides = {crop.shape[0] for crop in crops}
    assert all(crop.shape[0] == crop.shape[1] for crop in crops)
    assert min(sides) >= 12
    assert max(sides) <= 24
    assert len(sides) > 5
    columns = np.concatenate([crop[0, :, 0] // 2 for crop in crops])
    assert columns.min() >= 6
    assert columns.max() < 94
    assert [np.asarray(item.load()).tobytes() for item in items] == [crop.tobytes() for crop in crops]
    assert len({item.origin for item in items}) == 40


def test_crops_of_crops_and_the_whole_picture_are_of_one_family(pictures, tmp_path):
    whole = Folder(path=str(pictures))
    crops = Crops(of=Crops(of=whole, count=2), count=3)
    assert [item.parent for item in crops.items()] == ["blues/b.png"] * 6 + ["ramps/a.png"] * 6
    others = Procedural(count=2, families=("waves",))
    for second, parents in ((crops, ["", "ramps/a.png", *["ramps/a.png"] * 6]), (others, ["", "", "", ""])):
        joined = Joined(sources=(whole, second), size=8)
        # The crops of the blue picture are all its duplicates, which leaves it alone.
        assert pack(decode(joined), tmp_path / "images.npy", channels=3, size=8).parents == parents


def test_crops_tell_their_source_how_large_its_pictures_must_stay():
    source = Crops(of=Procedural(count=1, families=("waves",)), count=1, smallest=0.5, largest=0.5, size=32)
    assert next(source.items()).load().size == (32, 32)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_a_selection_names_pictures_and_their_classes(pictures, tmp_path, encoding):
    selection = tmp_path / "chosen.csv"
    selection.write_text("picture,class\nramps/a.png,grey\n", encoding=encoding)
    source = Folder(path=str(pictures), selection=str(selection))
    assert [(item.origin, item.label) for item in source.items()] == [("ramps/a.png", "grey")]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("picture,class\nramps/z.png,grey\n", r"names ramps/z.png, which .* does not hold"),
        ("picture,class\n", r"names no pictures"),
        ("file;kind\n", r"names no pictures"),
        ("picture,class\nramps/a.png\n", r"names no class for ramps/a.png"),
        ("file,kind\na,b\n", r"is no CSV file with the columns picture and class"),
        (None, r"is no CSV file with the columns picture and class"),
    ],
)
def test_a_selection_that_does_not_fit_is_refused(pictures, tmp_path, text, sentence):
    selection = tmp_path / "chosen.csv"
    if text is not None:
        selection.write_text(text)
    with pytest.raises(DataError, match=sentence):
        Folder(path=str(pictures), selection=str(selection)).total()
