"""Whether evidence is what it claims to be, a log-likelihood ratio of the two classes, and how well a score ranks them.

Classes are weighed alike whatever their numbers, as evidence has no prior in it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float
from scipy.special import expit
from scipy.stats import rankdata

from perdure.metrics.sweep import class_balance

NUM_BINS = 15
"""Bins of equal width on the probability axis."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibrationByAge:
    """Calibration of probabilities at every age; NaN at ages that tracks of only one class reach.

    Args:
        expected_calibration_error: mean |probability - observed share| over bins, in [0, 1], lower is better.
        negative_log_likelihood: nats per track, at least 0, log 2 without any knowledge, lower is better.
    """

    expected_calibration_error: Float[np.ndarray, " l"]
    negative_log_likelihood: Float[np.ndarray, " l"]


def calibration_by_age(evidence: Float[np.ndarray, "n l"], is_persistent: Bool[np.ndarray, " n"]) -> CalibrationByAge:
    """Returns calibration error and log likelihood at every age, over the tracks that are still there.

    Args:
        evidence: nats, prior removed, NaN after a track's end.
        is_persistent: truth.

    >>> ages = calibration_by_age(np.zeros((4, 2)), np.array([True, True, False, True]))
    >>> ages.negative_log_likelihood.round(4).tolist(), ages.expected_calibration_error.round(4).tolist()
    ([0.6931, 0.6931], [0.0, 0.0])
    """
    columns = [_at_age(evidence[:, column], is_persistent) for column in range(evidence.shape[1])]
    values = np.array(columns).reshape(-1, 2)
    return CalibrationByAge(expected_calibration_error=values[:, 0], negative_log_likelihood=values[:, 1])


def _at_age(evidence: Float[np.ndarray, " n"], is_persistent: Bool[np.ndarray, " n"]) -> tuple[float, float]:
    is_there = ~np.isnan(evidence)
    value, truth = evidence[is_there], is_persistent[is_there]
    if truth.all() or not truth.any():
        return np.nan, np.nan
    weight = np.where(truth, 0.5 / truth.sum(), 0.5 / (~truth).sum())
    probability = expit(value)
    # log(1 + e^-x) of the evidence for the right side, safe for large values.
    nll = float((weight * np.logaddexp(0.0, np.where(truth, -value, value))).sum())
    place = np.minimum((probability * NUM_BINS).astype(np.int64), NUM_BINS - 1)
    difference = np.bincount(place, weights=weight * (probability - truth), minlength=NUM_BINS)
    return float(np.abs(difference).sum()), nll


def reliability_rows(
    evidence: Float[np.ndarray, "n l"],
    is_persistent: Bool[np.ndarray, " n"],
    *,
    ages: Sequence[int],
    num_bins: int = 10,
) -> list[dict[str, float]]:
    """Returns, by age and bin of the probability, what was said and how often it was so.

    Args:
        evidence: nats, prior removed, NaN after a track's end.
        is_persistent: truth.
        ages: that are looked at, birth = 1; those that tracks of one class alone reach are left out.
        num_bins: bins of equal width on the probability axis; empty ones are left out.

    Returns:
        Rows of `age`, `mean_probability`, `share_persistent` (both in [0, 1], classes weighed alike; equal where the
        evidence is what it claims to be) and `num_tracks`.

    >>> rows = reliability_rows(np.zeros((4, 1)), np.array([True, True, False, True]), ages=[1])
    >>> [[round(row[name], 6) for name in ("mean_probability", "share_persistent", "num_tracks")] for row in rows]
    [[0.5, 0.5, 4]]
    """
    rows = []
    for age in ages:
        is_there = ~np.isnan(evidence[:, age - 1])
        truth, probability = is_persistent[is_there], expit(evidence[is_there, age - 1])
        if truth.all() or not truth.any():
            continue
        weight = class_balance(truth)
        place = np.minimum((probability * num_bins).astype(np.int64), num_bins - 1)
        for number in np.unique(place):
            own = place == number
            share = weight[own] / weight[own].sum()
            rows.append(
                {
                    "age": int(age),
                    "mean_probability": float(share @ probability[own]),
                    "share_persistent": float(share @ truth[own]),
                    "num_tracks": int(own.sum()),
                }
            )
    return rows


@dataclass(frozen=True, slots=True, kw_only=True)
class MartingaleCheck:
    """Mean of exp(evidence) over transient tracks, which is 1 at every age for a true log-likelihood ratio.

    Args:
        mean: per age; above 1 means that evidence for "persistent" is overstated.
        standard_error: per age; it grows fast with age, since the law of exp(evidence) has a heavy tail.
    """

    mean: Float[np.ndarray, " l"]
    standard_error: Float[np.ndarray, " l"]


def martingale_check(evidence: Float[np.ndarray, "n l"], is_persistent: Bool[np.ndarray, " n"]) -> MartingaleCheck:
    """Returns the mean of exp(evidence) over transient tracks at every age (Ville's martingale).

    After its end a track keeps its last evidence: a stopped martingale is one too.

    Args:
        evidence: nats, prior removed, NaN after a track's end.
        is_persistent: truth.

    Raises:
        ValueError: there are fewer than 2 transient tracks.

    >>> check = martingale_check(np.zeros((4, 3)), np.array([True, False, False, False]))
    >>> check.mean.tolist(), check.standard_error.tolist()
    ([1.0, 1.0, 1.0], [0.0, 0.0, 0.0])
    """
    transient = evidence[~is_persistent].astype(np.float64)
    if len(transient) < 2:
        raise ValueError(f"martingale check: got {len(transient)} transient tracks, need at least 2")
    for column in range(1, transient.shape[1]):
        ended = np.isnan(transient[:, column])
        transient[ended, column] = transient[ended, column - 1]
    odds = np.exp(np.minimum(transient, 700.0))
    return MartingaleCheck(mean=odds.mean(axis=0), standard_error=odds.std(axis=0, ddof=1) / np.sqrt(len(odds)))


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
