"""Adding a part is its file and one line: each key is its file's name, and each file is registered."""

from collections.abc import Mapping
from pathlib import Path

import pytest
from pydantic import BaseModel

import pipeline
from pipeline.data import SOURCES
from pipeline.descriptors import DESCRIPTORS
from pipeline.features import EXTRACTORS
from pipeline.losses import LOSSES
from pipeline.networks import NETWORKS
from pipeline.objectives import OBJECTIVES
from pipeline.tasks import TASKS

REGISTRIES: dict[str, tuple[Mapping[str, type[BaseModel]], set[str]]] = {
    "data": (SOURCES, {"dataset", "decoding", "download", "nested", "packing", "sharding"}),
    "features": (
        EXTRACTORS,
        {"bank", "extractor", "inception_net", "lpips", "patches", "similarity", "train_net", "vgg19", "weights"},
    ),
    "descriptors": (DESCRIPTORS, {"descriptor"}),
    "networks": (NETWORKS, {"coding", "dcgan_generator", "layers", "mixture", "painter", "patch", "ushape"}),
    "losses": (LOSSES, set()),
    "objectives": (OBJECTIVES, {"augmentation", "codes", "penalties", "repainting", "unpaired"}),
    "tasks": (TASKS, {"degradation"}),
}


@pytest.mark.parametrize("folder", REGISTRIES)
def test_keys_files_and_names_agree(folder: str) -> None:
    registry, helpers = REGISTRIES[folder]
    files = {path.stem for path in (Path(pipeline.__file__).parent / folder).glob("*.py")} - {"__init__"}
    assert set(registry) == files - helpers
    for key, part in registry.items():
        assert part.__module__ == f"pipeline.{folder}.{key}"
        assert part.model_fields["name"].default == key
