"""One bound for both sides: by fixed-sequence testing, and by the rates of the calibration tracks themselves.

The comparisons for `calibrate`. Testing in a fixed order, one bound loosened step by step as long as the data prove
both rates, costs no multiplicity (Angelopoulos et al., Learn then Test, AOAS 2025, section 3.2). Rates of the
calibration tracks themselves guarantee nothing for new tracks: with 500 to 4,000 tracks these bounds break a rate in
20-58 % of calibrations. They are the negative control.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float

from perdure.binomial import binomial_cdf
from perdure.calibration.rates import num_tracks_needed
from perdure.calibration.scores import CalibrationScores
from perdure.stopping.rules import OnTimeout, TruncatedSPRT

BOUND_GRID = tuple(np.round(np.arange(12.0, 0.01, -0.05), 2).tolist())
"""Bounds in nats, tight to loose; fixed before any data are seen, as the test requires."""


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


def learn_then_test(
    scores: CalibrationScores,
    *,
    max_false_confirm: float = 0.02,
    max_miss: float = 0.02,
    delta: float = 0.05,
    horizon: int,
    on_timeout: OnTimeout = "persistent",
) -> TruncatedSPRT:
    """Returns the loosest symmetric bounds whose two rates are proven with probability at least 1 - delta.

    A bound is accepted if the larger p-value of "false confirm > max" and "miss > max" is at most delta; a joint
    null is true as soon as one of them is, so the larger one is valid.

    Args:
        scores: calibration tracks.
        max_false_confirm: largest share of transient tracks called persistent, above 0 and below 1.
        max_miss: largest share of persistent tracks called transient, above 0 and below 1.
        delta: probability over calibration that a rate is exceeded.
        horizon: age at which a decision is forced.
        on_timeout: what a forced decision says.

    Raises:
        ValueError: there are too few tracks, or not even the tightest bound is accepted.
    """
    scores, bounds = scores.up_to(horizon), np.array(BOUND_GRID)
    p_value = np.zeros(len(bounds))
    for name, tracks, rate in (
        ("transient", scores.transient, max_false_confirm),
        ("persistent", scores.persistent, max_miss),
    ):
        needed = num_tracks_needed(rate, delta)
        if len(tracks) < needed:
            raise ValueError(
                f"learn then test: got {len(tracks)} {name} tracks from distinct clips, need at least {needed} for "
                f"rate {rate:g} at delta {delta:g}; add clips or raise the rate"
            )
        wrong = symmetric_errors(tracks, bounds, is_persistent=name == "persistent", on_timeout=on_timeout)
        p_value = np.maximum(p_value, binomial_cdf(wrong.sum(axis=1), len(tracks), rate))
    num_accepted = int(np.cumprod(p_value <= delta).sum())
    if not num_accepted:
        raise ValueError(
            f"learn then test: not even the bound of {bounds[0]:g} nats keeps both rates on {len(scores.persistent)} "
            f"persistent and {len(scores.transient)} transient tracks; add clips or raise a rate"
        )
    bound = float(bounds[num_accepted - 1])
    return TruncatedSPRT(upper=bound, lower=-bound, horizon=horizon, on_timeout=on_timeout)
