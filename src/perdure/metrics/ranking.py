"""How well a score ranks one class above the other."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float
from scipy.stats import rankdata


def area_under_curve(score: Float[np.ndarray, " n"], is_positive: Bool[np.ndarray, " n"]) -> float:
    """Returns P(score of a positive > score of a negative), ties counted half: in [0, 1], 0.5 is chance.

    Raises:
        ValueError: a class has no member.

    >>> area_under_curve(np.array([1.0, 2.0, 3.0]), np.array([False, False, True]))
    1.0
    """
    num_positive, num_negative = int(is_positive.sum()), int((~is_positive).sum())
    if not num_positive or not num_negative:
        raise ValueError(f"area_under_curve: got {num_positive} positives and {num_negative} negatives, need both")
    ranks = rankdata(score)
    above = ranks[is_positive].sum() - num_positive * (num_positive + 1) / 2
    return float(above / (num_positive * num_negative))
