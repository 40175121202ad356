"""Intervals for shares and for means over clips."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from jaxtyping import Float, Int

from perdure.binomial import beta_quantile


def binomial_interval(num_hits: int, num_trials: int, confidence: float = 0.95) -> tuple[float, float]:
    """Returns the exact (Clopper-Pearson) interval of a share, (0, 1) where nothing was tried.

    Its coverage is at least `confidence` for every true share (Clopper & Pearson, Biometrika 1934).

    Raises:
        ValueError: counts or confidence are out of range.

    >>> low, high = binomial_interval(0, 100)
    >>> low, round(high, 4)
    (0.0, 0.0362)
    """
    if not 0 <= num_hits <= num_trials:
        raise ValueError(f"num_hits: got {num_hits} of {num_trials} trials, expected 0 to num_trials")
    if not 0 < confidence < 1:
        raise ValueError(f"confidence: got {confidence}, expected above 0 and below 1")
    tail, num_misses = (1 - confidence) / 2, num_trials - num_hits
    low = beta_quantile(tail, num_hits, num_misses + 1) if num_hits else 0.0
    high = beta_quantile(1 - tail, num_hits + 1, num_misses) if num_misses else 1.0
    return low, high


def bootstrap_interval(
    num_units: int,
    statistic: Callable[[Int[np.ndarray, "resample unit"]], Float[np.ndarray, " resample"]],
    *,
    rng: np.random.Generator,
    num_resamples: int = 2000,
    confidence: float = 0.95,
) -> tuple[float, float]:
    """Returns the percentile bootstrap interval of a statistic of independent units (clips, not tracks).

    Args:
        num_units: number of units that are drawn with replacement.
        statistic: maps drawn units, one resample a row, to one value a row; NaN values are left out.
        rng: draws the resamples.
        num_resamples: resamples.
        confidence: coverage that is aimed at.

    Raises:
        ValueError: there is no unit.

    >>> values = np.arange(100.0)
    >>> mean = lambda drawn: values[drawn].mean(axis=1)
    >>> low, high = bootstrap_interval(100, mean, rng=np.random.default_rng(0))
    >>> low < values.mean() < high and 9 < high - low < 13
    True
    """
    if num_units < 1:
        raise ValueError("bootstrap: got no units, expected at least one clip")
    drawn = rng.integers(num_units, size=(num_resamples, num_units))
    tail = (1 - confidence) / 2
    values = statistic(drawn)
    low, high = np.nanquantile(values, [tail, 1 - tail])
    return float(low), float(high)
