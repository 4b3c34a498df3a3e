"""Places in a latent space that a person can write down: pictures pinned by seed and class, and a way between them.

What the Explore tab shows, what a journey passes through, and what `POST /studio/picture` draws.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL.Image import Image, Resampling

from demo.arguments import listed, one_of, only_keys, real_number, whole_number
from demo.card import ModelCard
from demo.engine import Feeds, Model, draw_inputs
from demo.errors import RequestError
from demo.images import MAX_PIXELS, from_array, to_png
from demo.latents import move, slerp
from demo.provenance import picture_texts

ANY = "any"
MAX_SEED = 2**32 - 1
MAX_TRUNCATION = 1.5
MAX_MOVE = 6.0
"""How far one may go along one direction, in standard deviations."""
ENLARGEMENTS = (1, 2, 4, 8)
_CORNERS = (1, 2, 4)
_PIXELS_PER_RUN = 2**17


@dataclass(frozen=True, slots=True)
class Pin:
    """A picture that a seed and a class name; `choice` is '' where the model has no classes."""

    seed: int
    choice: str

    @classmethod
    def parse(cls, card: ModelCard, said: object) -> "Pin":
        """Read `{"seed": 7, "class": "waves"}`; with the class `any`, which is the default, the seed decides it.

        Raises:
            RequestError: it is no such thing.

        """
        fields = only_keys("a pin", said, ("seed", "class"))
        seed = whole_number("seed", fields.get("seed"), lowest=0, highest=MAX_SEED)
        names = [choice.name for choice in card.choices]
        choice = one_of("class", fields.get("class", ANY) or ANY, [ANY, *names])
        return cls(seed, choice if choice != ANY else names[seed % len(names)] if names else "")

    def feeds(self, card: ModelCard, truncation: float) -> dict[str, Any]:
        """Return the graph's inputs for this picture, one row each.

        A graph that truncates by itself takes the share up to 1; what goes beyond scales the latent, as all of it does
        in other graphs. Noise is not truncated.
        """
        feeds = draw_inputs(card, [self.seed])
        names = [choice.name for choice in card.choices]
        within = any(port.kind == "degree" for port in card.inputs)
        for port in card.inputs:
            match port.kind:
                case "latent":
                    feeds[port.name] = feeds[port.name] * np.float32(max(truncation, 1) if within else truncation)
                case "degree":
                    feeds[port.name] = np.full((1, 1), min(truncation, 1), dtype=np.float32)
                case "weights":
                    feeds[port.name] = np.eye(int(port.shape[1]), dtype=np.float32)[[names.index(self.choice)]]
        return feeds


@dataclass(frozen=True, slots=True)
class Place:
    """A point of the latent space.

    One pin is that picture itself. Of two, `x` in [0, 1] says how far it is from the first to the second. Four are the
    corners of a square: upper left, upper right, lower left, lower right, with `x` to the right and `y` downwards.
    `moves` are steps along the card's directions, in standard deviations.
    """

    pins: tuple[Pin, ...]
    x: float = 0
    y: float = 0
    moves: tuple[float, ...] = ()
    truncation: float = 1
    enlarge: int = 1

    @classmethod
    def parse(cls, card: ModelCard, said: Mapping[str, Any]) -> "Place":
        """Check a place as it came from the network; what is not said has its default.

        Raises:
            RequestError: an argument is unknown, missing or out of range.

        """
        fields = only_keys("a place", said, ("pins", "x", "y", "moves", "truncation", "enlarge"))
        pins = tuple(Pin.parse(card, pin) for pin in listed("pins", fields.get("pins"), longest=max(_CORNERS)))
        if len(pins) not in _CORNERS:
            raise RequestError(f"pins must be 1, 2 or 4 pictures, not {len(pins)}")
        moves = listed("moves", fields.get("moves", []), longest=len(card.directions))
        return cls(
            pins=pins,
            x=real_number("x", fields.get("x", 0), lowest=0, highest=1),
            y=real_number("y", fields.get("y", 0), lowest=0, highest=1),
            moves=tuple(real_number("a move", amount, lowest=-MAX_MOVE, highest=MAX_MOVE) for amount in moves),
            truncation=real_number("truncation", fields.get("truncation", 1), lowest=0, highest=MAX_TRUNCATION),
            enlarge=parse_enlargement(fields.get("enlarge", 1)),
        )

    def feeds(self, card: ModelCard) -> Feeds:
        """Return the graph's inputs at this place, one row each."""
        corners = [pin.feeds(card, self.truncation) for pin in self.pins]
        if len(corners) == 4:
            corners = [_between(card, *corners[row : row + 2], share=self.x) for row in (0, 2)]
            feeds = _between(card, *corners, share=self.y)
        else:
            feeds = _between(card, *corners, share=self.x) if len(corners) == 2 else corners[0]
        if any(self.moves):
            latent = next(port.name for port in card.inputs if port.kind == "latent")
            feeds[latent] = move(feeds[latent], card.directions[: len(self.moves)], self.moves)
        return feeds

    def recipe(self, model: Model) -> dict[str, Any]:
        """Return what makes the picture again, in the words that `parse` reads."""
        return {
            "model": model.card.recipe,
            "sha256": model.sha256,
            "pins": [{"seed": pin.seed, "class": pin.choice} for pin in self.pins],
            "x": self.x,
            "y": self.y,
            "moves": list(self.moves),
            "truncation": self.truncation,
            "enlarge": self.enlarge,
        }


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture and all that is needed to make it again."""

    image: Image
    recipe: Mapping[str, Any]
    name: str

    def to_png(self) -> bytes:
        """Return the picture as PNG whose text chunks carry its recipe."""
        return to_png(self.image, picture_texts(self.name, self.recipe))


def draw_place(model: Model, place: Place) -> Picture:
    """Return the picture at a place. It runs by itself: kernels may round differently in batches of different sizes."""
    image = from_array(model.run(place.feeds(model.card))[0])
    seeds = ", ".join(str(pin.seed) for pin in place.pins)
    name = f"{model.card.recipe}, {'seed' if len(place.pins) == 1 else 'between the seeds'} {seeds}"
    return Picture(enlarged(image, place.enlarge), place.recipe(model), name)


def draw_map(model: Model, places: Sequence[Place]) -> list[Image]:
    """Return the pictures of many places in few runs: fast, and without the promise of the very same pixels."""
    feeds = [place.feeds(model.card) for place in places]
    together = max(1, _PIXELS_PER_RUN // model.card.size**2)
    images: list[Image] = []
    for first in range(0, len(feeds), together):
        rows = feeds[first : first + together]
        batch = {name: np.concatenate([row[name] for row in rows]) for name in rows[0]}
        images += [from_array(picture) for picture in model.run(batch)]
    return images


def enlarged(image: Image, factor: int) -> Image:
    """Return the picture `factor` times as large.

    Raises:
        RequestError: it would have more than `MAX_PIXELS`.

    """
    if image.width * image.height * factor**2 > MAX_PIXELS:
        raise RequestError(f"enlarge may not make more than {MAX_PIXELS / 1e6:.0f} megapixels; choose a smaller factor")
    if factor == 1:
        return image
    return image.resize((image.width * factor, image.height * factor), Resampling.LANCZOS)


def parse_enlargement(said: object) -> int:
    """Return one of `ENLARGEMENTS`.

    Raises:
        RequestError: it is none of them.

    """
    factor = whole_number("enlarge", said, lowest=min(ENLARGEMENTS), highest=max(ENLARGEMENTS))
    return int(one_of("enlarge", str(factor), [str(known) for known in ENLARGEMENTS]))


def _between(card: ModelCard, start: Feeds, end: Feeds, *, share: float) -> dict[str, Any]:
    """Return inputs part of the way: on the sphere where they are normal, straight where they are weights."""
    curved = {port.name for port in card.inputs if port.kind in {"latent", "noise"}}
    part = np.float32(share)
    return {
        name: slerp(start[name], end[name], share) if name in curved else (1 - part) * start[name] + part * end[name]
        for name in start
    }
