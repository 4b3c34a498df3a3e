"""Objectives, by the name that a recipe uses."""

from pipeline.contracts import Objective

OBJECTIVES: dict[str, type[Objective]] = {}
