"""Sources of pictures, by the name that a recipe uses."""

from pipeline.contracts import Source

SOURCES: dict[str, type[Source]] = {}
