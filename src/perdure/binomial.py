"""The binomial distribution, without SciPy: it alone would double what an installation for detections needs.

Exact to about 1e-13 by the continued fraction of the incomplete beta function (Press et al., Numerical Recipes, 6.4).
"""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float, Num

_TINY, _MAX_TERMS = 1e-300, 10_000


def beta_cdf(x: float, a: float, b: float) -> float:
    """Returns the probability that a beta variable with parameters a, b > 0 is at most x.

    >>> round(beta_cdf(0.5, 2.0, 2.0), 12), beta_cdf(0.0, 1.0, 3.0), beta_cdf(1.0, 1.0, 3.0)
    (0.5, 0.0, 1.0)
    """
    if not 0 < x < 1:
        return float(x >= 1)
    if x > (a + 1) / (a + b + 2):
        return 1.0 - beta_cdf(1.0 - x, b, a)
    log_front = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)
    return math.exp(log_front) / (a * _fraction(x, a, b))


def _fraction(x: float, a: float, b: float) -> float:
    """Returns the continued fraction by Lentz's method."""
    value = numerator = 1.0
    denominator = 0.0
    for term in range(1, _MAX_TERMS):
        m = term // 2
        if term % 2:
            step = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        else:
            step = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        denominator = 1.0 / (1.0 + step * denominator or _TINY)
        numerator = 1.0 + step / numerator or _TINY
        value *= numerator * denominator
        if abs(numerator * denominator - 1.0) < 1e-15:
            break
    return value


def failures_before(successes: int, share: float, *, sure: float) -> int:
    """Returns the number of failures that does not come before so many successes with probability `sure`.

    Args:
        successes: how many are waited for.
        share: probability of each to be one, above 0.
        sure: below 1.

    >>> failures_before(1, 0.5, sure=0.9), failures_before(1, 0.5, sure=0.25)
    (3, 0)
    """
    low, high = -1, 1
    while beta_cdf(share, successes, high + 1) < sure:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if beta_cdf(share, successes, middle + 1) < sure else (low, middle)
    return high


def beta_quantile(share: float, a: float, b: float) -> float:
    """Returns x such that a beta variable is at most x with probability `share`, between 0 and 1.

    >>> round(beta_quantile(0.5, 3.0, 3.0), 12)
    0.5
    """
    low, high = 0.0, 1.0
    log_front = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b)
    x = a / (a + b)
    for _ in range(200):
        error = beta_cdf(x, a, b) - share
        low, high = (x, high) if error < 0 else (low, x)
        log_density = log_front + (a - 1) * math.log(x) + (b - 1) * math.log1p(-x)
        newton = x - error / math.exp(log_density) if log_density > -600 else low
        following = newton if low < newton < high else (low + high) / 2
        if abs(following - x) <= 1e-15 * x:
            return following
        x = following
    return x


def binomial_cdf(
    num: Num[np.ndarray, " *k"] | float, num_trials: Num[np.ndarray, " *n"] | float, rate: float
) -> Float[np.ndarray, " *shape"]:
    """Returns the probability of at most `num` successes among `num_trials`, each with probability `rate`.

    >>> float(binomial_cdf(1, 2, 0.5)), float(binomial_cdf(-1, 5, 0.1)), float(binomial_cdf(5, 5, 0.1))
    (0.75, 0.0, 1.0)
    """
    return np.asarray(np.vectorize(_cdf, otypes=[np.float64])(num, num_trials, rate))


def _cdf(num: float, num_trials: float, rate: float) -> float:
    if num < 0:
        return 0.0
    successes = math.floor(num)
    return 1.0 if num >= num_trials else beta_cdf(1.0 - rate, num_trials - successes, successes + 1.0)
