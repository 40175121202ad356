"""Runs a stopping rule over whole tracks at once: the same `decide`, age by age, on tracks that are still undecided."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from perdure.stopping.rules import Observation, StoppingRule


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackSequences:
    """All that a rule may see of n tracks at ages 1 to l; numbers after a track's end do not matter.

    Args:
        evidence: nats, prior removed.
        is_hit: whether a detection was linked.
        is_valid: whether the track exists; false from its deletion on.
        cue: cue of each hit in nats; None means no cue.
        score: detection score, 0 on a miss; None means no score.
        class_id: class of each track; None stands for tracks without a class.

    Raises:
        ValueError: shapes disagree, a track has no first frame, or exists again after its end.
    """

    evidence: Float[np.ndarray, "n l"]
    is_hit: Bool[np.ndarray, "n l"]
    is_valid: Bool[np.ndarray, "n l"]
    cue: Float[np.ndarray, "n l"] | None = None
    score: Float[np.ndarray, "n l"] | None = None
    class_id: Int[np.ndarray, " n"] | None = None

    def __post_init__(self) -> None:
        for name in ("is_hit", "is_valid", "cue", "score"):
            value = getattr(self, name)
            if value is not None and value.shape != self.evidence.shape:
                raise ValueError(f"TrackSequences.{name}: got shape {value.shape}, expected {self.evidence.shape}")
        is_late = ~self.is_valid[:, :-1] & self.is_valid[:, 1:]
        bad = ~self.is_valid[:, :1].all(axis=1) | is_late.any(axis=1)
        if bad.any():
            row = int(np.flatnonzero(bad)[0])
            raise ValueError(f"TrackSequences.is_valid row {row}: expected true from birth up to the track's end")

    def observations(self) -> Iterator[tuple[int, Observation]]:
        """Yields each age with what a rule sees of all tracks at it."""
        rows, history = np.arange(len(self.evidence)), np.zeros(len(self.evidence), dtype=np.uint64)
        for age in range(1, self.evidence.shape[1] + 1):
            history = (history << np.uint64(1)) | self.is_hit[:, age - 1].astype(np.uint64)
            yield age, self.observation(rows, age, history)

    def observation(self, rows: Int[np.ndarray, " m"], age: int, history: np.ndarray) -> Observation:
        """Returns what a rule sees of some tracks at one age.

        Args:
            rows: tracks.
            age: frames since birth, birth = 1.
            history: hit history of those tracks as in `Observation`.
        """
        zeros = np.zeros(len(rows))
        is_hit = self.is_hit[rows, :age]
        cue = zeros if self.cue is None else np.where(is_hit, self.cue[rows, :age], 0.0).sum(axis=1, dtype=np.float64)
        scores = None if self.score is None else self.score[rows, :age].astype(np.float64)
        return Observation(
            evidence=self.evidence[rows, age - 1].astype(np.float64),
            age=np.full(len(rows), age),
            hit_history=history,
            cue_total=cue,
            score=zeros if scores is None else scores[:, -1],
            max_score=zeros if scores is None else np.where(is_hit, scores, -np.inf).max(axis=1),
            mean_score=zeros if scores is None else _mean_of_hits(scores, is_hit),
            class_id=None if self.class_id is None else self.class_id[rows],
        )


def _mean_of_hits(values: Float[np.ndarray, "n l"], is_hit: Bool[np.ndarray, "n l"]) -> Float[np.ndarray, " n"]:
    return np.where(is_hit, values, 0.0).sum(axis=1) / np.maximum(is_hit.sum(axis=1), 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleOutcome:
    """What a rule decided about each track.

    Args:
        age: decision frame (birth = 1); the age at deletion for deleted tracks, the last age for censored ones.
        is_persistent: the label; false for deleted and censored tracks.
        is_forced: decided only because the horizon was reached.
        is_deleted: the track ended undecided, which makes it transient.
        is_censored: undecided when the sequences end before the horizon: leave out of rates.
    """

    age: Int[np.ndarray, " n"]
    is_persistent: Bool[np.ndarray, " n"]
    is_forced: Bool[np.ndarray, " n"]
    is_deleted: Bool[np.ndarray, " n"]
    is_censored: Bool[np.ndarray, " n"]

    def error_rates(self, is_persistent: Bool[np.ndarray, " n"]) -> tuple[float, float]:
        """Returns false-confirm rate and miss rate against the truth, censored tracks left out; NaN of nothing."""
        counted = ~self.is_censored
        called = self.is_persistent
        transient, persistent = counted & ~is_persistent, counted & is_persistent
        false_confirm = called[transient].mean() if transient.any() else np.nan
        miss = 1 - called[persistent].mean() if persistent.any() else np.nan
        return float(false_confirm), float(miss)

    def balanced_age(self, is_persistent: Bool[np.ndarray, " n"]) -> float:
        """Returns the mean decision frame, both classes weighing alike."""
        return float((self.age[is_persistent].mean() + self.age[~is_persistent].mean()) / 2)


def run_rule(rule: StoppingRule, sequences: TrackSequences) -> RuleOutcome:
    """Returns the decisions of a rule on whole tracks.

    >>> from perdure.stopping.rules import TruncatedSPRT
    >>> ones = np.ones((2, 3), dtype=bool)
    >>> evidence = np.array([[0.0, 1.0, 4.0], [0.0, -1.0, -2.0]])
    >>> rule = TruncatedSPRT(upper=3.0, lower=-3.0, horizon=3)
    >>> outcome = run_rule(rule, TrackSequences(evidence=evidence, is_hit=ones, is_valid=ones))
    >>> outcome.age.tolist(), outcome.is_persistent.tolist(), outcome.is_forced.tolist()
    ([3, 3], [True, True], [False, True])
    """
    num, num_ages = sequences.evidence.shape
    age = np.zeros(num, dtype=np.int64)
    is_persistent, is_forced, is_deleted = (np.zeros(num, dtype=bool) for _ in range(3))
    is_open = np.ones(num, dtype=bool)
    history = np.zeros(num, dtype=np.uint64)
    for column in range(min(num_ages, rule.horizon)):
        history = (history << np.uint64(1)) | sequences.is_hit[:, column].astype(np.uint64)
        ended = is_open & ~sequences.is_valid[:, column]
        age[ended], is_deleted[ended], is_open[ended] = column + 1, True, False
        rows = np.flatnonzero(is_open)
        verdict = rule.decide(sequences.observation(rows, column + 1, history[rows]))
        age[rows] = column + 1
        is_persistent[rows], is_forced[rows] = verdict.is_persistent, verdict.is_forced
        is_open[rows[verdict.is_decided]] = False
    return RuleOutcome(
        age=age, is_persistent=is_persistent, is_forced=is_forced, is_deleted=is_deleted, is_censored=is_open
    )
