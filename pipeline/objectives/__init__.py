"""Objectives, by the name that a recipe uses."""

from pipeline.contracts import Objective
from pipeline.objectives.adversarial import Adversarial
from pipeline.objectives.autoencoding import Autoencoding
from pipeline.objectives.stylization import Stylization
from pipeline.objectives.vae_gan import VaeGan
from pipeline.objectives.variational import Variational

OBJECTIVES: dict[str, type[Objective]] = {
    "adversarial": Adversarial,
    "autoencoding": Autoencoding,
    "stylization": Stylization,
    "vae_gan": VaeGan,
    "variational": Variational,
}
