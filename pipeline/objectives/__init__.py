"""Objectives, by the name that a recipe uses."""

from pipeline.contracts import Objective
from pipeline.objectives.adversarial import Adversarial
from pipeline.objectives.stylization import Stylization

OBJECTIVES: dict[str, type[Objective]] = {
    "adversarial": Adversarial,
    "stylization": Stylization,
}
