"""A queue in which nobody waits for all that another has asked for before."""

from collections import deque
from collections.abc import Iterator
from typing import Generic, TypeVar

T = TypeVar("T")


class RoundRobin(Generic[T]):
    """Items of many sessions: the sessions have their turns one after the other, each with its oldest item.

    Not safe to use from several threads at once.
    """

    def __init__(self) -> None:
        self._queues: dict[str, deque[T]] = {}

    def __len__(self) -> int:
        return sum(map(len, self._queues.values()))

    def __iter__(self) -> Iterator[T]:
        """Yield the items in the order in which they would have their turns."""
        queues = [tuple(queue) for queue in self._queues.values()]
        for place in range(max(map(len, queues), default=0)):
            for queue in queues:
                if place < len(queue):
                    yield queue[place]

    def push(self, session: str, item: T) -> None:
        """Put an item at the end of its session's queue."""
        self._queues.setdefault(session, deque()).append(item)

    def pop(self) -> T:
        """Take the item whose turn it is.

        Raises:
            StopIteration: there is none.

        """
        session = next(iter(self._queues))
        return self._take(session, self._queues[session][0])

    def remove(self, session: str, item: T) -> None:
        """Take an item out of its turn, which counts as its session's turn.

        Raises:
            KeyError: the session has no items.
            ValueError: the item is not among them.

        """
        self._take(session, item)

    def _take(self, session: str, item: T) -> T:
        queue = self._queues[session]
        queue.remove(item)
        del self._queues[session]
        if queue:
            self._queues[session] = queue  # at the end of the line
        return item
