"""Several sources as one."""

from collections.abc import Iterator
from typing import Literal

from pydantic import Field

from pipeline.contracts import Item, Source
from pipeline.data.nested import Nested


class Joined(Source):
    """The pictures of `sources`, one source after another; classes of one name become one class."""

    name: Literal["joined"] = "joined"
    sources: tuple[Nested, ...] = Field(min_length=1)

    def total(self) -> int:
        return sum(source.total() for source in self._parts())

    def items(self) -> Iterator[Item]:
        for source in self._parts():
            yield from source.items()

    def _parts(self) -> list[Source]:
        shape = {"size": self.size, "channels": self.channels}
        return [source.model_copy(update=shape) for source in self.sources]
