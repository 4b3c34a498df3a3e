"""The classifier of real pictures that the metrics ask about generated ones."""

from typing import Any

from pipeline.metrics.evidence import Float64, Int64


def fit_classifier(features: Float64, labels: Int64) -> Any:
    """Return scikit-learn's logistic regression, fitted to features (N, D) of real pictures and their labels (N,)."""
    # Takes seconds to load, and most stages that know the metrics never fit one.
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415

    return LogisticRegression(C=0.1, max_iter=5000).fit(features, labels)
