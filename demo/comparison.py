"""Models beside each other: the same seeds, how large the files are and how long they take, and the table of a zoo."""

import json
import statistics
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from demo.arguments import whole_number
from demo.engine import Model
from demo.errors import ModelError, RequestError
from demo.places import ANY, Picture
from demo.sampling import SampleRequest, draw_samples

MAX_MODELS = 8
MAX_COUNT = 16
COLUMNS = (
    *("recipe", "version", "sha256", "task", "translation", "data", "extractor", "quality", "diversity", "bound"),
    *("error", "kilobytes", "minutes", "milliseconds", "description"),
)
"""Those of the table, as `pipeline.compare.Row` says what they mean."""


@dataclass(frozen=True, slots=True)
class Side:
    """What one model made: its pictures, the size of its files together, and the median time of one picture here."""

    name: str
    samples: list[Picture]
    kilobytes: float
    milliseconds: float


def side_by_side(models: Mapping[str, Model], *, seed: object, count: object, enlarge: object = 1) -> list[Side]:
    """Return what each model makes of the seeds `seed`, `seed + 1`, ...; the seed decides the class as well.

    Raises:
        RequestError: an argument is out of range, or there are no models, or too many.
        ModelError: a model fails.

    """
    if not 1 <= len(models) <= MAX_MODELS:
        raise RequestError(f"choose 1 to {MAX_MODELS} models to compare, not {len(models)}")
    pictures = whole_number("count", count, lowest=1, highest=MAX_COUNT)
    sides = []
    for name, model in models.items():
        request = SampleRequest.parse(model, choice=ANY, seed=seed, count=pictures, truncation=1, enlarge=enlarge)
        samples, times = [], []
        for place in range(request.count):
            begun = time.perf_counter()
            one = SampleRequest(ANY, request.seed + place, 1, request.truncation, request.enlarge)
            samples += draw_samples(model, one)
            times.append(1000 * (time.perf_counter() - begun))
        size = sum(file.stat().st_size for file in model.folder.glob("*.onnx"))
        sides.append(Side(name, samples, round(size / 1000, 1), round(statistics.median(times), 2)))
    return sides


def read_table(path: Path) -> list[dict[str, Any]]:
    """Return the rows that `python -m pipeline compare` wrote as JSON, in their order; none where there is no file.

    Raises:
        ModelError: the file is damaged.

    """
    try:
        return [{name: row[name] for name in COLUMNS} for row in json.loads(path.read_text(encoding="utf-8"))]
    except FileNotFoundError:
        return []
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise ModelError(
            f"{path} cannot be read ({error!r}); make it anew with `python -m pipeline compare`"
        ) from error
