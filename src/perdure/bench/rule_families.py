"""Families of stopping rules: each rule of a family on the same tracks, so that all can be swept alike."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
from jaxtyping import Float
from scipy.special import logit

from perdure.metrics.sweep import SweptDecisions, swept_bounds
from perdure.stopping.counting import ByteTrackLogic, DeepSortLogic, ScoredMOfN, SortLogic
from perdure.stopping.rules import FixedHorizon, FixedThreshold, Observation, OnTimeout, StoppingRule
from perdure.stopping.scoring import IPDAExistence, TrackScore
from perdure.stopping.sequences import TrackSequences, run_rule


class RuleFamily(Protocol):
    """Runs every rule of a family; the same rules in the same order on any tracks."""

    def __call__(self, sequences: TrackSequences) -> SweptDecisions:
        """Returns what each rule decides about each track."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Families:
    """The families that are compared, for one horizon and one forced label.

    Args:
        horizon: age at which a decision is forced.
        on_timeout: what a forced decision says.
        hit_probability: of an existing object, for rules that must be told.
        false_alarm_probability: of a hit in the gate of an object that is gone, for rules that must be told.
    """

    horizon: int
    on_timeout: OnTimeout
    hit_probability: float
    false_alarm_probability: float

    def two_bounds(self, sequences: TrackSequences) -> SweptDecisions:
        """Returns the truncated sequential test on the evidence of the sequences, both bounds swept."""
        evidence = np.where(sequences.is_valid, sequences.evidence, np.nan)
        return swept_bounds(evidence, horizon=self.horizon, is_timeout_persistent=self.on_timeout == "persistent")

    def track_score(self, sequences: TrackSequences) -> SweptDecisions:
        """Returns Blackman's track score, cue included, both bounds swept."""
        rule = TrackScore(**self._hit_rates)
        return self.two_bounds(replace(sequences, evidence=score_at_every_age(rule.score, sequences)))

    def ipda(self, sequences: TrackSequences) -> SweptDecisions:
        """Returns the existence probability of IPDA, cue included, both bounds swept."""
        rule = IPDAExistence(**self._hit_rates)
        log_odds = score_at_every_age(lambda seen: logit(np.clip(rule.existence(seen), 1e-9, 1 - 1e-9)), sequences)
        return self.two_bounds(replace(sequences, evidence=log_odds))

    def fixed_horizon(self, sequences: TrackSequences) -> SweptDecisions:
        """Returns one decision frame for all tracks and a threshold, both swept."""
        thresholds = np.linspace(-3.0, 3.0, 13)
        return self._each(
            FixedHorizon(decision_frame=frame, threshold=float(threshold), **self._timeout)
            for frame in range(1, self.horizon + 1)
            for threshold in thresholds
        )(sequences)

    def fixed_threshold(self, sequences: TrackSequences) -> SweptDecisions:
        """Returns the classic rule, its confidence and its last frame swept."""
        confidences = 1 / (1 + np.exp(-np.linspace(0.25, 7.0, 28)))
        return self._each(
            FixedThreshold(confidence_threshold=float(confidence), early_stop_frame=frame, **self._timeout)
            for confidence in confidences
            for frame in range(1, self.horizon + 1)
        )(sequences)

    def m_of_n(self, sequences: TrackSequences) -> SweptDecisions:
        """Returns M hits among the first N frames, all M and N."""
        return self._each(
            ScoredMOfN(window="first", num_hits=hits, num_frames=frames, **self._timeout)
            for frames in range(1, self.horizon + 1)
            for hits in range(1, frames + 1)
        )(sequences)

    def sort(self, sequences: TrackSequences) -> SweptDecisions:
        """Returns SORT's logic, `min_hits` and `max_age` swept."""
        return self._each(
            SortLogic(min_hits=hits, max_age=age, **self._timeout) for hits in range(1, 9) for age in range(5)
        )(sequences)

    def deep_sort(self, sequences: TrackSequences) -> SweptDecisions:
        """Returns DeepSORT's logic, `n_init` swept."""
        return self._each(DeepSortLogic(n_init=hits, **self._timeout) for hits in range(1, 9))(sequences)

    def byte_track(self, sequences: TrackSequences) -> SweptDecisions:
        """Returns ByteTrack's logic, which has nothing to sweep."""
        return self._each([ByteTrackLogic(**self._timeout)])(sequences)

    @property
    def _timeout(self) -> dict[str, Any]:
        return {"horizon": self.horizon, "on_timeout": self.on_timeout}

    @property
    def _hit_rates(self) -> dict[str, Any]:
        return {
            "hit_probability": min(self.hit_probability, 1 - 1e-6),
            "false_alarm_probability": max(self.false_alarm_probability, 1e-6),
        }

    @staticmethod
    def _each(rules: Iterable[StoppingRule]) -> RuleFamily:
        rules = list(rules)

        def run(sequences: TrackSequences) -> SweptDecisions:
            outcomes = [run_rule(rule, sequences) for rule in rules]
            return SweptDecisions(
                age=np.array([outcome.age for outcome in outcomes]),
                is_confirmed=np.array([outcome.is_persistent for outcome in outcomes]),
            )

        return run


def score_at_every_age(
    score: Callable[[Observation], Float[np.ndarray, " n"]], sequences: TrackSequences
) -> Float[np.ndarray, "n l"]:
    """Returns a rule's own score of every track at every age."""
    return np.stack([score(seen) for _, seen in sequences.observations()], axis=1)
