"""Journeys: films that travel from one pinned picture to the next, frame by frame."""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from demo.arguments import listed, one_of, only_keys, real_number, whole_number
from demo.card import ModelCard
from demo.engine import Model
from demo.errors import RequestError
from demo.places import MAX_TRUNCATION, Picture, Pin, Place, draw_place, parse_enlargement

MAX_PINS = 12
MAX_FRAMES = 600
MAX_FILM_PIXELS = 48_000_000
"""Pixels of all frames together, which are in memory at once while a film is encoded."""

RATES = (10, 20, 25, 50)
"""Frames per second that a GIF, whose delays count in hundredths of a second, can keep as well."""

EASINGS: dict[str, Callable[[float], float]] = {
    "linear": lambda share: share,
    "smooth": lambda share: share * share * (3 - 2 * share),
    "gentle": lambda share: share**3 * (share * (6 * share - 15) + 10),
    "sine": lambda share: (1 - math.cos(math.pi * share)) / 2,
}
"""Ways from 0 to 1. `smooth` starts and stops without speed, `gentle` without acceleration either (Perlin 2002,
https://doi.org/10.1145/566654.566636)."""


@dataclass(frozen=True, slots=True)
class Journey:
    """What is asked for: pins in their order, `seconds` for each leg, whether it comes back to the first."""

    pins: tuple[Pin, ...]
    seconds: float
    rate: int
    easing: str
    loop: bool
    truncation: float
    enlarge: int

    @classmethod
    def parse(cls, card: ModelCard, said: Mapping[str, Any]) -> "Journey":
        """Check a journey as it came from the network; what is not said has its default.

        Raises:
            RequestError: an argument is unknown, missing or out of range, or the film would be too long.

        """
        known = ("pins", "seconds", "rate", "easing", "loop", "truncation", "enlarge")
        fields = only_keys("a journey", said, known)
        pins = tuple(Pin.parse(card, pin) for pin in listed("pins", fields.get("pins"), longest=MAX_PINS))
        if len(pins) < 2:
            raise RequestError(f"pins must be 2 to {MAX_PINS} pictures, not {len(pins)}")
        loop = fields.get("loop", False)
        if not isinstance(loop, bool):
            raise RequestError("loop must be true or false")
        rate = whole_number("rate", fields.get("rate", 20), lowest=min(RATES), highest=max(RATES))
        journey = cls(
            pins=pins,
            seconds=real_number("seconds", fields.get("seconds", 2), lowest=0.2, highest=20),
            rate=int(one_of("rate", str(rate), [str(known) for known in RATES])),
            easing=one_of("easing", fields.get("easing", "smooth"), list(EASINGS)),
            loop=loop,
            truncation=real_number("truncation", fields.get("truncation", 1), lowest=0, highest=MAX_TRUNCATION),
            enlarge=parse_enlargement(fields.get("enlarge", 1)),
        )
        side = card.size * journey.enlarge
        longest = min(MAX_FRAMES, MAX_FILM_PIXELS // side**2)
        if journey.frames > longest:
            raise RequestError(
                f"the journey has {journey.frames} frames, more than the {longest} of {side} x {side} pixels that are "
                "made at once; take fewer pins, seconds or frames per second, or smaller frames"
            )
        return journey

    @property
    def frames(self) -> int:
        """How many frames there are; one that comes back ends just before its first picture shows again."""
        return self._per_leg * self._legs + (0 if self.loop else 1)

    @property
    def _per_leg(self) -> int:
        return max(1, round(self.seconds * self.rate))

    @property
    def _legs(self) -> int:
        return len(self.pins) if self.loop else len(self.pins) - 1

    def places(self) -> Iterator[Place]:
        """Yield the place of every frame, in order."""
        ease = EASINGS[self.easing]
        for frame in range(self.frames):
            leg, step = divmod(frame, self._per_leg)
            if leg == self._legs:
                leg, step = leg - 1, self._per_leg
            pins = (self.pins[leg], self.pins[(leg + 1) % len(self.pins)])
            share = min(1.0, max(0.0, ease(step / self._per_leg)))
            yield Place(pins, x=share, truncation=self.truncation, enlarge=self.enlarge)

    def recipe(self, model: Model) -> dict[str, Any]:
        """Return what makes the film again, in the words that `parse` reads."""
        return {
            "model": model.card.recipe,
            "sha256": model.sha256,
            "pins": [{"seed": pin.seed, "class": pin.choice} for pin in self.pins],
            "seconds": self.seconds,
            "rate": self.rate,
            "easing": self.easing,
            "loop": self.loop,
            "truncation": self.truncation,
            "enlarge": self.enlarge,
        }


def travel(model: Model, journey: Journey) -> Iterator[Picture]:
    """Yield the frames one by one, each drawn when it is asked for."""
    return (draw_place(model, place) for place in journey.places())
