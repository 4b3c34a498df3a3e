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
    "evaluate": {"samples": 32},
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
    "evaluate": {"samples": 8},
}


def write_params(path: Path, **recipes: dict[str, Any]) -> Path:
    """Write a params file that holds these recipes."""
    path.write_text(yaml.safe_dump({"recipes": recipes}), encoding="utf-8")
    return path
