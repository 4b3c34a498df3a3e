"""How far a long step is: a bar with the time left on a terminal, a plain line now and then elsewhere."""

from collections.abc import Iterable, Iterator
from typing import TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

ThingT = TypeVar("ThingT")
_PLAIN_LINES = 4

console = Console(stderr=True, highlight=False, soft_wrap=True, markup=False)


def tracked(things: Iterable[ThingT], *, total: int, description: str) -> Iterator[ThingT]:
    """Yield `things` and show on standard error how many of `total` have passed."""
    if console.is_terminal:
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, console=console, transient=True) as progress:
            yield from progress.track(things, total=total, description=description)
        return
    step = max(1, -(-total // _PLAIN_LINES))
    for count, thing in enumerate(things, start=1):
        yield thing
        if count % step == 0 or count == total:
            console.print(f"{description}: {count:,} of {total:,}")
