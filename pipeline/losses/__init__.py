"""Losses, by the name that a recipe uses."""

from pipeline.contracts import Loss
from pipeline.losses.gaussian import Gaussian
from pipeline.losses.hinge import Hinge
from pipeline.losses.least_squares import LeastSquares
from pipeline.losses.minimax import Minimax
from pipeline.losses.nonsaturating import NonSaturating
from pipeline.losses.relativistic import Relativistic
from pipeline.losses.wasserstein import Wasserstein

LOSSES: dict[str, type[Loss]] = {
    "gaussian": Gaussian,
    "hinge": Hinge,
    "least_squares": LeastSquares,
    "minimax": Minimax,
    "nonsaturating": NonSaturating,
    "relativistic": Relativistic,
    "wasserstein": Wasserstein,
}
