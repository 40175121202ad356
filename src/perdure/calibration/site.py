"""Calibration of a model on a new site, from labelled tracks alone and without training.

The labelled tracks themselves are kept, so that bounds for any error rates can be read off them later. Each class of
objects gets bounds of its own where its tracks suffice; classes with too few share those of all tracks together. Where
even those are too few to prove the rates, the tuned M-of-N baseline takes over: nobody is worse off than without a
model, but nothing is guaranteed then, and that is said.

The guarantee is that of `calibration.calibrate`. Tracks of one unit, a clip or a block of time, are not independent,
so one random track of each class and unit enters.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from perdure.calibration.exact import calibrate
from perdure.calibration.rates import Rates
from perdure.calibration.scores import MAX_AGES, CalibrationScores, round_carefully, sample_one_per_clip
from perdure.stopping.hand_rule import TunedRule, tune_hand_rule
from perdure.stopping.rules import OnTimeout, PerClass, StoppingRule, TruncatedSPRT
from perdure.track_table import TrackTable

Fallback = Literal["hand_rule", "error"]
NO_CLASS = -1
"""Class id of tracks whose detector names no classes."""


def site_scores(tracks: TrackTable, seed: int) -> CalibrationScores:
    """Returns one random track of each class from every unit."""
    rng = np.random.default_rng(seed)
    return sample_one_per_clip(tracks.unit, tracks.is_persistent, tracks.known("evidence"), rng)


def tracks_to_rows(tracks: TrackTable) -> list[dict[str, Any]]:
    """Returns one row a track as plain values; evidence is rounded to the careful side."""
    evidence, score, class_id = (tracks.known(name) for name in ("evidence", "score", "class_id"))
    evidence = np.where(tracks.is_persistent[:, None], round_carefully(evidence), -round_carefully(-evidence))
    rows = []
    for row, num in enumerate(tracks.is_valid.sum(axis=1).tolist()):
        rows.append(
            {
                "label": "persistent" if tracks.is_persistent[row] else "transient",
                "class_id": int(class_id[row]),
                "unit": int(tracks.unit[row]),
                "hits": "".join("1" if hit else "0" for hit in tracks.is_hit[row, :num]),
                "score": [float(f"{value:.6g}") for value in score[row, :num]],
                "evidence": (evidence[row, :num] + 0.0).tolist(),
            }
        )
    return rows


def tracks_from_rows(rows: list[dict[str, Any]], num_ages: int) -> TrackTable:
    """Returns the tracks that `tracks_to_rows` described.

    Raises:
        ValueError: a row lacks a value, or its lists differ in length.
    """
    num = len(rows)
    if not 1 <= num_ages <= MAX_AGES:
        raise ValueError(f"calibration: got {num_ages} ages, expected 1 to {MAX_AGES}")
    evidence, score = np.full((num, num_ages), np.nan), np.zeros((num, num_ages))
    is_hit = np.zeros((num, num_ages), dtype=bool)
    for index, row in enumerate(rows):
        try:
            length = len(row["evidence"])
            if not 1 <= length <= num_ages or len(row["hits"]) != length or len(row["score"]) != length:
                raise ValueError(f"calibration: track {index} has lists of unequal length, or none")
            evidence[index, :length], score[index, :length] = row["evidence"], row["score"]
            is_hit[index, :length] = [hit == "1" for hit in row["hits"]]
            if row["label"] not in ("persistent", "transient"):
                raise ValueError(
                    f"calibration: track {index} has label {row['label']}, expected persistent or transient"
                )
            _ = row["class_id"], row["unit"]
        except (KeyError, TypeError) as error:
            raise ValueError(f"calibration: track {index} is incomplete ({error})") from error
    return TrackTable(
        evidence=evidence,
        is_hit=is_hit,
        is_valid=~np.isnan(evidence),
        score=score,
        is_persistent=np.array([row["label"] == "persistent" for row in rows], dtype=bool),
        class_id=np.array([row["class_id"] for row in rows], dtype=np.int64),
        group=np.array([row["unit"] for row in rows], dtype=np.int64),
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class SiteRule:
    """The rule of a site and where it comes from.

    Args:
        rule: ready to run.
        is_guaranteed: whether bounds were proven for every class.
        lines: one sentence for each class that has its own rule, and one for all the others.
    """

    rule: StoppingRule
    is_guaranteed: bool
    lines: tuple[str, ...]


def site_rule(
    tracks: TrackTable,
    *,
    max_false_confirm: float | None,
    max_miss: float | None,
    delta: float = 0.05,
    horizon: int,
    on_timeout: OnTimeout,
    fallback: Fallback = "hand_rule",
    seed: int = 0,
) -> SiteRule:
    """Returns bounds for each class with enough tracks, bounds of all tracks for the rest, or the M-of-N baseline.

    Args:
        tracks: labelled tracks of the site with their evidence, clips or blocks of time as groups.
        max_false_confirm: largest share of transient tracks called persistent; None does not control it.
        max_miss: largest share of persistent tracks called transient; None does not control it.
        delta: probability over calibration that a rate is exceeded, for each class by itself.
        horizon: age at which a decision is forced.
        on_timeout: what a forced decision says.
        fallback: what to do where no bounds can be proven.
        seed: picks the track of each unit.

    Raises:
        ValueError: a rate is out of range, or no bounds can be proven and `fallback` is "error", or there is no
            M-of-N baseline either.
    """
    if fallback not in ("hand_rule", "error"):
        raise ValueError(f"fallback: got '{fallback}', expected hand_rule or error")

    def bounds(part: TrackTable) -> TruncatedSPRT:
        return calibrate(
            site_scores(part, seed),
            Rates(max_false_confirm=max_false_confirm, max_miss=max_miss, delta=delta),
            horizon=horizon,
            on_timeout=on_timeout,
        )

    rules, shared, lines = _class_rules(tracks, bounds, seed)
    whose = _whose(shared, has_own=bool(rules))
    try:
        other: StoppingRule = bounds(tracks)
        is_guaranteed = True
        lines.append(f"{whose}: {_bounds_words(tracks, seed)}{_shared_words(shared, has_own=bool(rules))}")
    except ValueError as error:
        if fallback == "error" or max_false_confirm is None:
            raise
        tuned = _hand_rule(tracks, max_false_confirm, max_miss, horizon=horizon, on_timeout=on_timeout)
        other, is_guaranteed = tuned.rule, bool(rules) and not shared
        lines.append(f"{whose}: NOT guaranteed, {_hand_words(tuned, len(tracks))}, since {_reason(error)}")
    return SiteRule(
        rule=PerClass(rules=rules, other=other) if rules else other,
        is_guaranteed=is_guaranteed,
        lines=tuple(lines),
    )


def _class_rules(tracks: TrackTable, bounds: Any, seed: int) -> tuple[Mapping[int, StoppingRule], list[int], list[str]]:
    """Returns rules of classes that have enough tracks, the classes that have not, and sentences about the former."""
    class_ids = np.full(len(tracks), NO_CLASS) if tracks.class_id is None else tracks.class_id
    classes = np.unique(class_ids).tolist()
    if len(classes) == 1:
        return {}, classes, []
    rules, shared, lines = {}, [], []
    for class_id in classes:
        own = tracks.take(class_ids == class_id)
        try:
            rules[class_id] = bounds(own)
            lines.append(f"class {class_id}: {_bounds_words(own, seed)}")
        except ValueError:
            shared.append(class_id)
    return rules, shared, lines


def _whose(shared: list[int], *, has_own: bool) -> str:
    if not has_own:
        return "all tracks"
    if not shared:
        return "any other class"
    return f"class{'es' if len(shared) > 1 else ''} {', '.join(map(str, shared))}"


def _bounds_words(tracks: TrackTable, seed: int) -> str:
    scores = site_scores(tracks, seed)
    return f"bounds from {len(scores.persistent)} persistent and {len(scores.transient)} transient tracks"


def _shared_words(shared: list[int], *, has_own: bool) -> str:
    if len(shared) < 2 and not has_own:
        return ""
    return " of all classes together" + (", since there are too few of this class alone" if shared else "")


def _hand_rule(
    tracks: TrackTable, max_false_confirm: float, max_miss: float | None, *, horizon: int, on_timeout: OnTimeout
) -> TunedRule:
    """Returns the tuned baseline; where no rule keeps both rates, the one that keeps the false-confirm rate."""

    def tuned(max_miss: float | None) -> TunedRule:
        return tune_hand_rule(
            tracks.sequences(),
            tracks.is_persistent,
            max_false_confirm=max_false_confirm,
            max_miss=max_miss,
            horizon=horizon,
            on_timeout=on_timeout,
        )

    try:
        return tuned(max_miss)
    except ValueError:
        if max_miss is None:
            raise
        return tuned(None)


def _hand_words(tuned: TunedRule, num: int) -> str:
    rule = tuned.rule
    score = "" if np.isinf(rule.min_score) else f" and {rule.score_of} score >= {rule.min_score:.3g}"
    return (
        f"M-of-N baseline {rule.num_hits} of {rule.window} {rule.num_frames} frames{score} (tuned; false confirm "
        f"{tuned.false_confirm_rate:.1%} and miss {tuned.miss_rate:.1%} on these very {num} tracks)"
    )


def _reason(error: ValueError) -> str:
    return str(error).removeprefix("calibration: ")
