"""Bounds of the sequential test from calibration tracks alone, with a finite-sample guarantee on both error rates.

With probability at least 1 - delta over the calibration clips, the share of transient tracks called persistent stays
at or below `max_false_confirm` and the share of persistent tracks called transient at or below `max_miss`. It holds
for any model, however wrong its evidence, and for any mixture of the classes; it assumes only that new clips come from
the law of the calibration clips. Each rate is monotone in its own bound and uses tracks of its own class, so one exact
binomial test per class suffices (Mondrian calibration; Angelopoulos et al., Learn then Test, AOAS 2025).
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from jaxtyping import Bool, Float

from perdure.binomial import binomial_cdf
from perdure.calibration.rates import DEFAULT_RATES, Rates
from perdure.calibration.scores import CalibrationScores
from perdure.stopping.rules import OnTimeout, TruncatedSPRT
from perdure.stopping.streak import LifetimeBound

LIFETIME_SHARE = 0.25
"""Share of the false confirms that a rate allows which may be spent on tracks that simply last long."""


def num_errors_allowed(num: int, max_rate: float, delta: float) -> int:
    """Returns the largest m with P(Binomial(num, max_rate) <= m) <= delta; -1 if even no error is too many.

    >>> num_errors_allowed(183, 0.02, 0.025), num_errors_allowed(182, 0.02, 0.025)
    (0, -1)
    """
    allowed, too_many = -1, num
    while too_many - allowed > 1:
        middle = (allowed + too_many) // 2
        allowed, too_many = (middle, too_many) if binomial_cdf(middle, num, max_rate) <= delta else (allowed, middle)
    return allowed


def calibrate(
    scores: CalibrationScores,
    rates: Rates = DEFAULT_RATES,
    *,
    horizon: int,
    on_timeout: OnTimeout = "persistent",
    lifetime_bound: LifetimeBound | None = None,
) -> TruncatedSPRT:
    """Returns the tightest bounds that keep both error rates with probability at least 1 - delta.

    Args:
        scores: calibration tracks; a track that ends undecided before the horizon is taken to be called transient.
        rates: of errors; half of delta is spent on each bound, all of it where there is only one. Without
            `max_false_confirm` nothing is confirmed before the horizon, without `max_miss` only deletion and the
            horizon reject.
        horizon: age at which a decision is forced.
        on_timeout: what a forced decision says.
        lifetime_bound: what confirms beside the evidence; transient tracks that pass it are errors of any bounds.

    Raises:
        ValueError: there are too few tracks, or tracks that no bound can decide rightly exceed a rate.
    """
    is_lasting = np.zeros(len(scores.transient), dtype=bool)
    if lifetime_bound is not None:
        is_lasting = scores.lasting(lifetime_bound.num_hits)
    scores = scores.up_to(horizon)
    allowed_false = _allowed(len(scores.transient), rates, "max_false_confirm")
    if allowed_false is not None:
        if is_lasting.sum() > allowed_false:
            raise ValueError(
                f"calibration: got {is_lasting.sum()} of {len(is_lasting)} transient tracks that the lifetime bound "
                f"confirms, but max_false_confirm allows {allowed_false}; raise it or the lifetime bound"
            )
        allowed_false -= int(is_lasting.sum())
        scores = replace(scores, transient=scores.transient[~is_lasting], transient_hits=None)
    allowed_missed = _allowed(len(scores.persistent), rates, "max_miss")
    # The forced label decides which bound comes first: its errors at the horizon depend on the other bound.
    if on_timeout == "persistent":
        lower = _lower_bound(scores.persistent, allowed_missed, upper=math.inf, is_timeout_miss=False)
        upper = _upper_bound(scores.transient, allowed_false, lower=lower, is_timeout_false=True)
    else:
        upper = _upper_bound(scores.transient, allowed_false, lower=-math.inf, is_timeout_false=False)
        lower = _lower_bound(scores.persistent, allowed_missed, upper=upper, is_timeout_miss=True)
    if upper <= lower:  # everything is decided at birth; a rejection goes first, as it did above
        upper = float(np.nextafter(lower, np.inf)) if on_timeout == "persistent" else upper
        lower = lower if on_timeout == "persistent" else float(np.nextafter(upper, -np.inf))
    return TruncatedSPRT(upper=upper, lower=lower, horizon=horizon, on_timeout=on_timeout)


def proven_lifetime(scores: CalibrationScores, rates: Rates) -> LifetimeBound | None:
    """Returns the bound on lifetime that goes with rates: no more than `LIFETIME_SHARE` of the errors are spent on it.

    Args:
        scores: calibration tracks.
        rates: as in `calibrate`; without `max_false_confirm` the bound is the one that comes with every gate.

    Returns:
        None where no bound can be proven, since the lives of transient tracks are not known to their end.

    Raises:
        ValueError: there are too few tracks.
    """
    allowed = _allowed(len(scores.transient), rates, "max_false_confirm")
    if allowed is None:
        return LifetimeBound()
    budget = int(LIFETIME_SHARE * allowed)
    if scores.transient_hits is None:
        return LifetimeBound() if scores.lasting(0).sum() <= budget else None
    longest = np.sort(scores.transient_hits)[::-1]
    return LifetimeBound(num_hits=max(LifetimeBound().num_hits, int(longest[budget]) + 1))


def _allowed(num: int, rates: Rates, name: str) -> int | None:
    """Returns how many calibration errors prove a rate; None where it is not controlled."""
    max_rate = getattr(rates, name)
    if max_rate is None:
        return None
    allowed = num_errors_allowed(num, max_rate, rates.spent)
    if allowed < 0:
        kind = "transient" if name == "max_false_confirm" else "persistent"
        raise ValueError(
            f"calibration: got {num} {kind} tracks from distinct clips, need at least {rates.tracks_needed(name)} for "
            f"{name} {max_rate:g} at delta {rates.delta:g}; add clips or raise {name}"
        )
    return allowed


def extreme_before(
    scores: Float[np.ndarray, "n h"], is_stopped: Bool[np.ndarray, "n h"], *, at_horizon: float
) -> Float[np.ndarray, " n"]:
    """Returns the running maximum of each track before it is first stopped by the other bound.

    Args:
        scores: nats, NaN after the track's end.
        is_stopped: where the other bound is crossed.
        at_horizon: value of tracks that reach the horizon without being stopped, at least as large as their maximum
            (infinity says that the horizon makes an error of them whatever the bound; minus infinity says nothing).
    """
    is_open = np.cumsum(is_stopped, axis=1) == 0
    top = np.where(is_open & ~np.isnan(scores), scores, -np.inf).max(axis=1, initial=-np.inf)
    reaches_horizon = is_open[:, -1] & ~np.isnan(scores[:, -1])
    return np.where(reaches_horizon, np.maximum(top, at_horizon), top)


def _upper_bound(
    transient: Float[np.ndarray, "n h"], allowed: int | None, *, lower: float, is_timeout_false: bool
) -> float:
    """Returns the smallest upper bound that at most `allowed` transient tracks reach before the lower one."""
    if allowed is None:
        return math.inf
    at_horizon = math.inf if is_timeout_false else -math.inf
    top = np.sort(extreme_before(transient, transient <= lower, at_horizon=at_horizon))[::-1]
    if top[allowed] == math.inf:
        num = int(np.isinf(top[top > 0]).sum())
        raise ValueError(
            f"calibration: got {num} of {len(top)} transient tracks still undecided at the horizon, where they are "
            f"called persistent, but max_false_confirm allows {allowed}; raise max_miss, max_false_confirm or the "
            "horizon, or set on_timeout to transient"
        )
    return float(np.nextafter(top[allowed], np.inf))


def _lower_bound(
    persistent: Float[np.ndarray, "n h"], allowed: int | None, *, upper: float, is_timeout_miss: bool
) -> float:
    """Returns the largest lower bound that at most `allowed` persistent tracks reach before the upper one."""
    if allowed is None:
        return -math.inf
    at_horizon = math.inf if is_timeout_miss else -math.inf
    is_confirmed = persistent >= upper
    # A track deleted before it is confirmed is a miss that no lower bound avoids.
    is_deleted = np.isnan(persistent[:, -1]) & ~is_confirmed.any(axis=1)
    bottom = -extreme_before(-persistent, is_confirmed, at_horizon=at_horizon)
    bottom = np.sort(np.where(is_deleted, -math.inf, bottom))
    if bottom[allowed] == -math.inf:
        num = int(np.isinf(bottom[bottom < 0]).sum())
        raise ValueError(
            f"calibration: got {num} of {len(bottom)} persistent tracks that end or reach the horizon before "
            f"they can be confirmed, but max_miss allows {allowed}; raise max_miss, set it to None, or add data"
        )
    return float(np.nextafter(bottom[allowed], -np.inf))
