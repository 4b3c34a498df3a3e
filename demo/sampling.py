"""Pictures out of seeds: what the Sample tab and the endpoint `/sample` do."""

import io
import json
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass

from PIL.Image import Image

from demo import __version__
from demo.arguments import one_of, real_number, whole_number
from demo.card import ModelCard
from demo.engine import Model
from demo.errors import RequestError
from demo.images import from_array
from demo.places import ANY, MAX_SEED, MAX_TRUNCATION, Picture, Pin, enlarged, parse_enlargement

STEPS = "steps"
"""The output of a model that paints in steps: its canvas after each, (N, T, C, S, S)."""
MAX_COUNT = 16


@dataclass(frozen=True, slots=True)
class SampleRequest:
    """What is asked for: `count` pictures with the seeds `seed`, `seed + 1`, ..."""

    choice: str
    seed: int
    count: int
    truncation: float
    enlarge: int

    @classmethod
    def parse(
        cls, model: Model, *, choice: object, seed: object, count: object, truncation: object, enlarge: object
    ) -> "SampleRequest":
        """Check arguments as they came from the network.

        Raises:
            RequestError: one of them is out of range.

        """
        pictures = whole_number("count", count, lowest=1, highest=MAX_COUNT)
        return cls(
            choice=one_of("class_name", choice, [ANY, *(known.name for known in model.card.choices)]),
            seed=whole_number("seed", seed, lowest=0, highest=MAX_SEED + 1 - pictures),
            count=pictures,
            truncation=real_number("truncation", truncation, lowest=0, highest=MAX_TRUNCATION),
            enlarge=parse_enlargement(enlarge),
        )


def draw_samples(model: Model, request: SampleRequest) -> list[Picture]:
    """Return the pictures of a request.

    A picture depends on the model, its own seed, its class and the truncation alone. With the class `any` the seed
    decides the class as well. So each runs by itself: kernels may round differently in batches of different sizes.
    """
    return [_draw_sample(model, request, seed) for seed in range(request.seed, request.seed + request.count)]


def draws_steps(card: ModelCard) -> bool:
    """Return whether a model paints in steps that can be looked at."""
    return any(port.name == STEPS for port in card.outputs)


def draw_steps(model: Model, request: SampleRequest) -> list[Image]:
    """Return how the first picture of a request is painted, step by step; the last one is the picture itself.

    Raises:
        RequestError: the model does not paint in steps.

    """
    if not draws_steps(model.card):
        raise RequestError(f"the model '{model.card.recipe}' does not paint in steps; choose a recurrent one")
    feeds = _pin(model, request, request.seed).feeds(model.card, request.truncation)
    return [enlarged(from_array(picture), request.enlarge) for picture in model.run(feeds, STEPS)[0]]


def file_name(sample: Picture) -> str:
    """Return the name under which a sample is saved."""
    return f"{sample.recipe['model']}-{sample.recipe['seed']}.png"


def pack_samples(samples: Sequence[Picture]) -> bytes:
    """Return a zip of the pictures and a `manifest.json` with their recipes; equal pictures give equal bytes."""
    files = {file_name(sample): sample.to_png() for sample in samples}
    recipes = [{"file": file_name(sample), **sample.recipe} for sample in samples]
    manifest = json.dumps({"software": f"Ganvas {__version__}", "pictures": recipes}, ensure_ascii=False, indent=2)
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, content in {**files, "manifest.json": manifest.encode()}.items():
            archive.writestr(zipfile.ZipInfo(name), content)
    return stream.getvalue()


def _draw_sample(model: Model, request: SampleRequest, seed: int) -> Picture:
    pin = _pin(model, request, seed)
    image = from_array(model.run(pin.feeds(model.card, request.truncation))[0])
    recipe = {
        "model": model.card.recipe,
        "sha256": model.sha256,
        "seed": seed,
        "class": pin.choice,
        "truncation": request.truncation,
        "enlarge": request.enlarge,
    }
    return Picture(enlarged(image, request.enlarge), recipe, f"{model.card.recipe}, seed {seed}")


def _pin(model: Model, request: SampleRequest, seed: int) -> Pin:
    names = [choice.name for choice in model.card.choices]
    return Pin(seed, names[seed % len(names)] if request.choice == ANY and names else request.choice if names else "")
