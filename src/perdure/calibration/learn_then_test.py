"""Symmetric bounds by fixed-sequence testing (Angelopoulos et al., Learn then Test, AOAS 2025, section 3.2).

The comparison for `calibrate`: one bound for both sides, loosened step by step as long as the data prove both rates.
Testing in a fixed order costs no multiplicity.
"""

from __future__ import annotations

import numpy as np

from perdure.binomial import binomial_cdf
from perdure.calibration.needed import num_tracks_needed
from perdure.calibration.plug_in import symmetric_errors
from perdure.calibration.scores import CalibrationScores
from perdure.stopping.rules import OnTimeout, TruncatedSPRT

BOUND_GRID = tuple(np.round(np.arange(12.0, 0.01, -0.05), 2).tolist())
"""Bounds in nats, tight to loose; fixed before any data are seen, as the test requires."""


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
