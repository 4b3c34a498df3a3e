"""Pictures out of seeds: what the Sample tab and the endpoint `/sample` do."""

import io
import json
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass

from demo import __version__
from demo.arguments import one_of, real_number, whole_number
from demo.engine import Model
from demo.images import from_array
from demo.places import ANY, MAX_SEED, MAX_TRUNCATION, Picture, Pin, enlarged, parse_enlargement

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
    names = [choice.name for choice in model.card.choices]
    pin = Pin(seed, names[seed % len(names)] if request.choice == ANY and names else request.choice if names else "")
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
