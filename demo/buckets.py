"""A token bucket per address (Turner 1986, "New directions in communications"): a burst, then so many a second."""

import time
from collections import OrderedDict
from collections.abc import Callable
from ipaddress import IPv6Address, ip_address

_MAX_ADDRESSES = 10_000


class Buckets:
    """Buckets of `burst` tokens that fill by `rate` tokens per second; a rate of 0 never runs dry.

    The addresses seen last are remembered; one that was forgotten finds its bucket full. `clock` tells seconds.
    """

    def __init__(self, *, rate: float, burst: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate, self._burst, self._clock = rate, burst, clock
        self._levels: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, address: str) -> float:
        """Take a token from an address and return 0; where there is none, return the seconds to wait for one."""
        if not self._rate:
            return 0
        level = self._level(address)
        missing = 1 - level
        if missing <= 0:
            self._levels[_network(address)] = (level - 1, self._clock())
        return max(0.0, missing / self._rate)

    def fine(self, address: str, cost: float) -> None:
        """Take as many tokens of `cost` as there are."""
        self._levels[_network(address)] = (max(0.0, self._level(address) - cost), self._clock())

    def _level(self, address: str) -> float:
        """Return how many tokens there are now, and remember the address as the last one."""
        key, now = _network(address), self._clock()
        level, then = self._levels.pop(key, (self._burst, now))
        level = min(self._burst, level + (now - then) * self._rate)
        self._levels[key] = (level, now)
        while len(self._levels) > _MAX_ADDRESSES:
            self._levels.popitem(last=False)
        return level


def _network(address: str) -> str:
    """Return the /64 of an IPv6 address, all of which one household has; any other text as it is."""
    try:
        number = ip_address(address)
    except ValueError:
        return address
    if not isinstance(number, IPv6Address):
        return address
    return str(number.ipv4_mapped) if number.ipv4_mapped else str(IPv6Address(int(number) >> 64 << 64))
