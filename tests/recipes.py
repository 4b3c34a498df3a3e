"""Tiny recipes: the real parts, in sizes that a test can train."""

from pathlib import Path
from typing import Any

import yaml

PAINTER: dict[str, Any] = {
    "description": "A tiny painter for tests",
    "data": {"name": "procedural", "size": 16, "count": 48, "families": ["mondrian", "waves"]},
    "network": {"name": "dcgan", "latent": 8, "width": 4, "normalization": "none"},
    "objective": {"name": "adversarial", "r1": 0.1},
    "loss": {"name": "nonsaturating"},
    "train": {
        "budget": {"steps": 6},
        "batch": 8,
        "learning_rates": {"generator": 1e-3, "discriminator": 1e-3},
        "log_every": 2,
        "snapshots": 3,
        "watch": {"samples": 32, "keep": "last"},
        "checkpoint_every": 2,
    },
    "export": {},
    "evaluate": {"samples": 32},
    "gate": {},
}
STYLIST: dict[str, Any] = {
    "description": "A tiny stylist for tests",
    "data": {
        "name": "contents_and_styles",
        "size": 32,
        "contents": {"name": "photographs", "count": 16},
        "styles": {"name": "procedural", "count": 16, "families": ["mondrian", "waves"]},
    },
    "network": {"name": "stylizer", "width": 16, "blocks": 1, "code": 8, "noise": 4, "patch_width": 8},
    "objective": {"name": "stylization"},
    "loss": {"name": "nonsaturating"},
    "train": {
        "budget": {"steps": 4},
        "batch": 2,
        "learning_rates": {"generator": 1e-3, "discriminator": 1e-3},
        "log_every": 2,
        "snapshots": 2,
        "checkpoint_every": 2,
    },
    "export": {"half": False},
    "evaluate": {"samples": 8},
    "gate": {},
}
TRANSLATOR: dict[str, Any] = {
    "description": "A tiny translator for tests",
    "data": {"name": "procedural", "size": 24, "count": 40, "families": ["mondrian", "waves"], "validation": 0.2},
    "network": {"name": "unet", "width": 8, "blocks": 1, "patch_width": 4, "translation": {"name": "inpaint"}},
    "objective": {"name": "paired", "warm_up": 0.5},
    "loss": {"name": "hinge"},
    "train": {
        "budget": {"steps": 4},
        "batch": 2,
        "learning_rates": {"generator": 1e-3, "discriminator": 1e-3},
        "log_every": 2,
        "snapshots": 2,
        "checkpoint_every": 2,
    },
    "export": {},
    "evaluate": {"samples": 6},
    "gate": {},
}
UNPAIRED: dict[str, Any] = {
    **TRANSLATOR,
    "description": "A tiny translator without pairs for tests",
    "data": {
        "name": "contents_and_styles",
        "size": 24,
        "validation": 0.25,
        "contents": {"name": "photographs", "count": 16},
        "styles": {"name": "procedural", "count": 16, "families": ["waves"]},
    },
    "network": {"name": "unpaired", "width": 8, "blocks": 1, "patch_width": 4, "code": 4},
    "objective": {"name": "contrastive", "places": 8},
    "loss": {"name": "least_squares"},
}


def write_params(path: Path, **recipes: dict[str, Any]) -> Path:
    """Write a params file that holds these recipes."""
    path.write_text(yaml.safe_dump({"recipes": recipes}), encoding="utf-8")
    return path
