"""How far a long step is: a bar with the time left on a terminal, a plain line now and then elsewhere."""

import time
from collections.abc import Iterable, Iterator
from datetime import timedelta
from typing import TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

ThingT = TypeVar("ThingT")
_PLAIN_LINES = 5

console = Console(stderr=True, highlight=False, soft_wrap=True, markup=False)


def tracked(things: Iterable[ThingT], *, total: int, description: str, done: int = 0) -> Iterator[ThingT]:
    """Yield `things` and show on standard error how many of `total` have passed, `done` of them before this call."""
    if console.is_terminal:
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, console=console, transient=True) as display:
            yield from display.track(things, total=total, completed=done, description=description)
        return
    started = time.monotonic()
    for count, thing in enumerate(things, start=done + 1):
        yield thing
        if count == total or count * _PLAIN_LINES // total > (count - 1) * _PLAIN_LINES // total:
            left = timedelta(seconds=round((time.monotonic() - started) / (count - done) * (total - count)))
            console.print(f"{description}: {count:,} of {total:,}" + (f", {left} left" if left else ""))
