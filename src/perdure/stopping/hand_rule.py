"""The best hand rule for labelled tracks: M of N hits and a score, tuned for the least cost at allowed error rates.

It is what everybody can have without a model, so it is the opponent to beat and what calibration falls back to where
tracks are too few to prove a bound. Its rates are those of the tracks it is tuned on; nothing is guaranteed for others.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float, Int

from perdure.stopping.counting import ScoredMOfN, ScoreOf, Window
from perdure.stopping.rules import OnTimeout
from perdure.stopping.sequences import TrackSequences, run_rule

COUNTS = ((1, 1), (1, 2), (2, 2), (2, 3), (3, 3), (2, 4), (3, 4), (4, 4), (3, 5), (4, 5), (5, 5), (4, 6), (5, 8))
"""Pairs (M, N) that are tried, as people use them."""
GIVING_UP: tuple[tuple[Window, int | None], ...] = (
    ("first", None), ("latest", None), ("latest", 1), ("latest", 2), ("latest", 3),
)  # fmt: skip
"""Frames that count, and misses in a row after which a rule gives up; None leaves that to N and to the tracker."""
SCORES: tuple[ScoreOf, ...] = ("max", "mean")
SLACK = 1e-6
"""Relative step above the score of the first track that must not be confirmed: wider than any rounding."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TunedRule:
    """A rule and what it does on the tracks that it was tuned on.

    Args:
        rule: the best rule found.
        false_confirm_rate: share of transient tracks called persistent.
        miss_rate: share of persistent tracks called transient.
        cost: mean number of frames until a persistent track is confirmed, a miss charged the horizon plus 1.
        mean_decision_frame: mean over the two classes of the mean age at the decision.
    """

    rule: ScoredMOfN
    false_confirm_rate: float
    miss_rate: float
    cost: float
    mean_decision_frame: float


def confirm_cost(age: Int[np.ndarray, " n"], is_confirmed: Bool[np.ndarray, " n"], *, horizon: int) -> float:
    """Returns the mean age at which persistent tracks are confirmed, a miss charged the horizon plus 1.

    >>> confirm_cost(np.array([2, 4]), np.array([True, False]), horizon=8)
    5.5
    """
    return float(np.where(is_confirmed, age, horizon + 1).mean())


def tune_hand_rule(
    tracks: TrackSequences,
    is_persistent: Bool[np.ndarray, " n"],
    *,
    max_false_confirm: float,
    max_miss: float | None = None,
    horizon: int = 8,
    on_timeout: OnTimeout = "transient",
) -> TunedRule:
    """Returns the hand rule with the least cost whose rates on these very tracks are as allowed.

    For each (M, N), each way of giving up and each kind of score the best threshold is the lowest one that keeps the
    false-confirm rate, since cost, miss rate and decision frames only grow with it; so no grid of scores is needed.

    Args:
        tracks: labelled tracks; without scores only hits are counted. Tracks that a rule may leave undecided because
            they are cut off by the end of their clip must be left out.
        is_persistent: truth.
        max_false_confirm: largest share of transient tracks called persistent, 0 to 1.
        max_miss: largest share of persistent tracks called transient. With it the least mean decision frame over both
            classes is looked for, without it the least `cost`.
        horizon: age at which a decision is forced.
        on_timeout: what a forced decision says.

    Raises:
        ValueError: a class has no tracks, tracks are not known up to the horizon, or no rule keeps the rates.
    """
    _check(tracks, is_persistent, max_false_confirm, max_miss, horizon)
    best: TunedRule | None = None
    for base in _candidates(has_score=tracks.score is not None, horizon=horizon, on_timeout=on_timeout):
        min_score = _lowest_score(base, tracks, ~is_persistent, max_false_confirm)
        if min_score is None:
            continue
        found = _judged(replace(base, min_score=min_score), tracks, is_persistent)
        is_allowed = found.false_confirm_rate <= max_false_confirm and (max_miss is None or found.miss_rate <= max_miss)
        if is_allowed and (best is None or _order(found, max_miss) < _order(best, max_miss)):
            best = found
    if best is None:
        allowed = f"max_false_confirm {max_false_confirm:g}" + (
            "" if max_miss is None else f" and max_miss {max_miss:g}"
        )
        raise ValueError(f"hand rule: got no rule of hits and score that keeps {allowed} on these tracks; raise a rate")
    return best


def _order(found: TunedRule, max_miss: float | None) -> tuple[float, float, float]:
    first, second = found.cost, found.mean_decision_frame
    if max_miss is not None:
        first, second = second, first
    return first, second, found.false_confirm_rate


def _check(
    tracks: TrackSequences,
    is_persistent: Bool[np.ndarray, " n"],
    max_false_confirm: float,
    max_miss: float | None,
    horizon: int,
) -> None:
    for name, rate in (("max_false_confirm", max_false_confirm), ("max_miss", max_miss)):
        if rate is not None and not 0 <= rate <= 1:
            raise ValueError(f"{name}: got {rate}, expected 0 to 1")
    for name, num in (("persistent", int(is_persistent.sum())), ("transient", int((~is_persistent).sum()))):
        if num == 0:
            raise ValueError(f"hand rule: got no {name} track, need some of each class to tune on; add labelled data")
    num_ages = tracks.evidence.shape[1]
    if num_ages < horizon:
        raise ValueError(f"hand rule: got tracks of {num_ages} ages, expected at least the horizon ({horizon})")


def _candidates(*, has_score: bool, horizon: int, on_timeout: OnTimeout) -> Iterator[ScoredMOfN]:
    """Yields all rules without a threshold, simple ones first."""
    for num_hits, num_frames in COUNTS:
        for score_of in SCORES if has_score else SCORES[:1]:
            for window, max_misses in GIVING_UP:
                yield ScoredMOfN(
                    num_hits=num_hits,
                    num_frames=num_frames,
                    window=window,
                    score_of=score_of,
                    max_misses=max_misses,
                    horizon=horizon,
                    on_timeout=on_timeout,
                )


def _lowest_score(
    base: ScoredMOfN, tracks: TrackSequences, is_transient: Bool[np.ndarray, " n"], max_rate: float
) -> float | None:
    """Returns the lowest threshold that keeps the false-confirm rate; None if no threshold does."""
    reached = np.sort(_best_scores(base, tracks)[is_transient])[::-1]
    allowed = math.floor(max_rate * len(reached) + 1e-9)
    if allowed >= len(reached) or reached[allowed] == -math.inf:
        return -math.inf
    if reached[allowed] == math.inf:
        return None
    return float(reached[allowed] + SLACK * (1 + abs(reached[allowed])))


def _best_scores(base: ScoredMOfN, tracks: TrackSequences) -> Float[np.ndarray, " n"]:
    """Returns the highest threshold at which each track is still confirmed; infinity where any confirms it."""
    num = len(tracks.evidence)
    best, rows, history = np.full(num, -math.inf), np.arange(num), np.zeros(num, dtype=np.uint64)
    is_open = np.ones(num, dtype=bool)
    for age in range(1, base.horizon + 1):
        history = (history << np.uint64(1)) | tracks.is_hit[:, age - 1].astype(np.uint64)
        is_open &= tracks.is_valid[:, age - 1]
        seen = tracks.observation(rows, age, history)
        is_open &= ~base.gives_up(seen)
        best = np.where(is_open & base.has_hits(seen), np.maximum(best, base.score(seen)), best)
    if base.on_timeout == "persistent":  # what is held back by its score alone is called persistent in the end
        best = np.where(is_open, math.inf, best)
    return best


def _judged(rule: ScoredMOfN, tracks: TrackSequences, is_persistent: Bool[np.ndarray, " n"]) -> TunedRule:
    outcome = run_rule(rule, tracks)
    if outcome.is_censored.any():
        raise ValueError("hand rule: got tracks cut off before the horizon, expected only tracks seen up to it")
    false_confirm, miss = outcome.error_rates(is_persistent)
    age, confirmed = outcome.age[is_persistent], outcome.is_persistent[is_persistent]
    return TunedRule(
        rule=rule,
        false_confirm_rate=false_confirm,
        miss_rate=miss,
        cost=confirm_cost(age, confirmed, horizon=rule.horizon),
        mean_decision_frame=float((age.mean() + outcome.age[~is_persistent].mean()) / 2),
    )
