"""Ends what takes too long: one thread for all runs, because a thread for each costs as much as a small picture."""

import itertools
import math
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Watchdog:
    """Calls back for work that is still under way when its time is over. Safe to use from several threads."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._watched: dict[int, tuple[float, Callable[[], None]]] = {}
        self._keys = itertools.count()
        self._wakes = math.inf
        self._thread: threading.Thread | None = None

    @contextmanager
    def watch(self, seconds: float, end: Callable[[], None]) -> Iterator[None]:
        """Call `end` if the work inside takes longer; it must be quick and not raise."""
        deadline = time.monotonic() + seconds
        with self._changed:
            key = next(self._keys)
            self._watched[key] = (deadline, end)
            if self._thread is None or not self._thread.is_alive():  # a forked process has no threads of its parent's
                self._wakes = math.inf
                self._thread = threading.Thread(target=self._run, name="watchdog", daemon=True)
                self._thread.start()
            elif deadline < self._wakes:
                self._changed.notify()
        try:
            yield
        finally:
            with self._changed:
                self._watched.pop(key, None)

    def _run(self) -> None:
        with self._changed:
            while True:
                now = time.monotonic()
                for key, (deadline, end) in tuple(self._watched.items()):
                    if deadline <= now:
                        del self._watched[key]
                        end()
                self._wakes = min((deadline for deadline, _ in self._watched.values()), default=math.inf)
                self._changed.wait(None if math.isinf(self._wakes) else max(self._wakes - time.monotonic(), 0))
