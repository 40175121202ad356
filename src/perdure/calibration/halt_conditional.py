"""Bounds per age that keep the error among early decisions, for every meaning of "early".

A guarantee on the rates over all tracks lets the earliest decisions be much worse than the rest. Here, with
probability at least 1 - delta over calibration, P(wrong | decided at age t or before) <= max_error for all t at once
(Ringel et al., ICML 2024: greedy search on one half, fixed-sequence test on the other). Unlike the two rates, this
error depends on the mixture of the classes, which is that of the calibration tracks.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from perdure.binomial import binomial_cdf
from perdure.calibration.scores import CalibrationScores
from perdure.calibration.symmetric import spread
from perdure.stopping.rules import AgeBounds, OnTimeout

NUM_BOUNDS = 60
"""Bounds tried per age in the greedy search."""
SEARCH_SHARE = 0.2
"""The search asks for a p-value this much smaller: bounds that just pass on one half would fail on the other."""


@dataclass(frozen=True, slots=True)
class _Tracks:
    """Evidence (NaN after the end) and truth of some tracks."""

    scores: Float[np.ndarray, "n h"]
    is_persistent: Bool[np.ndarray, " n"]

    def take(self, rows: Int[np.ndarray, " m"]) -> _Tracks:
        return _Tracks(self.scores[rows], self.is_persistent[rows])

    def is_wrong(self, column: int) -> Bool[np.ndarray, " n"]:
        """Returns which tracks would be called wrongly at one age; evidence 0 counts as persistent."""
        return (self.scores[:, column] >= 0) != self.is_persistent


def calibrate_halt_conditional(
    scores: CalibrationScores,
    *,
    max_error: float = 0.05,
    delta: float = 0.05,
    horizon: int,
    on_timeout: OnTimeout = "persistent",
    rng: np.random.Generator,
) -> AgeBounds:
    """Returns bounds per age with P(wrong | decided at age t or before) <= max_error for every t below the horizon.

    Decisions that the horizon or a deletion forces are not early and are not covered; ages whose bound could not be
    proven never decide.

    Args:
        scores: calibration tracks of both classes, in the mixture that is to be expected.
        max_error: largest share of wrong decisions among those at age t or before, above 0 and below 1.
        delta: probability over calibration that some t exceeds it.
        horizon: age at which a decision is forced.
        on_timeout: what a forced decision says.
        rng: splits the tracks in half.

    Raises:
        ValueError: a rate is out of range, or there are fewer than 4 tracks.
    """
    for name, value in (("max_error", max_error), ("delta", delta)):
        if not 0 < value < 1:
            raise ValueError(f"{name}: got {value}, expected above 0 and below 1")
    scores = scores.up_to(horizon)
    num_persistent = len(scores.persistent)
    all_scores = np.concatenate([scores.persistent, scores.transient])
    if len(all_scores) < 4:
        raise ValueError(f"calibration: got {len(all_scores)} tracks, need at least 4; add clips")
    tracks = _Tracks(all_scores, np.arange(len(all_scores)) < num_persistent)
    rows = rng.permutation(len(all_scores))
    half = len(rows) // 2
    candidates = _greedy_bounds(tracks.take(rows[:half]), max_error=max_error, p_value=delta * SEARCH_SHARE)
    bounds = _proven_bounds(tracks.take(rows[half:]), candidates, max_error=max_error, delta=delta)
    return AgeBounds(bounds=tuple(bounds), horizon=horizon, on_timeout=on_timeout)


def _greedy_bounds(tracks: _Tracks, *, max_error: float, p_value: float) -> list[float]:
    """Returns per age the smallest bound with which the error of all decisions so far would be proven."""
    is_open = np.ones(len(tracks.scores), dtype=bool)
    num_decided = num_wrong = 0
    bounds = []
    for column in range(tracks.scores.shape[1]):
        size, wrong = np.abs(tracks.scores[:, column]), tracks.is_wrong(column)
        is_open &= ~np.isnan(size)
        tried = spread(np.unique(size[is_open]), NUM_BOUNDS)
        decided = is_open & (size >= tried[:, None])
        total = num_decided + decided.sum(axis=1)
        errors = num_wrong + (decided & wrong).sum(axis=1)
        proven = np.flatnonzero(binomial_cdf(errors, total, max_error) <= p_value)
        if len(proven):
            first = int(proven[0])
            num_decided, num_wrong = int(total[first]), int(errors[first])
            is_open &= ~decided[first]
        bounds.append(float(tried[proven[0]]) if len(proven) else math.inf)
    return bounds


def _proven_bounds(tracks: _Tracks, candidates: list[float], *, max_error: float, delta: float) -> list[float]:
    """Returns the candidates from the first age on from which every later one is proven; infinity before it."""
    proven = [math.inf] * len(candidates)
    for start in range(len(candidates) - 1, -1, -1):
        if math.isinf(candidates[start]):
            continue  # an age that never decides adds nothing that has to be proven
        trial = [*proven[:start], *candidates[start:]]
        decided, wrong = _totals(tracks, trial)
        if (binomial_cdf(wrong, decided, max_error)[start:] > delta).any():
            break
        proven = trial
    return proven


def _totals(tracks: _Tracks, bounds: list[float]) -> tuple[Int[np.ndarray, " h"], Int[np.ndarray, " h"]]:
    """Returns how many tracks are decided, and wrongly, at each age or before."""
    is_past = np.abs(tracks.scores) >= np.array(bounds)
    first = np.where(is_past.any(axis=1), is_past.argmax(axis=1), len(bounds))
    wrong = np.stack([tracks.is_wrong(column) for column in range(len(bounds))], axis=1)
    decided, errors = np.zeros(len(bounds), dtype=np.int64), np.zeros(len(bounds), dtype=np.int64)
    for column in range(len(bounds)):
        here = first == column
        decided[column], errors[column] = here.sum(), (here & wrong[:, column]).sum()
    return np.cumsum(decided), np.cumsum(errors)
