"""Evidence of every test track at every age, as it is stored, and what any pair of bounds would make of it.

A report computes the same in the browser, from the same numbers; so they are stored to a thousandth of a nat.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from perdure.files import read_json, write_text
from perdure.stopping.rules import OnTimeout, TruncatedSPRT
from perdure.stopping.sequences import TrackSequences, run_rule

DECIMALS = 3
"""Of stored evidence; a thousandth of a nat changes odds by a thousandth."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredScores:
    """n tracks at ages 1 to l, whole: as they are with no decision taken.

    Args:
        clip_id: clip or sequence of each track.
        track_id: number of each track within it.
        is_persistent: truth.
        is_open: whether the stream ended before the track did; such a track counts only if bounds decide it before.
        evidence: nats, prior removed; NaN after a track's end.
        horizon: age at which a decision is forced.
        on_timeout: what a forced decision says.
    """

    clip_id: Sequence[str]
    track_id: Sequence[int]
    is_persistent: Bool[np.ndarray, " n"]
    is_open: Bool[np.ndarray, " n"]
    evidence: Float[np.ndarray, "n l"]
    horizon: int
    on_timeout: OnTimeout

    def save(self, path: Path) -> None:
        """Writes them as JSON, atomically; the rows of evidence end where tracks do."""
        rounded = np.round(self.evidence.astype(np.float64), DECIMALS)
        content = {
            "horizon": self.horizon,
            "on_timeout": self.on_timeout,
            "clip_id": list(self.clip_id),
            "track_id": [int(number) for number in self.track_id],
            "is_persistent": [int(value) for value in self.is_persistent],
            "is_open": [int(value) for value in self.is_open],
            "evidence": [row[~np.isnan(row)].tolist() for row in rounded],
        }
        write_text(path, json.dumps(content, allow_nan=False, separators=(",", ":")) + "\n")

    @classmethod
    def load(cls, path: Path) -> StoredScores:
        """Returns stored scores.

        Raises:
            FileNotFoundError: there is no such file.
            ValueError: it is damaged.
        """
        return cls.from_content(read_json(path))

    @classmethod
    def from_content(cls, content: dict[str, Any]) -> StoredScores:
        """Returns scores from what `save` has written."""
        rows = content["evidence"]
        evidence = np.full((len(rows), int(content["horizon"])), np.nan)
        for place, row in enumerate(rows):
            evidence[place, : len(row)] = row
        return cls(
            clip_id=content["clip_id"],
            track_id=content["track_id"],
            is_persistent=np.array(content["is_persistent"], dtype=bool),
            is_open=np.array(content["is_open"], dtype=bool),
            evidence=evidence,
            horizon=content["horizon"],
            on_timeout=content["on_timeout"],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class BoundsCost:
    """What a pair of bounds makes of stored tracks; None where there is nothing to count.

    Args:
        num_persistent: persistent tracks that count.
        num_transient: transient ones.
        num_confirmed: persistent tracks confirmed.
        num_false_confirms: transient ones confirmed.
        num_undecided: tracks that reached neither bound before their end or the horizon.
        miss_rate: share of persistent tracks not confirmed.
        false_confirm_rate: share of transient tracks confirmed.
        mean_decision_frame: mean age at the decision, that of the tracker's end for tracks that end undecided.
        mean_confirm_frame: mean age at which persistent tracks were confirmed.
    """

    num_persistent: int
    num_transient: int
    num_confirmed: int
    num_false_confirms: int
    num_undecided: int
    miss_rate: float | None
    false_confirm_rate: float | None
    mean_decision_frame: float | None
    mean_confirm_frame: float | None

    def to_dict(self) -> dict[str, Any]:
        """Returns plain values."""
        return asdict(self)


def cost_of_bounds(scores: StoredScores, *, upper: float, lower: float) -> BoundsCost:
    """Returns what the two-bound test with these bounds makes of stored tracks.

    Args:
        scores: the tracks.
        upper: bound for persistent, in nats.
        lower: bound for transient, in nats; minus infinity for none.

    Raises:
        ValueError: the lower bound is not below the upper one.
    """
    is_valid = ~np.isnan(scores.evidence)
    sequences = TrackSequences(
        evidence=np.where(is_valid, scores.evidence, 0.0), is_hit=np.zeros_like(is_valid), is_valid=is_valid
    )
    rule = TruncatedSPRT(upper=upper, lower=lower, horizon=scores.horizon, on_timeout=scores.on_timeout)
    outcome = run_rule(rule, sequences)
    counts = ~(outcome.is_deleted & scores.is_open)
    confirmed, truth = outcome.is_persistent & counts, scores.is_persistent
    num_persistent, num_transient = int((truth & counts).sum()), int((~truth & counts).sum())
    num_confirmed, num_false = int((confirmed & truth).sum()), int((confirmed & ~truth).sum())
    return BoundsCost(
        num_persistent=num_persistent,
        num_transient=num_transient,
        num_confirmed=num_confirmed,
        num_false_confirms=num_false,
        num_undecided=int((counts & (outcome.is_deleted | outcome.is_forced)).sum()),
        miss_rate=(num_persistent - num_confirmed) / num_persistent if num_persistent else None,
        false_confirm_rate=num_false / num_transient if num_transient else None,
        mean_decision_frame=_mean(outcome.age[counts]),
        mean_confirm_frame=_mean(outcome.age[confirmed & truth]),
    )


def _mean(ages: np.ndarray) -> float | None:
    return float(ages.sum() / len(ages)) if len(ages) else None
