"""The two frontiers that no rule can pass on the synthetic world: of detections, and of seeing.

A frontier is the least mean decision frame at given error rates. Randomising between two rules is allowed, so it is
convex, and each rule that is best for some price of errors is a corner of it. `law` bounds whoever knows hits, misses
and cues; `law.seeing()` bounds whoever sees on every frame whether the object is there, and its cue.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from scipy.optimize import linprog

from perdure.optima.dynamic_program import MAX_PRICE, BestRules, DynamicProgram, TrackLaw

__all__ = ["Frontier", "TrackLaw", "frontier", "optimal_frame", "optimal_frame_at"]

MIN_PRICE = 0.5
"""Smallest price of an error that is tried: at less than a frame every track is decided at birth anyway."""
TOLERANCE = 5e-4
"""Frames to which the best mix of rules is known."""


class Frontier(NamedTuple):
    """Corners of a frontier, total error ascending."""

    total_error: Float[np.ndarray, " point"]
    mean_decision_frame: Float[np.ndarray, " point"]


@lru_cache(maxsize=8)
def _program(law: TrackLaw) -> DynamicProgram:
    return DynamicProgram(law)


def _rules_at_prices(law: TrackLaw, price: Float[np.ndarray, " b"], *, by_share: bool) -> BestRules:
    share = law.persistent_share if by_share else 0.5
    return _program(law).solve(price * share, price * (1 - share))


def _error(law: TrackLaw, rules: BestRules, *, by_share: bool) -> Float[np.ndarray, " b"]:
    share = law.persistent_share if by_share else 0.5
    return share * rules.miss + (1 - share) * rules.false_confirm


def optimal_frame(law: TrackLaw, *, total_error: float, by_share: bool = False) -> float:
    """Returns the least mean decision frame at a total error; infinite if no rule gets there by the horizon.

    Args:
        law: what tracks follow.
        total_error: mean of false-confirm rate and miss rate, above 0.
        by_share: weigh the two rates by the shares of the classes instead (the probability of an error).

    >>> law = TrackLaw(detection_probability=1.0, false_alarm_probability=0.0)
    >>> round(optimal_frame(law, total_error=0.01), 2)
    3.45
    """
    if not 0 < total_error < 1:
        raise ValueError(f"total_error: got {total_error}, expected above 0 and below 1")
    price = np.geomspace(MIN_PRICE, MAX_PRICE, 24)
    best = math.inf
    for _ in range(3):
        rules = _rules_at_prices(law, price, by_share=by_share)
        error = _error(law, rules, by_share=by_share)
        if error.min() > total_error:
            return best
        best = min(best, _on_chord(error, rules.frame, total_error))
        # The best price is where the error passes the wanted one: look closer there.
        index = int(np.argmax(error <= total_error))
        price = np.geomspace(price[max(index - 1, 0)], price[index], 12)
    return best


def _on_chord(error: Float[np.ndarray, " b"], frame: Float[np.ndarray, " b"], wanted: float) -> float:
    """Returns the frame at a wanted error on the line between the two rules around it."""
    order = np.argsort(error)
    return float(np.interp(wanted, error[order], frame[order]))


def frontier(law: TrackLaw, num_points: int = 40, *, by_share: bool = False) -> Frontier:
    """Returns the frontier from a total error of 0.1 % (or the least there is) to 25 %.

    Args:
        law: what tracks follow.
        num_points: points, evenly spaced on a logarithmic axis of errors.
        by_share: as in `optimal_frame`.
    """
    rules = _rules_at_prices(law, np.geomspace(MIN_PRICE, MAX_PRICE, 120), by_share=by_share)
    error = _error(law, rules, by_share=by_share)
    order = np.argsort(error)
    wanted = np.geomspace(max(0.001, float(error.min())), 0.25, num_points)
    return Frontier(wanted, np.interp(wanted, error[order], rules.frame[order]))


def optimal_frame_at(law: TrackLaw, *, false_confirm_rate: float, miss_rate: float) -> float:
    """Returns the least mean decision frame with both error rates kept; infinite if no rule does by the horizon.

    Finds the prices of the two errors by column generation: the best mix of the rules found so far has dual prices,
    the best rule at those prices joins, until it no longer helps.

    Args:
        law: what tracks follow.
        false_confirm_rate: largest share of transient tracks called persistent, in [0, 1].
        miss_rate: largest share of persistent tracks called transient, in [0, 1].
    """
    for name, value in (("false_confirm_rate", false_confirm_rate), ("miss_rate", miss_rate)):
        if not 0 <= value <= 1:
            raise ValueError(f"{name}: got {value}, expected 0 to 1")
    program, wanted = _program(law), np.array([miss_rate, false_confirm_rate])
    axis = np.geomspace(MIN_PRICE, MAX_PRICE, 6)
    price = np.stack([part.ravel() for part in np.meshgrid(axis, axis)], axis=1)
    rates, frames = np.zeros((0, 2)), np.zeros(0)
    for _ in range(60):
        rules = program.solve(price[:, 0], price[:, 1])
        rates = np.concatenate([rates, np.stack([rules.miss, rules.false_confirm], axis=1)])
        frames = np.concatenate([frames, rules.frame])
        bound = float((rules.frame + ((rates[-len(price) :] - wanted) * price).sum(axis=1)).max())
        best, price = _best_mix(rates, frames, wanted)
        if not math.isfinite(best) or best - bound < TOLERANCE:
            return best
    return best


def _best_mix(
    rates: Float[np.ndarray, "m 2"], frames: Float[np.ndarray, " m"], wanted: Float[np.ndarray, " 2"]
) -> tuple[float, Float[np.ndarray, "1 2"]]:
    """Returns the least frame of any mix of rules within the wanted rates, and the prices that it puts on them."""
    result = linprog(frames, A_ub=rates.T, b_ub=wanted, A_eq=np.ones((1, len(frames))), b_eq=[1.0], method="highs")
    if not result.success:
        return math.inf, np.zeros((1, 2))
    price = np.clip(-result.ineqlin.marginals, 0.0, MAX_PRICE)
    return float(result.fun or 0.0), price[None]
