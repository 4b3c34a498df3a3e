"""Losses, by the name that a recipe uses."""

from pipeline.contracts import Loss

LOSSES: dict[str, type[Loss]] = {}
