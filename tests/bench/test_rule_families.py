"""Every family holds the rules it names, and each decides as it does alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from perdure.bench.law_tracks import draw_tracks
from perdure.bench.rule_families import Families
from perdure.metrics.sweep import SweptDecisions
from perdure.optima.dynamic_program import TrackLaw
from perdure.stopping.counting import ByteTrackLogic, DeepSortLogic, ScoredMOfN, SortLogic
from perdure.stopping.rules import FixedHorizon, FixedThreshold, StoppingRule, TruncatedSPRT
from perdure.stopping.scoring import IPDAExistence, TrackScore
from perdure.stopping.sequences import TrackSequences, run_rule
from perdure.track_table import TrackTable

LAW = TrackLaw(detection_probability=0.8, false_alarm_probability=0.1, cue_strength=1.0, horizon=8)
RATES = {"hit_probability": LAW.hit_alive, "false_alarm_probability": 0.1}
TIMEOUT = {"horizon": 8, "on_timeout": "transient"}
FAMILIES = Families(horizon=8, on_timeout="transient", **RATES)


@pytest.fixture(scope="module")
def tracks() -> TrackTable:
    return draw_tracks(LAW, 400, np.random.default_rng(3))


@pytest.fixture(scope="module")
def sequences(tracks: TrackTable) -> TrackSequences:
    """Returns tracks of which some are deleted before the horizon."""
    end = np.random.default_rng(4).integers(3, 20, len(tracks.is_hit))
    is_valid = np.arange(1, 9) <= end[:, None]
    return replace(tracks.sequences(), is_valid=is_valid, is_hit=tracks.is_hit & is_valid)


def holds(swept: SweptDecisions, rule: StoppingRule, sequences: TrackSequences) -> bool:
    """Returns whether a rule of the family decides every track as this rule does."""
    outcome = run_rule(rule, sequences)
    same = (swept.age == outcome.age) & (swept.is_confirmed == outcome.is_persistent)
    return bool(same.all(axis=1).any())


@pytest.mark.parametrize(
    ("family", "rule"),
    [
        ("m_of_n", ScoredMOfN(window="first", num_hits=3, num_frames=5, **TIMEOUT)),
        ("sort", SortLogic(min_hits=3, max_age=1, **TIMEOUT)),
        ("deep_sort", DeepSortLogic(n_init=3, **TIMEOUT)),
        ("byte_track", ByteTrackLogic(**TIMEOUT)),
        ("fixed_horizon", FixedHorizon(decision_frame=5, threshold=0.5, **TIMEOUT)),
        ("fixed_threshold", FixedThreshold(confidence_threshold=1 / (1 + np.exp(-1.0)), early_stop_frame=4, **TIMEOUT)),
    ],
)
def test_the_rule_itself_is_among_its_family(family: str, rule: StoppingRule, sequences: TrackSequences) -> None:
    swept = getattr(FAMILIES, family)(sequences)
    assert holds(swept, rule, sequences)
    assert family == "byte_track" or not holds(_first(swept), rule, sequences), "all rules of the family decide alike"


def _first(swept: SweptDecisions) -> SweptDecisions:
    return SweptDecisions(age=swept.age[:1], is_confirmed=swept.is_confirmed[:1])


def test_two_bounds_are_the_sequential_test(sequences: TrackSequences) -> None:
    upper = 0.2 + 9.8 * (10 / 24) ** 1.5
    lower = -(0.2 + 9.8 * (6 / 24) ** 1.5)
    assert holds(FAMILIES.two_bounds(sequences), TruncatedSPRT(upper=upper, lower=lower, **TIMEOUT), sequences)


@pytest.mark.parametrize("name", ["track_score", "ipda"])
def test_scores_are_those_of_the_rules(name: str, sequences: TrackSequences) -> None:
    bound = 0.2 + 9.8 * (12 / 24) ** 1.5
    rule: StoppingRule
    if name == "track_score":
        rule = TrackScore(upper=bound, lower=-bound, **RATES, **TIMEOUT)
    else:
        share = 1 / (1 + np.exp(-bound))
        rule = IPDAExistence(upper=share, lower=1 - share, **RATES, **TIMEOUT)
    assert holds(getattr(FAMILIES, name)(sequences), rule, sequences)
