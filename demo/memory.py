"""What the C library keeps of freed memory goes back to the system: large pictures leave hundreds of megabytes."""

import ctypes
import sys
import threading

_EVERY = 5.0
"""Seconds. Returning takes milliseconds, and what is asked for again is given page by page."""


def keep_returning(stopped: threading.Event) -> None:
    """Return free memory from time to time, until `stopped`; nothing where the C library is not glibc."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if sys.platform == "linux" else None
    while trim and not stopped.wait(_EVERY):
        trim(0)
