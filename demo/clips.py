"""Moving pictures, frame by frame: videos by PyAV, which brings its own FFmpeg, and animations by Pillow."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain
from pathlib import Path

import av
import numpy as np
import PIL.Image
from av.audio.stream import AudioStream
from av.container import InputContainer, OutputContainer
from av.packet import Packet
from PIL.Image import Image

from demo.errors import PictureError
from demo.images import BOMB, DAMAGE, MAX_PIXELS
from demo.provenance import xmp_packet

VIDEOS = (".mp4", ".mov", ".mkv", ".m4v", ".webm", ".avi", ".mpg", ".mpeg")
ANIMATIONS = (".gif", ".webp", ".png")
VIDEO_TARGETS = (".mp4", ".mov", ".mkv")
ANIMATION_TARGETS = (".gif", ".webp")

_CLOCK = Fraction(1, 90_000)
_ENCODING = {"crf": "18", "preset": "medium"}
_TENTH = Fraction(1, 10)
_DAMAGE = (av.FFmpegError, *DAMAGE, *BOMB)


@dataclass(frozen=True, slots=True)
class Frame:
    """One picture in RGB, and from when and how long it is shown, in seconds."""

    image: Image
    start: Fraction
    duration: Fraction


@dataclass(frozen=True, slots=True)
class Clip:
    """A moving picture that is open for reading.

    `frames` reads one frame after the other. `count` is how many the file says there are, 0 where it does not say.
    `rate` is frames per second on average.
    """

    path: Path
    frames: Iterator[Frame]
    count: int
    rate: Fraction


def is_clip(path: Path) -> bool:
    """Tell whether a file is a video, by its name, or a picture with more than one frame."""
    if path.suffix.lower() in VIDEOS:
        return True
    if path.suffix.lower() not in ANIMATIONS:
        return False
    try:
        with PIL.Image.open(path, formats=("GIF", "WEBP", "PNG")) as image:
            return int(image.n_frames) > 1  # type: ignore[attr-defined] # these three formats have it
    except _DAMAGE:
        return False


@contextmanager
def open_clip(path: Path) -> Iterator[Clip]:
    """Open a video or an animation.

    Raises:
        PictureError: it is missing, damaged or too large, or holds no frame; also while its frames are read.

    """
    with ExitStack() as stack:
        with _reading(path):
            clip = _open_video(path, stack) if path.suffix.lower() in VIDEOS else _open_animation(path, stack)
            first = next(clip.frames, None)
        if first is None:
            raise PictureError(f"{path.name} holds no frames; choose a video with pictures in it")
        if first.image.width * first.image.height > MAX_PIXELS:
            raise PictureError(
                f"the frames of {path.name} are {first.image.width} x {first.image.height} pixels, more than the "
                f"{MAX_PIXELS / 1e6:.0f} megapixels taken here; scale it down first"
            )
        yield Clip(path, chain([first], _read_on(clip)), clip.count, clip.rate)


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    """Turn what goes wrong while a file is read, and that alone, into what is said of it."""
    try:
        yield
    except FileNotFoundError as error:
        raise PictureError(f"{path.name} does not exist; check the path") from error
    except _DAMAGE as error:
        raise PictureError(f"{path.name} is damaged, cut short or no video; get a fresh copy") from error


def _read_on(clip: Clip) -> Iterator[Frame]:
    while True:
        with _reading(clip.path):
            frame = next(clip.frames, None)
        if frame is None:
            return
        yield frame


def write_clip(path: Path, frames: Iterator[Frame], *, source: Clip, comment: str) -> None:
    """Write frames as the kind of file that the suffix of `path` names; a video keeps the sound of a source video.

    `comment` goes into the file's metadata, of a WebP into its XMP. All frames have the size of the first; H.264 takes
    even sides alone, so of an odd one the last row or column is shown twice.
    """
    first = next(frames)
    everything = chain([first], frames)
    if path.suffix.lower() in VIDEO_TARGETS:
        with av.open(path, "w") as container, ExitStack() as stack:
            container.metadata["comment"] = comment
            _write_video(container, everything, size=first.image.size, source=source, stack=stack)
    else:
        _write_animation(path, list(everything), comment)


def _open_video(path: Path, stack: ExitStack) -> Clip:
    container = stack.enter_context(av.open(path, "r"))
    if not container.streams.video:
        raise PictureError(f"{path.name} holds no frames; choose a video with pictures in it")
    stream = container.streams.video[0]
    stream.thread_type = "AUTO"
    rate = stream.average_rate or stream.guessed_rate or 1 / _TENTH
    return Clip(path, _video_frames(container, 1 / Fraction(rate)), stream.frames, Fraction(rate))


def _video_frames(container: InputContainer, usual: Fraction) -> Iterator[Frame]:
    after = Fraction(0)
    for frame in container.decode(video=0):
        start = frame.pts * frame.time_base if frame.pts is not None and frame.time_base else after
        duration = frame.duration * frame.time_base if frame.duration and frame.time_base else usual
        after = start + duration
        image = PIL.Image.fromarray(frame.to_ndarray(format="rgb24"))
        yield Frame(image.rotate(frame.rotation, expand=True) if frame.rotation else image, start, duration)


def _open_animation(path: Path, stack: ExitStack) -> Clip:
    image = stack.enter_context(PIL.Image.open(path, formats=("GIF", "WEBP", "PNG")))
    count = image.n_frames  # type: ignore[attr-defined] # these three formats have it
    image.seek(0)
    image.load()
    return Clip(path, _animation_frames(image, count), count, 1 / _seconds(image))


def _animation_frames(image: Image, count: int) -> Iterator[Frame]:
    start = Fraction(0)
    for place in range(count):
        image.seek(place)
        layer = image.convert("RGBA")
        paper = PIL.Image.new("RGBA", layer.size, "white")
        paper.alpha_composite(layer)
        duration = _seconds(image)
        yield Frame(paper.convert("RGB"), start, duration)
        start += duration


def _seconds(image: Image) -> Fraction:
    # A GIF may say 0, which every viewer takes for a tenth of a second.
    return Fraction(round(image.info.get("duration", 0)), 1000) or _TENTH


def _write_video(
    container: OutputContainer, frames: Iterator[Frame], *, size: tuple[int, int], source: Clip, stack: ExitStack
) -> None:
    even = (size[0] + size[0] % 2, size[1] + size[1] % 2)
    stream = container.add_stream("libx264", rate=source.rate, options=_ENCODING)
    stream.width, stream.height = even
    stream.pix_fmt = "yuv420p"
    stream.codec_context.time_base = _CLOCK
    sound = _Sound.open(source.path, container, stack)
    for frame in frames:
        pixels = np.pad(np.asarray(frame.image), ((0, even[1] - size[1]), (0, even[0] - size[0]), (0, 0)), mode="edge")
        painted = av.VideoFrame.from_ndarray(pixels, format="rgb24")
        painted.pts, painted.time_base = round(frame.start / _CLOCK), _CLOCK
        painted.duration = round(frame.duration / _CLOCK)
        sound.copy(until=frame.start)
        container.mux(stream.encode(painted))
    container.mux(stream.encode())
    sound.copy(until=None)


class _Sound:
    """The sound of a source video on its way into another container, packet by packet as the pictures go."""

    def __init__(self, packets: Iterator["Packet[AudioStream]"], target: OutputContainer) -> None:
        self._packets = packets
        self._target = target
        self._waiting = next(packets, None)

    @classmethod
    def open(cls, path: Path, target: OutputContainer, stack: ExitStack) -> "_Sound":
        return cls(_audible(path, target, stack), target)

    def copy(self, *, until: Fraction | None) -> None:
        """Pass on what is heard up to the time `until`, or all that is left."""
        while self._waiting is not None:
            dts, base = self._waiting.dts, self._waiting.time_base
            if until is not None and dts is not None and base is not None and dts * base > until:
                return
            self._target.mux(self._waiting)
            self._waiting = next(self._packets, None)


def _audible(path: Path, target: OutputContainer, stack: ExitStack) -> Iterator["Packet[AudioStream]"]:
    """Yield the sound of a video, if it has any that the target can hold, as packets of a new track of the target."""
    if path.suffix.lower() not in VIDEOS:
        return
    source = stack.enter_context(av.open(path, "r"))
    streams = source.streams.audio
    if not streams or streams[0].codec_context.name not in target.supported_codecs:
        return
    track = target.add_stream_from_template(streams[0])
    for packet in source.demux(streams[0]):
        # The last one is empty and only tells a decoder to finish.
        if packet.dts is not None:
            packet.stream = track
            yield packet


def _write_animation(path: Path, frames: list[Frame], comment: str) -> None:
    durations = [round(frame.duration * 1000) for frame in frames]
    first, *rest = (frame.image for frame in frames)
    if path.suffix.lower() == ".gif":
        first.save(path, "GIF", save_all=True, append_images=rest, duration=durations, loop=0, comment=comment.encode())
    else:
        xmp = xmp_packet(comment).encode()
        first.save(path, "WEBP", save_all=True, append_images=rest, duration=durations, loop=0, quality=90, xmp=xmp)
