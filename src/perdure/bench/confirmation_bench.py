"""The benchmark on real tracks: every method on the same tracks of sequences that it has not seen.

For each method and false-confirm rate one row: the cost with a threshold swept on the left-out tracks (for every method
alike), its interval over sequences, the difference from the tuned M-of-N baseline and the best learned opponent on the
same resamples, and what a threshold chosen on training tracks alone really does.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from perdure.bench.confirmation import (
    NUM_RESAMPLES,
    Operating,
    cost_resamples,
    interval95,
    lower_limit,
    operating_point,
    running_best,
    safe_threshold,
    swept_point,
)
from perdure.bench.confirmation_baselines import rule_statistic, sliding_count
from perdure.bench.confirmation_methods import (
    CAPS,
    DETECTIONS,
    PIXELS,
    Method,
    WithFallBack,
    hand_method,
    out_of_fold,
    score_method,
)
from perdure.bench.library_rules import LIBRARY_RULES
from perdure.stopping.counting import ByteTrackLogic, DeepSortLogic, ScoredMOfN, SortLogic
from perdure.stopping.rules import StoppingRule
from perdure.track_table import TrackTable
from perdure.tracks.split import BenchData

HAND = "tuned hand rule"
LEARNED = ("logistic regression", "gradient boosting", "gradient boosting, our inputs")
"""Names of the opponents that others are compared with: the best learned one is the best of all of these."""
MIN_FALSE = 200
"""FALSE tracks that a sequence needs for its own false-confirm rate to be judged."""


def bench_rows(
    data: BenchData,
    methods: Mapping[str, Method],
    *,
    caps: Sequence[float] = CAPS,
    seed: int = 0,
    is_trained: bool = True,
    on_progress: Callable[[str], None] = lambda name: None,
) -> list[dict[str, Any]]:
    """Returns the rows of all methods, fixed rules first.

    Args:
        data: tracks and splits.
        methods: by name.
        caps: false-confirm rates.
        seed: of resamples.
        is_trained: whether thresholds chosen on training tracks alone are tried too, which takes most of the time.
        on_progress: told what is done next.
    """
    scored = data.table.take(data.is_scored)
    groups, group = np.unique(scored.unit, return_inverse=True)
    drawn = np.random.default_rng(seed).integers(len(groups), size=(NUM_RESAMPLES, len(groups)))
    scores = {"track score (Blackman)": score_method("track score"), "existence (IPDA)": score_method("existence")}
    rows = []
    for name, numbers in _fixed_rules(scored).items():
        point = operating_point(running_best(numbers, scored.is_valid), scored.is_persistent, 1.0)
        rows.append(_row(data.name, name, None, point, None, scored))
    for cap in caps:
        resampled: dict[str, np.ndarray] = {}
        found = []
        for name, method in {**scores, **methods, f"{HAND}, on test": None}.items():
            on_progress(f"{data.name} at {cap:g}: {name}")
            numbers = _numbers(data, method, cap)
            best = running_best(numbers[data.is_scored], scored.is_valid)
            resampled[name] = cost_resamples(best, scored.is_persistent, group, cap, drawn)
            point = swept_point(best, scored.is_persistent, cap)
            row = _row(data.name, name, cap, point, interval95(resampled[name]), scored)
            if method is not None and is_trained:
                row |= _trained_row(data, method, cap)
            found.append(row)
        _add_differences(found, resampled)
        rows += found
    return rows


def _numbers(data: BenchData, method: Method | None, cap: float) -> np.ndarray:
    """Returns the numbers of every scored track from a fit without its fold; None is the rule tuned on the test."""
    table, numbers = data.table, np.full(data.table.is_valid.shape, -math.inf)
    if method is None:
        rows = data.is_scored
        test = table.take(rows)
        numbers[rows] = hand_method()(test, test, cap)
        return numbers
    for fold in data.folds:
        numbers[fold.test] = method(table.take(fold.train), table.take(fold.test), cap)
    return numbers


def _row(
    data: str, name: str, cap: float | None, point: Operating, ci95: tuple[float, float] | None, scored: TrackTable
) -> dict[str, Any]:
    return {
        "data": data,
        "fa_cap": cap,
        "method": name,
        "tpr": point.tpr,
        "cost": point.cost,
        "fa_reached": point.false_confirm_rate,
        "ci95": None if ci95 is None else list(ci95),
        "num_true": int(scored.is_persistent.sum()),
        "num_false": int((~scored.is_persistent).sum()),
    }


def _trained_row(data: BenchData, method: Method, cap: float) -> dict[str, Any]:
    """Returns what thresholds do that were chosen without the tracks they are used on."""
    table = data.table
    confirmed = np.zeros(len(table), dtype=bool)
    cost = np.zeros(len(table))
    for fold in data.folds:
        train, rows = table.take(fold.train), fold.test
        used = method.chosen(train) if isinstance(method, WithFallBack) else method
        seen = running_best(out_of_fold(used, train, cap), train.is_valid)
        threshold = safe_threshold(seen, train.is_persistent, train.unit, cap)
        test = table.take(rows)
        best = running_best(used(train, test, cap), test.is_valid)
        is_confirmed = (best >= threshold) & (best > -math.inf)
        confirmed[rows], cost[rows] = is_confirmed[:, -1], 1 + (~is_confirmed).sum(axis=1)
    true, false = data.is_scored & table.is_persistent, data.is_scored & ~table.is_persistent
    judged, kept = 0, 0
    for one in np.unique(table.group[false]):
        own = confirmed[false & (table.group == one)]
        if len(own) >= MIN_FALSE:
            judged += 1
            kept += lower_limit(int(own.sum()), len(own)) < cap
    return {
        "fa_trained": float(confirmed[false].mean()),
        "tpr_trained": float(confirmed[true].mean()),
        "cost_trained": float(cost[true].mean()),
        "sequences_judged": judged,
        "sequences_kept": int(kept),
    }


def _add_differences(rows: list[dict[str, Any]], resampled: Mapping[str, np.ndarray]) -> None:
    """Adds to each row its cost minus that of opponents, with intervals.

    Opponents are the M-of-N baseline (tuned), the best learned one, the best rule of a library and, where there are
    pixels, our own without them.
    """
    cost = {row["method"]: row["cost"] for row in rows}
    opponents = {"hand": HAND} if HAND in cost else {}
    learned = [name for name in LEARNED if name in cost]
    if learned:
        opponents["learned"] = min(learned, key=lambda name: cost[name])
    library = [name for name in LIBRARY_RULES if name in cost]
    if library:
        opponents["library"] = min(library, key=lambda name: cost[name])
    if PIXELS in cost:
        opponents["detections"] = DETECTIONS
    for row in rows:
        for word, opponent in opponents.items():
            difference = resampled[row["method"]] - resampled[opponent]
            row[f"cost_minus_{word}"] = row["cost"] - cost[opponent]
            row[f"cost_minus_{word}_ci95"] = list(interval95(difference))


def _fixed_rules(table: TrackTable) -> dict[str, np.ndarray]:
    """Returns the numbers of rules that have nothing to sweep, by name."""
    rules: dict[str, StoppingRule] = {
        "SORT": SortLogic(horizon=8, on_timeout="transient"),
        "DeepSORT": DeepSortLogic(horizon=8, on_timeout="transient"),
        "ByteTrack": ByteTrackLogic(horizon=8, on_timeout="transient"),
        "4 of first 6": ScoredMOfN(num_hits=4, num_frames=6, window="first", horizon=8, on_timeout="transient"),
    }
    counts = ((2, 2), (2, 3), (3, 3), (3, 5), (4, 5), (5, 5))
    sliding = {f"{hits}/{frames}": sliding_count(table, hits, frames) for hits, frames in counts}
    return sliding | {name: rule_statistic(rule, table) for name, rule in rules.items()}
