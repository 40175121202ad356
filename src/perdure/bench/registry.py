"""All stopping rules by name."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from perdure.optima.backward_induction import BackwardInductionRule
from perdure.stopping.age_bounds import AgeBounds
from perdure.stopping.counting import ByteTrackLogic, DeepSortLogic, MOfN, ScoredMOfN, SortLogic
from perdure.stopping.rules import FixedHorizon, FixedThreshold, Horizon, StoppingRule, TruncatedSPRT
from perdure.stopping.scoring import IPDAExistence, TrackScore

RULES: dict[str, type[Horizon]] = {
    "truncated_sprt": TruncatedSPRT,
    "fixed_threshold": FixedThreshold,
    "fixed_horizon": FixedHorizon,
    "age_bounds": AgeBounds,
    "backward_induction": BackwardInductionRule,
    "m_of_n": MOfN,
    "scored_m_of_n": ScoredMOfN,
    "sort": SortLogic,
    "deep_sort": DeepSortLogic,
    "byte_track": ByteTrackLogic,
    "track_score": TrackScore,
    "ipda": IPDAExistence,
}
"""Name on the command line and in tables -> class."""


def build_rule(name: str, **settings: Any) -> StoppingRule:
    """Returns the rule of that name.

    Raises:
        ValueError: the name or a setting is unknown, or a setting is missing or out of range.

    >>> build_rule("sort", horizon=8).horizon
    8
    """
    if name not in RULES:
        raise ValueError(f"stopping rule: got '{name}', expected one of {', '.join(RULES)}")
    known = [item.name for item in fields(RULES[name])]
    for key in settings:
        if key not in known:
            raise ValueError(f"stopping rule {name}: got unknown setting '{key}', expected one of {', '.join(known)}")
    try:
        return RULES[name](**settings)  # type: ignore[return-value]
    except TypeError as error:
        raise ValueError(f"stopping rule {name}: a setting is missing ({error})") from error
