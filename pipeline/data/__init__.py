"""Sources of pictures, by the name that a recipe uses."""

from pipeline.contracts import Source
from pipeline.data.procedural import Procedural

SOURCES: dict[str, type[Source]] = {
    "procedural": Procedural,
}
