import json
import os
import re
import signal
import subprocess
import sys
from fractions import Fraction
from pathlib import Path
from xml.sax.saxutils import unescape

import av
import numpy as np
import PIL.Image
import pytest
from tiny_models import TINTS, stylizer_proto
from tiny_stylizers import encoder_proto

from demo.clips import Clip, Frame, is_clip, open_clip, write_clip
from demo.engine import draw_noise
from demo.provenance import SOURCE_TYPE
from demo.stylize import main


@pytest.fixture
def here(save, tmp_path, monkeypatch):
    """A working folder with a model, a photograph `a.png` and a style picture `s.png`."""
    path = save(stylizer_proto(), {"encoder": encoder_proto()})
    (tmp_path / "models").mkdir()
    path.parent.rename(tmp_path / "models" / "tinter")
    monkeypatch.chdir(tmp_path)
    PIL.Image.fromarray(ramp(40, 61)).save("a.png")
    PIL.Image.fromarray(np.tile(np.uint8([[[200, 60, 90], [60, 90, 180]]]), (40, 20, 1))).save("s.png")
    return tmp_path


@pytest.fixture
def run(here, monkeypatch, capsys):
    """Run the command in this process; return its exit code, its output and its errors."""

    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["stylize", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        return ended.value.code, *capsys.readouterr()

    return call


def ramp(height, width):
    return np.linspace(0, 200, height * width * 3).reshape(height, width, 3).astype(np.uint8)


def tinted(code):
    return (np.tanh(code) + 1) * 127.5


def make_clip(path, size=(64, 48), count=6, rate=8):
    frames = [
        Frame(PIL.Image.new("RGB", size, (30 * place, 90, 200)), Fraction(place, rate), Fraction(1, rate))
        for place in range(count)
    ]
    write_clip(path, iter(frames), source=Clip(path.with_suffix(".gif"), iter(()), count, Fraction(rate)), comment="")
    return path


def sing(container, track):
    frame = av.AudioFrame.from_ndarray(
        np.sin(np.arange(6000) / 3).astype(np.float32)[None], format="fltp", layout="mono"
    )
    frame.sample_rate = 8000
    container.mux(track.encode(frame))
    container.mux(track.encode())


def read_clip(path):
    with open_clip(path) as clip:
        return list(clip.frames)


def test_a_picture_is_painted_at_its_own_size(run):
    assert run("a.png", "out/b.png", "--style", "moss") == (0, "Painted 1 of 1 into out/b.png\n", "")
    with PIL.Image.open("out/b.png") as image:
        assert image.size == (61, 40)
        np.testing.assert_allclose(np.asarray(image)[3, 3], tinted(TINTS[1]), atol=0.51)
        assert json.loads(image.text["ganvas.recipe"])["styles"] == {"moss": 1}


def test_what_was_transparent_stays_so(run):
    layer = PIL.Image.fromarray(ramp(40, 61))
    layer.putalpha(PIL.Image.linear_gradient("L").resize((61, 40)))
    for name in ("c.png", "c.webp"):
        layer.save(name, lossless=True)
        assert run(name, "d.png", "--style", "moss")[0] == 0
        with PIL.Image.open("d.png") as image:
            assert np.array_equal(image.getchannel("A"), layer.getchannel("A"))


def test_options_reach_the_painting(run):
    PIL.Image.fromarray((ramp(40, 61) > 100).any(axis=2)).save("m.png")
    options = ("--variation", 3, "--strength", 0.5, "--mask", "m.png", "--feather", 0, "--colours", 0.5)
    code, _, _ = run("a.png", "b.png", "--style", "rust=3", "--style", "moss=1", *options)
    assert code == 0
    with PIL.Image.open("b.png") as image:
        recipe = json.loads(image.text["ganvas.recipe"])
        assert np.array_equal(np.asarray(image)[0], ramp(40, 61)[0])
        assert not np.array_equal(image, ramp(40, 61))
    assert recipe["styles"] == {"rust": 0.75, "moss": 0.25}
    assert (recipe["variation"], recipe["strength"], recipe["colours"], recipe["mask"]["feather"]) == (3, 0.5, 0.5, 0)


def test_a_picture_file_is_a_style_and_may_be_refined(run):
    assert run("a.png", "b.png", "--style", "s.png")[0] == 0
    assert run("a.png", "c.png", "--style", "s.png", "--refine", 3)[0] == 0
    mean = np.array([130, 75, 135])
    with PIL.Image.open("b.png") as plain, PIL.Image.open("c.png") as refined:
        np.testing.assert_allclose(np.asarray(plain)[0, 0], tinted(mean / 127.5 - 1), atol=0.6)
        np.testing.assert_allclose(np.asarray(refined)[0, 0], mean, atol=1.5)
        assert json.loads(refined.text["ganvas.recipe"])["uploaded"]["s.png"]["refined"] == 3


def test_a_folder_goes_on_past_what_cannot_be_read(run, here):
    inside = here / "in" / "deeper"
    inside.mkdir(parents=True)
    for name in ("in/a.png", "in/deeper/b.jpg", "in/deeper/c.bmp"):
        PIL.Image.fromarray(ramp(40, 61)).save(name)
    make_clip(here / "in" / "move.gif")
    (here / "in" / "bad.png").write_bytes(b"no picture")
    (here / "in" / "notes.txt").write_text("left alone")
    (here / "in" / ".hidden.png").write_bytes(b"")
    code, told, errors = run("in", "out", "--style", "moss")
    assert code == 1
    assert told == "Painted 4 of 5 into out\n"
    assert "error: bad.png: the photograph is not a readable" in errors
    assert "5 of 5: move.gif" in errors
    written = sorted(str(path.relative_to(here / "out")) for path in (here / "out").rglob("*") if path.is_file())
    assert written == ["a.png", "deeper/b.png", "deeper/c.png", "move.gif"]


@pytest.mark.parametrize(
    ("source", "target"),
    [("v.mp4", "w.mp4"), ("v.mkv", "w.mov"), ("v.gif", "w.mp4"), ("v.gif", "w.gif"), ("v.webp", "w.webp")],
)
def test_moving_pictures_keep_their_times_and_get_one_noise(run, here, source, target):
    make_clip(here / source, size=(64, 49))
    options = ("--style", "moss", "--variation", 7, "--strength", 0.5)
    assert run(source, target, *options) == (0, f"Painted 1 of 1 into {target}\n", "")
    before, after = read_clip(here / source), read_clip(here / target)
    assert len(after) == 6
    assert [frame.start for frame in after] == [frame.start for frame in before]
    tint = tinted(TINTS[1] + draw_noise([7], 3)[0])
    for photograph, painted in zip(before, after, strict=True):
        expected = (np.asarray(photograph.image)[10, 10] + tint) / 2
        np.testing.assert_allclose(np.asarray(painted.image)[10, 10], expected, atol=6)


def test_a_video_keeps_its_sound(run, here):
    silent = make_clip(here / "silent.mp4")
    with av.open(here / "v.mp4", "w") as target, av.open(silent) as source:
        picture = target.add_stream_from_template(source.streams.video[0])
        sound = target.add_stream("aac", rate=8000)
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = picture
                target.mux(packet)
        sing(target, sound)
    assert run("v.mp4", "w.mkv", "--style", "moss")[0] == 0
    heard = []
    for name in ("v.mp4", "w.mkv"):
        with av.open(here / name) as container:
            heard.append([bytes(packet) for packet in container.demux(audio=0) if packet.dts is not None])
    assert heard[0] == heard[1] != []


def told_by(path: Path) -> str:
    """Return what a film says of itself, as its kind says it."""
    if path.suffix == ".mp4":
        with av.open(path) as container:
            return container.metadata["comment"]
    with PIL.Image.open(path) as image:
        return image.info["comment"].decode() if path.suffix == ".gif" else unescape(image.info["xmp"].decode())


@pytest.mark.parametrize("suffix", [".mp4", ".gif", ".webp"])
def test_a_film_carries_its_recipe_and_says_that_it_was_generated(run, here, suffix):
    make_clip((here / "v").with_suffix(suffix))
    assert run(f"v{suffix}", f"w{suffix}", "--style", "moss", "--size", 128)[0] == 0
    told, _ = json.JSONDecoder().raw_decode(re.sub(r"^[^{]*", "", told_by((here / "w").with_suffix(suffix))))
    assert told["recipe"]["styles"] == {"moss": 1}
    assert told["digitalSourceType"] == SOURCE_TYPE


def test_pictures_without_a_duration_are_shown_for_a_tenth_of_a_second_each(here):
    first, second = (PIL.Image.new("RGB", (8, 8), colour) for colour in ("red", "blue"))
    first.save(here / "v.gif", save_all=True, append_images=[second], duration=0)
    assert [(frame.start, frame.duration) for frame in read_clip(here / "v.gif")] == [
        (Fraction(place, 10), Fraction(1, 10)) for place in range(2)
    ]


def test_stills_and_clips_are_told_apart(here):
    assert is_clip(make_clip(here / "v.gif"))
    assert is_clip(make_clip(here / "v.webp"))
    assert not is_clip(here / "a.png")
    assert not is_clip(here / "missing.gif")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["gone.png", "b.png", "--style", "moss"], "gone.png does not exist; give a picture, a video or a folder"),
        (["a.png", "a.png", "--style", "moss"], "a.png is the picture itself; give another file"),
        (["a.png", "b.jpg", "--style", "moss"], "a picture is written as .png, not as '.jpg'; name OUT so"),
        (["v.gif", "b.png", "--style", "moss"], "a moving picture is written as .mp4 or .mov or .mkv or .gif or .webp"),
        (["folder", "folder/out", "--style", "moss"], "folder/out lies inside folder, so its results would be painted"),
        (["folder", "folder", "--style", "moss"], "folder lies inside folder"),
        (["folder", "a.png", "--style", "moss"], "a.png is a file, and folder a folder; give a folder to write to"),
        (["empty", "out", "--style", "moss"], "empty holds no pictures or videos; give another folder"),
        (["nested/deep", "nested", "--style", "moss"], "deep/x.png would be written over nested/deep/x.png, which is"),
        (["torn.gif", "b.gif", "--style", "moss"], "torn.gif is damaged, cut short or no video; get a fresh copy"),
        (["huge.png", "b.png", "--style", "moss"], "has hundreds of megapixels, more than the"),
        (["twins", "out", "--style", "moss"], "x.jpg and x.png would both become out/x.png; rename one of them"),
        (
            ["a.png", "b.png", "--style", "lava"],
            "there is no style 'lava' and no such picture file; choose from rust, moss",
        ),
        (["a.png", "b.png", "--style", "flat.png"], "the style picture 'flat.png' is of one colour"),
        (["a.png", "b.png", "--style", "moss=0"], "the weights of the mixture sum to zero"),
        (["a.png", "b.png", "--style", "moss=-1"], "the weight of 'moss' must be a number from 0 up, not -1"),
        (["a.png", "b.png", "--style", "moss", "--strength", "2"], "strength must lie between 0 and 1, not at 2"),
        (
            ["a.png", "b.png", "--style", "moss", "--mask", "flat.png"],
            "the mask is 64 x 64 pixels and the photograph 61 x 40",
        ),
        (["a.png", "b.png", "--style", "moss", "--mask", "gone.png"], "the mask gone.png cannot be read"),
        (["a.png", "b.png", "--style", "moss", "--model", "nobody"], "there is no model 'nobody'"),
        (["a.png", "b.png", "--style", "s.png", "--refine", "9999"], "refine must lie between 0 and 8"),
        (["sound.mp4", "b.mp4", "--style", "moss"], "sound.mp4 holds no frames; choose a video with pictures in it"),
        (["torn.mp4", "b.mp4", "--style", "moss"], "torn.mp4 is damaged, cut short or no video; get a fresh copy"),
        (
            ["v.gif", "b.gif", "--style", "moss", "--mask", "a.png"],
            "the mask is 61 x 40 pixels and the photograph 64 x 48",
        ),
    ],
)
def test_what_cannot_be_done_is_one_sentence_and_leaves_nothing(run, here, arguments, sentence):
    for name in ("folder", "empty", "twins"):
        (here / name).mkdir()
    for name in ("folder/x.png", "twins/x.png", "twins/x.jpg"):
        PIL.Image.fromarray(ramp(40, 61)).save(name)
    for name in ("nested/deep/x.png", "nested/deep/deep/x.png"):
        (here / name).parent.mkdir(parents=True, exist_ok=True)
        PIL.Image.fromarray(ramp(40, 61)).save(name)
    PIL.Image.new("RGB", (64, 64), (9, 9, 9)).save("flat.png")
    PIL.Image.new("1", (10_000, 9_500)).save("huge.png")
    whole = make_clip(here / "v.gif").read_bytes()
    (here / "torn.gif").write_bytes(whole[: len(whole) * 2 // 3])
    (here / "torn.mp4").write_bytes(b"\0" * 99)
    with av.open(here / "sound.mp4", "w") as container:
        sing(container, container.add_stream("aac", rate=8000))
    before = sorted(here.rglob("*"))
    code, _, errors = run(*arguments)
    assert code == 1
    assert errors.startswith("error: ")
    assert sentence in errors
    assert errors.count("\n") == 1
    assert sorted(here.rglob("*")) == before


def test_a_killed_command_leaves_no_half_a_file(here):
    make_clip(here / "v.mp4", size=(640, 480), count=400)
    (here / "w.mp4").write_bytes(b"what was there before")
    command = [sys.executable, "-m", "demo.stylize", "v.mp4", "w.mp4", "--style", "moss"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, env=os.environ) as process:
        while process.poll() is None and not list(here.glob(".w*")):
            pass
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (130, b"Stopped; what was finished is there whole.\n")
    assert (here / "w.mp4").read_bytes() == b"what was there before"
    assert list(here.glob(".w*")) == []
