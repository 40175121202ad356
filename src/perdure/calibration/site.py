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
from dataclasses import dataclass, fields
from typing import Any, Literal

import numpy as np
from jaxtyping import Bool, Float, Int

from perdure.calibration.exact import calibrate
from perdure.calibration.rates import Rates
from perdure.calibration.scores import CalibrationScores, round_carefully, sample_one_per_clip
from perdure.stopping.hand_rule import TunedRule, tune_hand_rule
from perdure.stopping.rules import OnTimeout, PerClass, StoppingRule, TruncatedSPRT
from perdure.stopping.sequences import TrackSequences

Fallback = Literal["hand_rule", "error"]
NO_CLASS = -1
"""Class id of tracks whose detector names no classes."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SiteTracks:
    """All that is known of n labelled tracks at ages 1 to h; tracks cut off by the end of their clip are left out.

    Args:
        evidence: nats, NaN after the track's end.
        is_hit: whether a detection was linked.
        score: detection score, 0 on a miss.
        is_persistent: truth.
        class_id: class of each track, -1 where there is none.
        unit: number of the clip or block of time that each track is from.
    """

    evidence: Float[np.ndarray, "n h"]
    is_hit: Bool[np.ndarray, "n h"]
    score: Float[np.ndarray, "n h"]
    is_persistent: Bool[np.ndarray, " n"]
    class_id: Int[np.ndarray, " n"]
    unit: Int[np.ndarray, " n"]

    def __len__(self) -> int:
        return len(self.unit)

    def take(self, rows: np.ndarray) -> SiteTracks:
        """Returns some of the tracks, by index or mask."""
        return SiteTracks(**{item.name: getattr(self, item.name)[rows] for item in fields(self)})

    def sequences(self) -> TrackSequences:
        """Returns what rules read."""
        return TrackSequences(
            evidence=np.nan_to_num(self.evidence),
            is_hit=self.is_hit,
            is_valid=~np.isnan(self.evidence),
            score=self.score,
            class_id=self.class_id,
        )

    def scores(self, seed: int) -> CalibrationScores:
        """Returns one random track of each class from every unit."""
        rng = np.random.default_rng(seed)
        return sample_one_per_clip(self.unit, self.is_persistent, self.evidence, rng)

    def to_rows(self) -> list[dict[str, Any]]:
        """Returns one row a track as plain values; evidence is rounded to the careful side."""
        evidence = np.where(
            self.is_persistent[:, None], round_carefully(self.evidence), -round_carefully(-self.evidence)
        )
        rows = []
        for row in range(len(self)):
            num = int((~np.isnan(evidence[row])).sum())
            rows.append(
                {
                    "label": "persistent" if self.is_persistent[row] else "transient",
                    "class_id": int(self.class_id[row]),
                    "unit": int(self.unit[row]),
                    "hits": "".join("1" if hit else "0" for hit in self.is_hit[row, :num]),
                    "score": [float(f"{value:.6g}") for value in self.score[row, :num]],
                    "evidence": (evidence[row, :num] + 0.0).tolist(),
                }
            )
        return rows

    @classmethod
    def from_rows(cls, rows: list[dict[str, Any]], num_ages: int) -> SiteTracks:
        """Returns the tracks that `to_rows` described.

        Raises:
            ValueError: a row lacks a value, or its lists differ in length.
        """
        num = len(rows)
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
        return cls(
            evidence=evidence,
            is_hit=is_hit,
            score=score,
            is_persistent=np.array([row["label"] == "persistent" for row in rows], dtype=bool),
            class_id=np.array([row["class_id"] for row in rows], dtype=np.int64),
            unit=np.array([row["unit"] for row in rows], dtype=np.int64),
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
    tracks: SiteTracks,
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
        tracks: labelled tracks of the site.
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

    def bounds(part: SiteTracks) -> TruncatedSPRT:
        return calibrate(
            part.scores(seed),
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


def _class_rules(tracks: SiteTracks, bounds: Any, seed: int) -> tuple[Mapping[int, StoppingRule], list[int], list[str]]:
    """Returns rules of classes that have enough tracks, the classes that have not, and sentences about the former."""
    classes = np.unique(tracks.class_id).tolist()
    if len(classes) == 1:
        return {}, classes, []
    rules, shared, lines = {}, [], []
    for class_id in classes:
        own = tracks.take(tracks.class_id == class_id)
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


def _bounds_words(tracks: SiteTracks, seed: int) -> str:
    scores = tracks.scores(seed)
    return f"bounds from {len(scores.persistent)} persistent and {len(scores.transient)} transient tracks"


def _shared_words(shared: list[int], *, has_own: bool) -> str:
    if len(shared) < 2 and not has_own:
        return ""
    return " of all classes together" + (", since there are too few of this class alone" if shared else "")


def _hand_rule(
    tracks: SiteTracks, max_false_confirm: float, max_miss: float | None, *, horizon: int, on_timeout: OnTimeout
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
