"""Further processes of a stage, which leave Ctrl-C to it and end with it."""

import multiprocessing
import os
import signal
import threading
from concurrent.futures import ProcessPoolExecutor


def open_pool(processes: int) -> ProcessPoolExecutor:
    """Return a pool of so many processes.

    They are spawned, not forked: a fork copies the locks of whatever threads run here.
    """
    return ProcessPoolExecutor(processes, multiprocessing.get_context("spawn"), initializer=_obey_parent)


def _obey_parent() -> None:
    """Leave Ctrl-C to the parent, and end with it even if it is killed: the pool alone would wait for it for ever."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    def follow() -> None:
        parent = multiprocessing.parent_process()
        if parent is not None:
            parent.join()
        os._exit(1)

    threading.Thread(target=follow, daemon=True).start()
