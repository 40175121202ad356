"""Decisions, one record a track, and every rate that is counted from them.

All rates of one evaluation come from the same list of records, so that they can be recomputed from the stored file.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from jaxtyping import Float, Int

from perdure.config import from_dict
from perdure.files import placed_json_lines, write_json_lines
from perdure.metrics.intervals import binomial_interval, bootstrap_interval
from perdure.types import Label, Reason

LABELS: tuple[Label, ...] = ("persistent", "transient")
REASONS: tuple[Reason, ...] = ("evidence", "lifetime", "timeout", "deleted", "reopened")
Interval = tuple[float, float]
Outcome = Literal["confirmed", "rejected", "undecided"]
OUTCOMES: tuple[Outcome, ...] = ("confirmed", "rejected", "undecided")


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionRecord:
    """The verdict on one track and what it cost: one line of `decisions.jsonl`.

    Args:
        clip_id: clip that the track belongs to.
        track_id: the tracker's id, unique within the clip.
        true_label: the truth.
        label: the verdict.
        evidence: log-likelihood ratio in nats at the decision, prior removed.
        probability: of being persistent, in [0, 1].
        decision_frame: age at the decision, birth = 1.
        decided: false if the horizon forced the decision.
        reason: `evidence`, `lifetime`, `timeout` (forced), `deleted` (the tracker gave up first) or `reopened`.
        first_frame: frame of the clip at birth, 0-based.
        last_frame: last frame of the clip before the tracker deleted the track, or the clip ended.
        frames_encoded: frames that the extractor was run on.
        reopened: whether a rejection was taken back later.

    Raises:
        ValueError: a value is not possible, or two contradict each other.
    """

    clip_id: str
    track_id: int
    true_label: Label
    label: Label
    evidence: float
    probability: float
    decision_frame: int
    decided: bool
    reason: Reason
    first_frame: int
    last_frame: int
    frames_encoded: int
    reopened: bool

    def __post_init__(self) -> None:
        for name in ("true_label", "label"):
            if getattr(self, name) not in LABELS:
                raise ValueError(f"{name}: got {getattr(self, name)!r}, expected one of {', '.join(LABELS)}")
        if self.reason not in REASONS:
            raise ValueError(f"reason: got {self.reason!r}, expected one of {', '.join(REASONS)}")
        if not math.isfinite(self.evidence):
            raise ValueError(f"evidence: got {self.evidence}, expected a finite number of nats")
        if not 0 <= self.probability <= 1:
            raise ValueError(f"probability: got {self.probability}, expected 0 to 1")
        for name, least in (("decision_frame", 1), ("first_frame", 0), ("frames_encoded", 0)):
            if getattr(self, name) < least:
                raise ValueError(f"{name}: got {getattr(self, name)}, expected at least {least}")
        if self.last_frame < self.first_frame:
            raise ValueError(f"last_frame: got {self.last_frame}, expected at least first_frame ({self.first_frame})")
        if self.decided == (self.reason == "timeout"):
            raise ValueError(f"decided: got {self.decided} with reason {self.reason}; only a timeout is undecided")

    @property
    def is_right(self) -> bool:
        """Whether the verdict is the truth."""
        return self.label == self.true_label

    @property
    def outcome(self) -> Outcome:
        """What became of the track."""
        return outcome_of(self.label, self.reason)

    @property
    def num_track_frames(self) -> int:
        """Frames that would have been encoded without gating."""
        return self.last_frame - self.first_frame + 1


def outcome_of(label: str, reason: str) -> Outcome:
    """Returns what became of a track; a label that the horizon or the tracker forced on it is no rejection.

    >>> outcome_of("transient", "evidence"), outcome_of("transient", "timeout"), outcome_of("persistent", "timeout")
    ('rejected', 'undecided', 'confirmed')
    """
    if label == "persistent":
        return "confirmed"
    return "undecided" if reason in ("timeout", "deleted") else "rejected"


def write_decisions(path: Path | str, records: Sequence[DecisionRecord]) -> None:
    """Writes one JSON object a line, atomically."""
    write_json_lines(path, [asdict(record) for record in records])


def read_decisions(path: Path | str) -> list[DecisionRecord]:
    """Returns the records of a `decisions.jsonl`.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: a line is not a record; the file, the line and the field are named.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"decisions: {path} does not exist; run 'perdure evaluate' on the run folder first")
    return [from_dict(DecisionRecord, values, where=where) for where, values in placed_json_lines(path)]


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionMetrics:
    """Rates of one set of decisions; None where there is no track to count.

    Args:
        num_clips: clips with at least one decided track.
        num_tracks: decided tracks; every rate is over these.
        num_censored: tracks left out because their clip ended first.
        accuracy: share of right verdicts, in [0, 1], higher is better.
        accuracy_ci95: Clopper-Pearson interval, tracks taken as independent.
        accuracy_ci95_clips: bootstrap interval over clips.
        confusion_matrix: counts by truth, then verdict.
        false_confirm_rate: share of transient tracks called persistent, lower is better.
        false_confirm_rate_ci95: Clopper-Pearson interval.
        miss_rate: share of persistent tracks called transient, lower is better.
        miss_rate_ci95: Clopper-Pearson interval.
        confirm_rate: share of persistent tracks called persistent, higher is better; 1 - `miss_rate`.
        confirm_rate_ci95: Clopper-Pearson interval.
        mean_confirm_frame: mean age at which those were confirmed, at least 1, lower is better.
        constant_accuracy: accuracy of the better one of two verdicts that are always the same; what accuracy is held
            against.
        total_error: mean of the two rates.
        early_stop_rate: share of tracks decided at age `early_stop_frame` or earlier, higher is better.
        mean_decision_frame: mean age at decision, at least 1, lower is better; then the same by true class.
        track_frames_gated: frames that the extractor was run on, all tracks together.
        track_frames_ungated: frames from birth to deletion or the clip's end.
        compute_savings_track_frames: 1 - gated / ungated, at most 1, higher is better.
    """

    num_clips: int
    num_tracks: int
    num_censored: int
    accuracy: float
    accuracy_ci95: Interval
    accuracy_ci95_clips: Interval
    confusion_matrix: dict[str, dict[str, int]]
    false_confirm_rate: float | None
    false_confirm_rate_ci95: Interval
    miss_rate: float | None
    miss_rate_ci95: Interval
    confirm_rate: float | None
    confirm_rate_ci95: Interval
    mean_confirm_frame: float | None
    constant_accuracy: float
    total_error: float | None
    early_stop_rate: float
    mean_decision_frame: float
    mean_decision_frame_persistent: float | None
    mean_decision_frame_transient: float | None
    track_frames_gated: int
    track_frames_ungated: int
    compute_savings_track_frames: float

    def to_dict(self) -> dict[str, Any]:
        """Returns plain values, ready for JSON; rates that do not exist are None."""
        return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()}


def decision_metrics(
    records: Sequence[DecisionRecord],
    *,
    num_censored: int = 0,
    early_stop_frame: int = 4,
    num_resamples: int = 2000,
    seed: int = 0,
) -> DecisionMetrics:
    """Returns every rate that decisions alone determine.

    Args:
        records: all decided tracks.
        num_censored: tracks that were left out, for the record.
        early_stop_frame: largest age at which a decision counts as early.
        num_resamples: bootstrap resamples.
        seed: of the bootstrap.

    Raises:
        ValueError: there is no record.
    """
    if not records:
        raise ValueError("decisions: got no records, expected at least one decided track")
    matrix = confusion_matrix(records)
    num_right, num_wrong = sum(record.is_right for record in records), sum(not record.is_right for record in records)
    false_confirm, false_confirm_ci95 = _rate(matrix["transient"], "persistent")
    miss, miss_ci95 = _rate(matrix["persistent"], "transient")
    confirm, confirm_ci95 = _rate(matrix["persistent"], "persistent")
    ages = np.array([record.decision_frame for record in records])
    is_persistent = np.array([record.true_label == "persistent" for record in records])
    is_confirmed = np.array([record.label == "persistent" for record in records])
    gated = sum(record.frames_encoded for record in records)
    ungated = sum(record.num_track_frames for record in records)
    return DecisionMetrics(
        num_clips=len({record.clip_id for record in records}),
        num_tracks=len(records),
        num_censored=num_censored,
        accuracy=num_right / len(records),
        accuracy_ci95=binomial_interval(num_right, num_right + num_wrong),
        accuracy_ci95_clips=_accuracy_over_clips(records, num_resamples, seed),
        confusion_matrix=matrix,
        false_confirm_rate=false_confirm,
        false_confirm_rate_ci95=false_confirm_ci95,
        miss_rate=miss,
        miss_rate_ci95=miss_ci95,
        confirm_rate=confirm,
        confirm_rate_ci95=confirm_ci95,
        mean_confirm_frame=_mean(ages[is_persistent & is_confirmed]),
        constant_accuracy=float(max(is_persistent.mean(), 1 - is_persistent.mean())),
        total_error=None if false_confirm is None or miss is None else (false_confirm + miss) / 2,
        early_stop_rate=float((ages <= early_stop_frame).mean()),
        mean_decision_frame=float(ages.mean()),
        mean_decision_frame_persistent=_mean(ages[is_persistent]),
        mean_decision_frame_transient=_mean(ages[~is_persistent]),
        track_frames_gated=gated,
        track_frames_ungated=ungated,
        compute_savings_track_frames=1 - gated / ungated,
    )


def confusion_matrix(records: Sequence[DecisionRecord]) -> dict[str, dict[str, int]]:
    """Returns counts of tracks by truth, then verdict."""
    matrix = {truth: dict.fromkeys(LABELS, 0) for truth in LABELS}
    for record in records:
        matrix[record.true_label][record.label] += 1
    return {str(truth): {str(label): count for label, count in row.items()} for truth, row in matrix.items()}


def _rate(row: dict[str, int], label: str) -> tuple[float | None, Interval]:
    num = sum(row.values())
    return (row[label] / num if num else None), binomial_interval(row[label], num)


def _mean(ages: Int[np.ndarray, " n"]) -> float | None:
    return float(ages.mean()) if len(ages) else None


def _accuracy_over_clips(records: Sequence[DecisionRecord], num_resamples: int, seed: int) -> Interval:
    """Returns the bootstrap interval of accuracy, whole clips drawn: tracks of a clip are not independent."""
    _, clip = np.unique([record.clip_id for record in records], return_inverse=True)
    num = np.bincount(clip)
    right = np.bincount(clip, weights=[record.is_right for record in records])

    def accuracy(drawn: Int[np.ndarray, "resample unit"]) -> Float[np.ndarray, " resample"]:
        return right[drawn].sum(axis=1) / num[drawn].sum(axis=1)

    rng = np.random.default_rng(seed)
    return bootstrap_interval(len(num), accuracy, rng=rng, num_resamples=num_resamples)
