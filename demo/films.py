"""Frames into one file: GIF, animated WebP and MP4, each with its recipe inside. Needs no ffmpeg on the machine."""

import io
from collections.abc import Mapping, Sequence
from typing import Any

import av
import numpy as np
import PIL.Image
from PIL.Image import Image, Quantize

from demo.provenance import film_text, xmp_packet

FORMATS = {"gif": "image/gif", "webp": "image/webp", "mp4": "video/mp4"}


def encode_film(frames: Sequence[Image], *, kind: str, rate: int, recipe: Mapping[str, Any], title: str) -> bytes:
    """Return equally large frames as a film of one of `FORMATS`, `rate` frames per second, for ever again.

    An MP4 has no say in whether it repeats. Its width and height are made even by leaving out a last row or column.
    """
    told = film_text(recipe)
    if kind == "mp4":
        return _encode_mp4(frames, rate=rate, title=title, told=told)
    colour = [frame.convert("RGB") for frame in frames]
    stream = io.BytesIO()
    delay = 1000 // rate
    if kind == "gif":
        # One palette for all frames, of their own colours: a palette for each would flicker.
        step = max(1, len(colour) // 16)
        sheet = np.concatenate([np.asarray(frame) for frame in colour[::step]])
        palette = PIL.Image.fromarray(sheet).quantize(256, method=Quantize.MEDIANCUT)
        first, *rest = [frame.quantize(palette=palette) for frame in colour]
        first.save(
            stream, "GIF", save_all=True, append_images=rest, duration=delay, loop=0, comment=told.encode(), disposal=1
        )
    else:
        first, *rest = colour
        first.save(
            stream,
            "WEBP",
            save_all=True,
            append_images=rest,
            duration=delay,
            loop=0,
            quality=90,
            method=2,
            xmp=xmp_packet(f"{title} {told}").encode(),
        )
    return stream.getvalue()


def _encode_mp4(frames: Sequence[Image], *, rate: int, title: str, told: str) -> bytes:
    target = io.BytesIO()
    width, height = (side // 2 * 2 for side in frames[0].size)
    with av.open(target, "w", format="mp4") as container:
        container.metadata.update({"title": title, "comment": told})
        stream = container.add_stream("libx264", rate=rate, options={"crf": "16", "preset": "veryfast"})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for frame in frames:
            pixels = np.asarray(frame.convert("RGB"))[:height, :width]
            picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format="rgb24")
            container.mux(stream.encode(picture))
        container.mux(stream.encode())
    return target.getvalue()
