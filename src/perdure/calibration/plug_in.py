"""Bounds that keep both error rates on the calibration tracks themselves: the negative control of calibration.

Nothing is guaranteed for new tracks: with 500 to 4,000 tracks these bounds break a rate in 20-58 % of calibrations.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float

from perdure.calibration.scores import CalibrationScores
from perdure.stopping.rules import OnTimeout, TruncatedSPRT


def symmetric_bounds(scores: CalibrationScores) -> Float[np.ndarray, " bound"]:
    """Returns the bounds b, tight to loose, at which anything changes for the rule that stops at |evidence| >= b."""
    values = np.abs(np.concatenate([scores.persistent, scores.transient]))
    return np.unique(values[values > 0])[::-1]


def symmetric_errors(
    scores: Float[np.ndarray, "n h"],
    bounds: Float[np.ndarray, " bound"],
    *,
    is_persistent: bool,
    on_timeout: OnTimeout,
) -> Bool[np.ndarray, "bound n"]:
    """Returns which tracks of one class the rule that stops at |evidence| >= bound calls wrongly, for every bound.

    Args:
        scores: evidence in nats, NaN after the track's end; a track that ends undecided is called transient.
        bounds: nats, at least 0.
        is_persistent: truth of all these tracks.
        on_timeout: what tracks that reach the horizon undecided are called.
    """
    ends = np.isnan(scores[:, -1])
    size = np.maximum.accumulate(np.where(np.isnan(scores), -np.inf, np.abs(scores)), axis=1)
    called = np.empty((len(bounds), len(scores)), dtype=bool)
    rows = np.arange(len(scores))
    for index, bound in enumerate(bounds):
        first = (size < bound).sum(axis=1)
        is_open = first == scores.shape[1]
        stopped_above = scores[rows, np.minimum(first, scores.shape[1] - 1)] > 0
        called[index] = np.where(is_open, ~ends & (on_timeout == "persistent"), stopped_above)
    return called != is_persistent


def plug_in(
    scores: CalibrationScores,
    *,
    max_false_confirm: float = 0.02,
    max_miss: float = 0.02,
    horizon: int,
    on_timeout: OnTimeout = "persistent",
    num_bounds: int = 200,
) -> TruncatedSPRT:
    """Returns the loosest symmetric bounds at which both rates of the calibration tracks are as wanted.

    Args:
        scores: calibration tracks.
        max_false_confirm: largest share of these transient tracks called persistent.
        max_miss: largest share of these persistent tracks called transient.
        horizon: age at which a decision is forced.
        on_timeout: what a forced decision says.
        num_bounds: bounds tried, evenly spread over the ranks of all scores.

    Raises:
        ValueError: no bound keeps both rates.
    """
    scores = scores.up_to(horizon)
    bounds = spread(symmetric_bounds(scores), num_bounds)
    false = symmetric_errors(scores.transient, bounds, is_persistent=False, on_timeout=on_timeout).mean(axis=1)
    miss = symmetric_errors(scores.persistent, bounds, is_persistent=True, on_timeout=on_timeout).mean(axis=1)
    kept = np.flatnonzero((false <= max_false_confirm) & (miss <= max_miss))
    if not len(kept):
        raise ValueError(
            f"plug-in: got no bound with false confirm <= {max_false_confirm:g} and miss <= {max_miss:g}; raise a rate"
        )
    bound = float(bounds[kept[-1]])
    return TruncatedSPRT(upper=bound, lower=-bound, horizon=horizon, on_timeout=on_timeout)


def spread(values: Float[np.ndarray, " n"], num: int) -> Float[np.ndarray, " m"]:
    """Returns at most `num` of the values, evenly spread over their ranks, ends included.

    >>> spread(np.arange(10.0), 4).tolist()
    [0.0, 3.0, 6.0, 9.0]
    """
    ranks = np.linspace(0, len(values) - 1, min(num, len(values)))
    return values[np.round(ranks).astype(np.int64)]
