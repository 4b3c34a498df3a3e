"""What the engine tells whoever watches it: events as they happen, and gauges that are read when asked for.

It depends on nothing, so that both the engine and what counts for it (the metrics of the service) may import it.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Ran:
    """One run of a graph: how many requests it served together, their rows, and where the time went, in seconds.

    `waited` is how long the request that came first had waited for its turn. `failed` is true where the run ended in an
    error, which then went to all of its requests.
    """

    graph: str
    requests: int
    rows: int
    waited: float
    seconds: float
    failed: bool = False


@dataclass(frozen=True, slots=True)
class Found:
    """A graph was asked for: it was `open` already (a hit of the cache), or it had to be opened, in so many seconds."""

    graph: str
    open: bool
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Left:
    """A graph left the memory, of which its file takes so many bytes, because others were used since."""

    graph: str
    size: int


@dataclass(frozen=True, slots=True)
class Dropped:
    """Requests that nobody waits for any more left the queue without a run."""

    graph: str
    requests: int


Event: TypeAlias = Ran | Found | Left | Dropped


@dataclass(frozen=True, slots=True)
class Watch:
    """Carries events to listeners and knows the gauges. Safe to use from several threads."""

    _listeners: list[Callable[[Event], None]] = field(default_factory=list)
    _gauges: dict[str, Callable[[], float]] = field(default_factory=dict)

    def listen(self, listener: Callable[[Event], None]) -> None:
        """Call `listener` for every event from now on, in the thread of the event: it must be quick and not raise."""
        self._listeners.append(listener)

    def tell(self, event: Event) -> None:
        """Hand an event to every listener."""
        for listener in tuple(self._listeners):
            listener(event)

    def measure(self, name: str, gauge: Callable[[], float]) -> None:
        """Let `gauge` be read under a name, such as `engine_waiting` or `engine_open_bytes`; the last one counts."""
        self._gauges[name] = gauge

    def gauges(self) -> dict[str, float]:
        """Read every gauge now, by name."""
        return {name: gauge() for name, gauge in tuple(self._gauges.items())}
