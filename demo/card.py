"""The model card: what a graph is, what goes in and out, and where it comes from. Travels inside the ONNX file."""

import json
import math
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, get_args

METADATA_KEY = "ganvas.card"

Task = Literal["sample", "stylize", "translate", "companion"]
Kind = Literal["latent", "weights", "degree", "picture", "noise", "code", "mask", "hints"]
Translation = Literal["", "inpaint", "superres", "colorize", "sketch", "unpaired"]

_ROUNDING = 1e-2
"""How far rounded numbers may leave a direction from unit length."""


@dataclass(frozen=True, slots=True)
class Port:
    """One input or output of a graph, float32.

    `shape` holds numbers for fixed and letters for free dimensions (`N` batch, `H` height, `W` width).
    `kind` says what values belong there: `latent` and `noise` are standard normal, `weights` are convex weights over
    `ModelCard.choices` (each row sums to one), `degree` is a number in [0, 1], `picture` is RGB or grey in [-1, 1],
    `code` is what a companion graph makes of a picture, any finite number, `mask` a map of values in [0, 1], 1 where
    something is missing, and `hints` are three planes in [-1, 1]: two of chroma, and one that is 1 where they stand.
    """

    name: str
    shape: tuple[int | str, ...]
    kind: Kind


@dataclass(frozen=True, slots=True)
class Choice:
    """A class or a style that the user may pick, with a small picture of it as a PNG data URI ('' for none).

    Where the model takes styles as codes, `code` is this one's: what goes into its input of kind `code`.
    """

    name: str
    thumbnail: str = ""
    code: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Companion:
    """Another graph of the same networks, in the file `<name>.onnx` beside the model's own, and that file's digest."""

    name: str
    sha256: str


@dataclass(frozen=True, slots=True)
class ModelCard:
    """What a model is: the part of the pipeline's knowledge that its users need.

    `size` is the picture's side in pixels for `sample` and the side that the network was trained on for `stylize`.
    `choices` names the classes (`sample`), the styles (`stylize`) or what a translation offers (classes, factors) in
    the order of the `weights` input; empty where the model has none. `directions` are unit vectors of the `latent`
    input along which the pictures change most, the strongest first; `strengths` says how much: the root mean square
    rate at which a picture's values, which lie in [-1, 1], change along them. Both are empty where the model has no
    latent or is older than they are. `companions` are the graphs that belong to it, each with a card of its own whose
    task is `companion`. `translation` says what a model of the task `translate` does, and is empty for all others.
    `provenance` says what made it: package version, digests of data and recipe, seed, steps.
    """

    recipe: str
    task: Task
    channels: int
    size: int
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    choices: tuple[Choice, ...] = ()
    directions: tuple[tuple[float, ...], ...] = ()
    strengths: tuple[float, ...] = ()
    companions: tuple[Companion, ...] = ()
    translation: Translation = ""
    description: str = ""
    provenance: dict[str, Any] = field(default_factory=dict)

    def to_json(self) -> str:
        return json.dumps(asdict(self), ensure_ascii=False, sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> "ModelCard":
        """Read a card.

        Raises:
            ValueError: the text is no card; the message says what is missing or wrong.

        """
        try:
            fields = json.loads(text)
            parts = {"inputs": Port, "outputs": Port, "choices": Choice, "companions": Companion}
            for key, part in parts.items():
                fields[key] = tuple(part(**entry) for entry in fields.get(key, ()))
            for key in ("inputs", "outputs"):
                fields[key] = tuple(Port(port.name, tuple(port.shape), port.kind) for port in fields[key])
            fields["choices"] = tuple(
                Choice(choice.name, choice.thumbnail, tuple(choice.code)) for choice in fields["choices"]
            )
            fields["directions"] = tuple(tuple(row) for row in fields.get("directions", ()))
            fields["strengths"] = tuple(fields.get("strengths", ()))
            card = cls(**fields)
        except (json.JSONDecodeError, TypeError, KeyError, AttributeError) as error:
            raise ValueError(f"not a model card: {error}") from error
        if card.task not in get_args(Task):
            raise ValueError(f"not a model card: unknown task '{card.task}'")
        if card.translation not in get_args(Translation) or bool(card.translation) != (card.task == "translate"):
            raise ValueError(f"not a model card: '{card.translation}' is no translation of the task '{card.task}'")
        for port in (*card.inputs, *card.outputs):
            if port.kind not in get_args(Kind):
                raise ValueError(f"not a model card: unknown kind '{port.kind}' of '{port.name}'")
        card._check_directions()
        card._check_codes()
        return card

    def _check_codes(self) -> None:
        if self.task != "stylize":
            return
        sizes = [port.shape[1] for port in self.inputs if port.kind == "code"]
        for choice in self.choices:
            if [len(choice.code)] != (sizes or [0]) or not all(map(_is_finite, choice.code)):
                raise ValueError(
                    f"not a model card: the code of '{choice.name}' is not {sizes[0] if sizes else 0} finite numbers"
                )

    def _check_directions(self) -> None:
        widths = [port.shape[1:] for port in self.inputs if port.kind == "latent"]
        for row in (*self.directions, self.strengths):
            if not all(map(_is_finite, row)):
                raise ValueError("not a model card: a direction or its strength is no finite number")
        for row in self.directions:
            if (len(row),) not in widths or abs(math.hypot(*row) - 1) > _ROUNDING:
                raise ValueError("not a model card: a direction is no unit vector of the latent")
        if len(self.strengths) != len(self.directions):
            raise ValueError(
                f"not a model card: {len(self.directions)} directions, but {len(self.strengths)} strengths"
            )


def _is_finite(value: object) -> bool:
    return isinstance(value, float) and math.isfinite(value)
