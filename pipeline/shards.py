"""A share of a long job that a machine of its own may take: `--shard 2/5` is the second of five."""

import re
from dataclasses import dataclass
from typing import Self

from pipeline.errors import ShardError

_MOST = 100_000


@dataclass(frozen=True, slots=True)
class Shard:
    """Share `number` of `count`, counted from 1."""

    number: int
    count: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `number/count`.

        Raises:
            ShardError: the text says no such share.

        """
        match = re.fullmatch(r"([0-9]{1,6})/([0-9]{1,6})", text)
        shard = cls(int(match[1]), int(match[2])) if match else None
        if shard is None or not 1 <= shard.number <= shard.count <= _MOST:
            raise ShardError(f"--shard {text}: no share of a whole; write 2/5 for the second of five")
        return shard

    @classmethod
    def all_of(cls, count: int) -> list[Self]:
        """Return all shares of a whole in their order."""
        return [cls(number, count) for number in range(1, count + 1)]

    def span(self, total: int) -> range:
        """Return which of `total` things this share has: one run of them, as long as the others' within one."""
        return range((self.number - 1) * total // self.count, self.number * total // self.count)

    def __str__(self) -> str:
        return f"{self.number}/{self.count}"
