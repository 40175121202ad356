"""All stopping rules, by names for tests."""

from __future__ import annotations

from perdure.optima.backward_induction import BackwardInductionRule
from perdure.stopping.counting import ByteTrackLogic, DeepSortLogic, ScoredMOfN, SortLogic
from perdure.stopping.rules import AgeBounds, FixedHorizon, FixedThreshold, Horizon, TruncatedSPRT
from perdure.stopping.scoring import IPDAExistence, TrackScore

RULES: dict[str, type[Horizon]] = {
    "truncated_sprt": TruncatedSPRT,
    "fixed_threshold": FixedThreshold,
    "fixed_horizon": FixedHorizon,
    "age_bounds": AgeBounds,
    "backward_induction": BackwardInductionRule,
    "scored_m_of_n": ScoredMOfN,
    "sort": SortLogic,
    "deep_sort": DeepSortLogic,
    "byte_track": ByteTrackLogic,
    "track_score": TrackScore,
    "ipda": IPDAExistence,
}
