"""Raw pictures -> squares of one size, decoded in parallel processes, in the order of the source."""

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from itertools import islice
from typing import Literal

import numpy as np
import PIL.Image

from demo.errors import PictureError
from pipeline.contracts import Item, Source
from pipeline.data.dataset import Uint8
from pipeline.errors import DataError

_CHUNK = 32
_CHUNK_BYTES = 4 * 2**20
_CHUNKS_AHEAD = 3  # per process: enough to keep it busy, few enough to bound the memory


@dataclass(frozen=True, slots=True)
class Decoded:
    """One picture of a source: `pixels` (C, size, size) uint8, or None and the `problem` that it has.

    `parent` is that of `pipeline.contracts.Item`.
    """

    origin: str
    label: str
    pixels: Uint8 | None
    problem: str = ""
    parent: str = ""


def decode(source: Source, span: range | None = None) -> Iterator[Decoded]:
    """Yield every picture of a source, in its order, cropped and resized; unreadable ones with their problem.

    `span` says which of them, by their places in the source; by default all.

    Small sources are decoded in this process, others in one process per CPU core.

    Raises:
        DataError: the source has nothing to read, or a decoding process died.

    """
    pictures_per_chunk = max(1, min(_CHUNK, _CHUNK_BYTES // (source.channels * source.size**2)))
    items = source.items() if span is None else islice(source.items(), span.start, span.stop)
    count = source.total() if span is None else len(span)
    chunks = _chunks(items, pictures_per_chunk)
    processes = min(os.cpu_count() or 1, -(-count // (4 * _CHUNK)))
    if processes < 2:
        for chunk in chunks:
            yield from _decode_chunk(chunk, size=source.size, channels=source.channels)
        return
    # Spawned, not forked: a fork copies the locks of whatever threads run here.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, mp_context=context, initializer=_obey_parent) as pool:
        pending: deque[Future[list[Decoded]]] = deque()
        try:
            for chunk in chunks:
                pending.append(pool.submit(_decode_chunk, chunk, size=source.size, channels=source.channels))
                if len(pending) > processes * _CHUNKS_AHEAD:
                    yield from pending.popleft().result()
            while pending:
                yield from pending.popleft().result()
        except BrokenProcessPool as error:
            raise DataError("a decoding process died, most likely for want of memory; free some and retry") from error
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def square(picture: PIL.Image.Image, *, size: int, channels: Literal[1, 3]) -> Uint8:
    """Return the central square of a picture of mode L or RGB, resized with antialiasing: (C, size, size) uint8."""
    width, height = picture.size
    side = min(width, height)
    left, top = (width - side) / 2, (height - side) / 2
    if (width, height) != (size, size):
        picture = picture.resize(
            (size, size),
            PIL.Image.Resampling.LANCZOS,
            box=(left, top, left + side, top + side),
            reducing_gap=3.0,
        )
    pixels = np.asarray(picture.convert("L" if channels == 1 else "RGB"))
    return np.ascontiguousarray(pixels.reshape(size, size, channels).transpose(2, 0, 1))


def _obey_parent() -> None:
    """Leave Ctrl-C to the parent, and end with it even if it is killed: the pool alone would wait for it for ever."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    def follow() -> None:
        parent = multiprocessing.parent_process()
        if parent is not None:
            parent.join()
        os._exit(1)

    threading.Thread(target=follow, daemon=True).start()


def _chunks(items: Iterator[Item], count: int) -> Iterator[list[Item]]:
    while chunk := list(islice(items, count)):
        yield chunk


def _decode_chunk(chunk: list[Item], *, size: int, channels: Literal[1, 3]) -> list[Decoded]:
    decoded = []
    for item in chunk:
        try:
            pixels = square(item.load(), size=size, channels=channels)
        except PictureError as error:
            decoded.append(Decoded(item.origin, item.label, None, str(error)))
        else:
            decoded.append(Decoded(item.origin, item.label, pixels, parent=item.parent))
    return decoded
