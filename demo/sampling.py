"""Pictures out of seeds: what the Sample tab and the endpoint `/sample` do."""

import io
import json
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL.Image import Image, Resampling

from demo import __version__
from demo.arguments import one_of, real_number, whole_number
from demo.engine import Feeds, Model, draw_inputs
from demo.errors import RequestError
from demo.images import from_array, to_png

ANY = "any"
STEPS = "steps"
"""The output of a model that paints in steps: its canvas after each, (N, T, C, S, S)."""
MAX_SEED = 2**32 - 1
MAX_COUNT = 16
MAX_TRUNCATION = 1.5
ENLARGEMENTS = (1, 2, 4, 8)


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
        factor = whole_number("enlarge", enlarge, lowest=min(ENLARGEMENTS), highest=max(ENLARGEMENTS))
        return cls(
            choice=one_of("class_name", choice, [ANY, *(known.name for known in model.card.choices)]),
            seed=whole_number("seed", seed, lowest=0, highest=MAX_SEED + 1 - pictures),
            count=pictures,
            truncation=real_number("truncation", truncation, lowest=0, highest=MAX_TRUNCATION),
            enlarge=int(one_of("enlarge", str(factor), [str(known) for known in ENLARGEMENTS])),
        )


@dataclass(frozen=True, slots=True)
class Sample:
    """One picture and all that is needed to make it again."""

    image: Image
    recipe: dict[str, Any]

    @property
    def file_name(self) -> str:
        return f"{self.recipe['model']}-{self.recipe['seed']}.png"

    def to_png(self) -> bytes:
        """Return the picture as PNG whose text chunks carry its recipe."""
        return to_png(
            self.image,
            {
                "Software": f"Ganvas {__version__}",
                "Title": f"{self.recipe['model']}, seed {self.recipe['seed']}",
                "ganvas.recipe": json.dumps(self.recipe, ensure_ascii=False),
            },
        )


def draw_samples(model: Model, request: SampleRequest) -> list[Sample]:
    """Return the pictures of a request.

    A picture depends on the model, its own seed, its class and the truncation alone. With the class `any` the seed
    decides the class as well. So each runs by itself: kernels may round differently in batches of different sizes.
    """
    return [_draw_sample(model, request, seed) for seed in range(request.seed, request.seed + request.count)]


def draw_steps(model: Model, request: SampleRequest) -> list[Image]:
    """Return how the first picture of a request is painted, step by step; the last one is the picture itself.

    Raises:
        RequestError: the model does not paint in steps.

    """
    if all(port.name != STEPS for port in model.card.outputs):
        raise RequestError(f"the model '{model.card.recipe}' does not paint in steps; choose a recurrent one")
    index = _class_index(model, request, request.seed)
    feeds = _feeds(model, request.seed, index, request.truncation)
    return [_enlarged(from_array(picture), request.enlarge) for picture in model.run(feeds, STEPS)[0]]


def pack_samples(samples: Sequence[Sample]) -> bytes:
    """Return a zip of the pictures and a `manifest.json` with their recipes; equal pictures give equal bytes."""
    files = {sample.file_name: sample.to_png() for sample in samples}
    recipes = [{"file": sample.file_name, **sample.recipe} for sample in samples]
    manifest = json.dumps({"software": f"Ganvas {__version__}", "pictures": recipes}, ensure_ascii=False, indent=2)
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, content in {**files, "manifest.json": manifest.encode()}.items():
            archive.writestr(zipfile.ZipInfo(name), content)
    return stream.getvalue()


def _draw_sample(model: Model, request: SampleRequest, seed: int) -> Sample:
    names = [choice.name for choice in model.card.choices]
    index = _class_index(model, request, seed)
    image = from_array(model.run(_feeds(model, seed, index, request.truncation))[0])
    recipe = {
        "model": model.card.recipe,
        "sha256": model.sha256,
        "seed": seed,
        "class": names[index] if names else "",
        "truncation": request.truncation,
        "enlarge": request.enlarge,
    }
    return Sample(_enlarged(image, request.enlarge), recipe)


def _class_index(model: Model, request: SampleRequest, seed: int) -> int:
    names = [choice.name for choice in model.card.choices]
    return seed % len(names) if request.choice == ANY and names else names.index(request.choice) if names else 0


def _enlarged(image: Image, factor: int) -> Image:
    size = (image.width * factor, image.height * factor)
    return image if factor == 1 else image.resize(size, Resampling.LANCZOS)


def _feeds(model: Model, seed: int, index: int, truncation: float) -> Feeds:
    """Return the inputs for one picture of class `index`.

    A graph that truncates by itself takes the share up to 1; what goes beyond scales the latent, as all of it does in
    other graphs. Noise is not truncated.
    """
    feeds = draw_inputs(model.card, [seed])
    within = any(port.kind == "degree" for port in model.card.inputs)
    for port in model.card.inputs:
        match port.kind:
            case "latent":
                feeds[port.name] = feeds[port.name] * np.float32(max(truncation, 1) if within else truncation)
            case "degree":
                feeds[port.name] = np.full((1, 1), min(truncation, 1), dtype=np.float32)
            case "weights":
                feeds[port.name] = np.eye(int(port.shape[1]), dtype=np.float32)[[index]]
    return feeds
