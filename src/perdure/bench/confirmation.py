"""How early and how safely real tracks are confirmed, for any method that gives each track a number at every age.

A track is confirmed at the first age at which its number reaches a threshold. Lower thresholds confirm more tracks,
earlier, TRUE and FALSE ones alike; what is compared is the cost at a false-confirm rate. Knows no method.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from perdure.metrics.intervals import binomial_interval

NUM_RESAMPLES = 1000
"""Bootstrap resamples of sequences."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Operating:
    """What a threshold does.

    Args:
        threshold: least number that confirms.
        tpr: share of TRUE tracks confirmed.
        cost: mean age at which TRUE tracks are confirmed, a miss charged one more than the last age.
        false_confirm_rate: share of FALSE tracks confirmed.
    """

    threshold: float
    tpr: float
    cost: float
    false_confirm_rate: float


def running_best(statistic: Float[np.ndarray, "n l"], is_valid: Bool[np.ndarray, "n l"]) -> Float[np.ndarray, "n l"]:
    """Returns the largest number of each track up to every age; minus infinity where it never had one."""
    kept = np.where(is_valid & ~np.isnan(statistic), statistic, -np.inf)
    return np.maximum.accumulate(kept, axis=1)


def cap_threshold(top: Float[np.ndarray, " n"], cap: float, weight: Float[np.ndarray, " n"] | None = None) -> float:
    """Returns the lowest threshold that confirms at most a share `cap` of tracks with these largest numbers.

    Args:
        top: largest number of each FALSE track.
        cap: share.
        weight: how often each track counts; once by default.

    >>> cap_threshold(np.array([1.0, 2.0, 3.0, 4.0]), 0.25) > 3.0
    True
    """
    order = np.argsort(top)[::-1]
    counted = np.ones(len(top)) if weight is None else weight[order]
    over = np.cumsum(counted) > cap * counted.sum() + 1e-9
    if not over.any():
        return -math.inf
    return float(np.nextafter(top[order][np.argmax(over)], np.inf))


def operating_point(
    best: Float[np.ndarray, "n l"], is_persistent: Bool[np.ndarray, " n"], threshold: float
) -> Operating:
    """Returns what a threshold does to tracks with these running largest numbers."""
    # Minus infinity means "no number yet", which no threshold confirms.
    is_confirmed = (best >= threshold) & (best > -math.inf)
    true, false = is_confirmed[is_persistent], is_confirmed[~is_persistent]
    return Operating(
        threshold=threshold,
        tpr=float(true[:, -1].mean()),
        cost=float(1 + (~true).sum(axis=1).mean()),
        false_confirm_rate=float(false[:, -1].mean()),
    )


def swept_point(best: Float[np.ndarray, "n l"], is_persistent: Bool[np.ndarray, " n"], cap: float) -> Operating:
    """Returns the operating point with the lowest threshold that keeps the cap on these very tracks."""
    return operating_point(best, is_persistent, cap_threshold(best[~is_persistent, -1], cap))


def cost_resamples(
    best: Float[np.ndarray, "n l"],
    is_persistent: Bool[np.ndarray, " n"],
    group: Int[np.ndarray, " n"],
    cap: float,
    drawn: Int[np.ndarray, "r g"],
) -> Float[np.ndarray, " r"]:
    """Returns the cost at a cap, its threshold swept anew, on each resample of groups; NaN without TRUE tracks.

    Args:
        best: running largest numbers.
        is_persistent: labels.
        group: number of each track's group, 0 to g - 1.
        cap: false-confirm rate.
        drawn: groups of each resample; the same draws for several methods pair them.
    """
    true, top = best[is_persistent], best[~is_persistent, -1]
    costs = np.full(len(drawn), np.nan)
    for row, groups in enumerate(drawn):
        times = np.bincount(groups, minlength=drawn.shape[1]).astype(np.float64)
        weight = times[group]
        if not weight[is_persistent].any() or not weight[~is_persistent].any():
            continue
        threshold = cap_threshold(top, cap, weight[~is_persistent])
        waits = ((true < threshold) | (true == -math.inf)).sum(axis=1)
        costs[row] = 1 + np.average(waits, weights=weight[is_persistent])
    return costs


def interval95(values: Float[np.ndarray, " r"]) -> tuple[float, float]:
    """Returns the percentile interval of resampled values."""
    low, high = np.nanquantile(values, [0.025, 0.975])
    return float(low), float(high)


def safe_threshold(
    best: Float[np.ndarray, "n l"],
    is_persistent: Bool[np.ndarray, " n"],
    group: Int[np.ndarray, " n"],
    cap: float,
    *,
    confidence: float = 0.95,
    share: float = 0.9,
) -> float:
    """Returns a threshold for sequences not seen: one that would have been safe on `share` of the seen ones.

    For each sequence it is the lowest threshold at which its false-confirm rate is not significantly above the cap
    (exact one-sided lower limit at most the cap); over sequences the order statistic that a new, exchangeable sequence
    exceeds with probability at most 1 - share (the largest one where there are too few). Never below the threshold
    that keeps the cap on all FALSE tracks together.

    Args:
        best: running largest numbers of tracks whose sequence the numbers were not fitted on.
        is_persistent: labels.
        group: sequence of each track.
        cap: false-confirm rate.
        confidence: of the lower limit.
        share: of sequences.
    """
    top = best[~is_persistent, -1]
    owner = group[~is_persistent]
    safe = []
    for one in np.unique(owner):
        own = np.sort(top[owner == one])[::-1]
        allowed = most_allowed(len(own), cap, confidence)
        safe.append(float(np.nextafter(own[allowed], np.inf)) if allowed < len(own) else -math.inf)
    rank = math.ceil(share * (len(safe) + 1))
    ordered = sorted(safe)
    return max(ordered[min(rank, len(ordered)) - 1], cap_threshold(top, cap))


def most_allowed(num: int, cap: float, confidence: float) -> int:
    """Returns the largest number of false confirms whose exact one-sided lower limit is at most the cap."""
    allowed = 0
    while allowed < num and lower_limit(allowed + 1, num, confidence) <= cap:
        allowed += 1
    return allowed


def lower_limit(num_false: int, num: int, confidence: float = 0.95) -> float:
    """Returns the exact one-sided lower limit of a share."""
    return binomial_interval(num_false, num, confidence=2 * confidence - 1)[0]
