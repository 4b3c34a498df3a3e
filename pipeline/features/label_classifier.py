"""A feature space of the recipe's own labels: what a classifier of its training pictures sees in them."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, TypeAlias

import numpy as np
import torch
from pydantic import Field
from torch import nn

from pipeline.contracts import LARGEST_SEED
from pipeline.data.dataset import Dataset
from pipeline.data.download import cache_folder
from pipeline.errors import DataError
from pipeline.features import ganvas_net
from pipeline.features.extractor import Extractor, FeatureSpace, Float64, Int64, Uint8
from pipeline.workspace import writing

VERSION = 1
_TAUGHT = 10_000
_STEPS = 400
_RATE = 3e-3
_DECAY = 0.03

Arrays: TypeAlias = Mapping[str, Float64]


class LabelClassifier(Extractor):
    """A hidden layer and a softmax on `ganvas_net`, trained on the training pictures' labels: the layer's activations.

    It sees what tells the recipe's classes apart and little else. Trained once for each data set and kept in the cache;
    the report holds its accuracy on held-back pictures.
    """

    name: Literal["label_classifier"] = "label_classifier"
    hidden: int = Field(64, ge=2, le=1024, description="features")
    seed: int = Field(0, ge=0, le=LARGEST_SEED, description="of the classifier's training")

    def open(self, dataset: Dataset) -> FeatureSpace:
        if len(dataset.image.classes) < 2 or not len(dataset.validation):
            raise DataError(
                "the extractor 'label_classifier' needs two classes and held-back pictures; set "
                "evaluate.extractor.name to ganvas_net, or data.validation above 0",
            )
        path = cache_folder() / "classifiers" / f"{self._key(dataset)}.npz"
        if not path.is_file():
            _write(path, self._train(dataset))
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}

        def measure(pictures: Uint8) -> Float64:
            return _hidden(arrays, ganvas_net.measure(pictures))

        facts = {
            "name": self.name,
            "version": VERSION,
            "accuracy": round(float(arrays["accuracy"]), 4),
            "held_back": len(dataset.validation),
        }
        return FeatureSpace(measure, facts)

    def _key(self, dataset: Dataset) -> str:
        """Return what names the classifier in the cache: all that decides its weights."""
        decisive = (VERSION, self.model_dump_json(), dataset.digest, ganvas_net.checksum(ganvas_net.WEIGHTS))
        return hashlib.sha256(repr(decisive).encode()).hexdigest()[:24]

    def _train(self, dataset: Dataset) -> Arrays:
        """Return the weights, and the accuracy on the held-back pictures."""
        space = FeatureSpace(ganvas_net.measure, {})
        chosen = np.sort(np.random.default_rng(self.seed).permutation(dataset.training)[:_TAUGHT])
        features = space(dataset.images, chosen, what="label_classifier: measuring training pictures")
        arrays = _fit(features, dataset.labels[chosen], len(dataset.image.classes), hidden=self.hidden, seed=self.seed)
        asked = space(dataset.images, dataset.validation, what="label_classifier: measuring held-back pictures")
        found = (_hidden(arrays, asked) @ arrays["output.weight"].T + arrays["output.bias"]).argmax(axis=1)
        return {**arrays, "accuracy": (found == dataset.labels[dataset.validation]).mean()}


def _fit(features: Float64, labels: Int64, classes: int, *, hidden: int, seed: int) -> Arrays:
    """Return the weights of the two layers, trained on all features (N, F) at once by AdamW on the cross entropy."""
    mean, scale = features.mean(axis=0), features.std(axis=0) + 1e-6
    inputs, wanted = torch.from_numpy((features - mean) / scale).float(), torch.from_numpy(labels)
    random = torch.Generator().manual_seed(seed)
    layers = {"input": nn.Linear(features.shape[1], hidden), "output": nn.Linear(hidden, classes)}
    for layer in layers.values():
        nn.init.kaiming_normal_(layer.weight, nonlinearity="relu", generator=random)
        nn.init.zeros_(layer.bias)
    parameters = [parameter for layer in layers.values() for parameter in layer.parameters()]
    optimizer = torch.optim.AdamW(parameters, _RATE, weight_decay=_DECAY)
    for _ in range(_STEPS):
        optimizer.zero_grad(set_to_none=True)
        loss = nn.functional.cross_entropy(layers["output"](layers["input"](inputs).relu()), wanted)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    weights = {
        f"{name}.{part}": weight.numpy().astype(np.float64)
        for name, layer in layers.items()
        for part, weight in layer.state_dict().items()
    }
    return {"mean": mean, "scale": scale, **weights}


def _hidden(arrays: Arrays, features: Float64) -> Float64:
    """Return the hidden layer's activations (N, H) for features (N, F) of `ganvas_net`."""
    inputs = (features - arrays["mean"]) / arrays["scale"]
    activations: Float64 = np.maximum(inputs @ arrays["input.weight"].T + arrays["input.bias"], 0)
    return activations


def _write(path: Path, arrays: Arrays) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with writing(path) as scratch, scratch.open("wb") as stream:
        np.savez(stream, **arrays)  # type: ignore[arg-type]
