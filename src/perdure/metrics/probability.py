"""Log odds and probabilities, safe at both ends."""

from __future__ import annotations

import math


def logit(probability: float) -> float:
    """Returns the log odds of a probability strictly between 0 and 1.

    >>> logit(0.5)
    0.0
    """
    if not 0 < probability < 1:
        raise ValueError(f"probability: got {probability}, expected above 0 and below 1")
    return math.log(probability) - math.log1p(-probability)


def probability_of(evidence: float, logit_prior: float = 0.0) -> float:
    """Returns sigmoid(evidence + logit prior), in [0, 1].

    >>> probability_of(0.0), round(probability_of(-800.0), 3)
    (0.5, 0.0)
    """
    log_odds = evidence + logit_prior
    if log_odds >= 0:
        return 1.0 / (1.0 + math.exp(-min(log_odds, 700.0)))
    odds = math.exp(max(log_odds, -700.0))
    return odds / (1.0 + odds)
