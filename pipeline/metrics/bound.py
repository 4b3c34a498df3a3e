"""Lower bounds of the probability that a model gives to held-back pictures."""

import numpy as np
from scipy.special import logsumexp

from pipeline.metrics.evidence import CodingEvidence, CodingMetric, Result


class Bound(CodingMetric):
    """In nats for a picture, of a density over values in [-1, 1]: higher is better, and the truth is higher still.

    `elbo` is the evidence lower bound, E_q[log w] (Kingma and Welling 2013, arXiv:1312.6114), `importance_weighted` the
    tighter log of the mean of w over `samples` codes (Burda et al. 2015, arXiv:1509.00519, eq. 8). Pictures of other
    sizes or channels have other densities: compare only models of the same data.
    """

    def compute(self, evidence: CodingEvidence) -> Result:
        weights = evidence.log_weights
        if not len(weights):
            return Result()
        tighter = logsumexp(weights, axis=0) - np.log(len(weights))
        return Result(
            {
                "elbo": float(weights.mean()),
                "importance_weighted": float(tighter.mean()),
                "samples": len(weights),
            }
        )
