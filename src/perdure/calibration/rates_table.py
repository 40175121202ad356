"""What error rates cost on labelled tracks: tracks confirmed and frames needed, beside "so many in a row".

Three ways to a bound for the same rate, from careful to bare. The exact one counts one track of each unit (a clip, a
block of time) and holds at any number of tracks. The block bootstrap counts every track and lets units vary as wholes
(Kunsch, Annals of Statistics 17, 1989): asymptotic, but nothing is thrown away. The estimate is the rate itself on
these very tracks, with no margin. Knows evidence and hits; knows no files and no gate.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

NUM_RESAMPLES = 500
"""Bootstrap resamples of units."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RateRow:
    """What one way of confirming does to the labelled tracks.

    Args:
        way: `3 in a row`, `exact`, `block bootstrap` or `estimate`.
        rate: false-confirm rate that was asked for; None for a rule that takes none.
        bound: evidence in nats that confirms; None where the rate cannot be proven with these tracks.
        transient: share of transient tracks confirmed, in [0, 1].
        persistent: share of persistent tracks confirmed, in [0, 1].
        mean_age: mean age at the confirmation of persistent tracks, in frames; NaN if none is confirmed.
        num_lost: persistent tracks that are never confirmed.
    """

    way: str
    rate: float | None
    bound: float | None
    transient: float = math.nan
    persistent: float = math.nan
    mean_age: float = math.nan
    num_lost: int = 0


def rate_rows(
    evidence: Float[np.ndarray, "n h"],
    is_hit: Bool[np.ndarray, "n h"],
    is_persistent: Bool[np.ndarray, " n"],
    unit: Int[np.ndarray, " n"],
    *,
    exact: Callable[[float], float | None],
    rates: Sequence[float] = (0.02, 0.05, 0.1, 0.2),
    delta: float = 0.05,
    streak: int = 3,
    seed: int = 0,
) -> Iterator[RateRow]:
    """Yields the rule's row first, then for every rate those of the three ways to a bound.

    Args:
        evidence: nats at every age, NaN after a track's end.
        is_hit: whether a detection was associated.
        is_persistent: truth.
        unit: clip or block of time that each track is from.
        exact: returns the exactly calibrated bound of a rate, None where it cannot be proven.
        rates: false-confirm rates.
        delta: probability that a rate is exceeded, of the bootstrap.
        streak: detections in a row of the rule.
        seed: of the bootstrap.
    """
    padded = np.pad(is_hit, ((0, 0), (streak - 1, 0)))
    by_rule = np.asarray(np.lib.stride_tricks.sliding_window_view(padded, streak, axis=1).all(axis=2))
    yield _row(f"{streak} in a row", None, None, by_rule, is_persistent)
    known = np.where(np.isnan(evidence), -np.inf, evidence)
    top = known[~is_persistent].max(axis=1)
    for rate in rates:
        bounds = {
            "exact": exact(rate),
            "block bootstrap": _bootstrap_bound(top, unit[~is_persistent], rate, delta, seed),
            "estimate": _estimated_bound(top, rate),
        }
        for way, bound in bounds.items():
            if bound is None:
                yield RateRow(way=way, rate=rate, bound=None)
            else:
                yield _row(way, rate, bound, known >= bound, is_persistent)


def _row(
    way: str, rate: float | None, bound: float | None, is_passed: Bool[np.ndarray, "n h"], is_persistent: np.ndarray
) -> RateRow:
    is_confirmed, age = np.asarray(is_passed.any(axis=1)), is_passed.argmax(axis=1) + 1
    both = is_confirmed & is_persistent
    return RateRow(
        way=way,
        rate=rate,
        bound=bound,
        transient=float(is_confirmed[~is_persistent].mean()) if (~is_persistent).any() else math.nan,
        persistent=float(is_confirmed[is_persistent].mean()) if is_persistent.any() else math.nan,
        mean_age=float(age[both].mean()) if both.any() else math.nan,
        num_lost=int((is_persistent & ~is_confirmed).sum()),
    )


def _estimated_bound(top: Float[np.ndarray, " n"], rate: float) -> float | None:
    """Returns the lowest bound that confirms at most a share `rate` of tracks with these largest evidences."""
    if not len(top):
        return None
    return float(np.nextafter(np.sort(top)[::-1][int(rate * len(top))], np.inf))


def _bootstrap_bound(
    top: Float[np.ndarray, " n"], unit: Int[np.ndarray, " n"], rate: float, delta: float, seed: int
) -> float | None:
    """Returns the lowest bound whose false-confirm rate stays below `rate` in 1 - delta of resamples of units."""
    names, own = np.unique(unit, return_inverse=True)
    if len(names) < 2:
        return None
    rng = np.random.default_rng(seed)
    times = rng.multinomial(len(names), np.full(len(names), 1 / len(names)), size=NUM_RESAMPLES)
    order = np.argsort(-top)
    weight = times[:, own[order]].astype(np.float64)
    share = np.cumsum(weight, axis=1) / np.maximum(weight.sum(axis=1, keepdims=True), 1.0)
    # Of each resample, how many of the largest evidences may lie above the bound.
    allowed = (share <= rate).sum(axis=1)
    place = int(np.sort(allowed)[int(delta * NUM_RESAMPLES)])
    return float(np.nextafter(top[order[min(place, len(top) - 1)]], np.inf))
