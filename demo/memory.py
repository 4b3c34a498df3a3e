"""What the C library keeps of freed memory goes back to the system: large pictures leave hundreds of megabytes."""

import ctypes
import os
import sys
import threading
from collections.abc import Callable

_EVERY = 5.0
"""Seconds. Returning takes milliseconds, and what is asked for again is given page by page."""

_ARENA_MAX = -8
"""`M_ARENA_MAX` of glibc's `malloc.h`."""


def share_one_heap() -> None:
    """Let all threads take memory from one heap, unless `MALLOC_ARENA_MAX` says otherwise; nothing without glibc.

    To be called before there are other threads. Left alone, glibc makes up to eight heaps for each processor. Of all
    but the first `malloc_trim` keeps what is free at the end, which is up to 64 MB each once a large piece was freed.
    """
    if "MALLOC_ARENA_MAX" not in os.environ and (choose := _of_glibc("mallopt")):
        choose(_ARENA_MAX, 1)


def keep_returning(stopped: threading.Event) -> None:
    """Return free memory from time to time, until `stopped`; nothing where the C library is not glibc."""
    trim = _of_glibc("malloc_trim")
    while trim and not stopped.wait(_EVERY):
        trim(0)


def _of_glibc(name: str) -> Callable[..., int] | None:
    return getattr(ctypes.CDLL(None), name, None) if sys.platform == "linux" else None
