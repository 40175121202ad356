"""The rule beside the gate: both verdicts on the same tracks, counted once each."""

from __future__ import annotations

import pytest

from perdure.gate.results import GateResult, TrackView
from perdure.live.summary import RuleComparison
from perdure.types import Decision


def view(track_id: int, age: int, streak: int) -> TrackView:
    box = (0.0, 0.0, 9.0, 9.0)
    return TrackView(track_id=track_id, xyxy_px=box, age=age, is_hit=True, status="tentative", evidence=0.0,
                     probability=0.5, longest_streak=streak)  # fmt: skip


def confirmed(track_id: int, age: int) -> Decision:
    return Decision(track_id=track_id, label="persistent", evidence=1.0, probability=0.7, age=age, frame_index=age - 1,
                    time_s=0.0, reason="evidence")  # fmt: skip


def result_of(tracks: list[TrackView], decisions: list[Decision]) -> GateResult:
    return GateResult(frame_index=0, time_s=0.0, tracks=tuple(tracks), decisions=tuple(decisions))


def test_ages_are_compared_on_tracks_that_both_confirm() -> None:
    compared = RuleComparison(3)
    compared.add(result_of([view(0, 1, 1), view(1, 1, 1)], [confirmed(0, 1)]))
    compared.add(result_of([view(0, 2, 2), view(1, 2, 2)], []))
    compared.add(result_of([view(0, 3, 3), view(1, 3, 3)], []))
    compared.add(result_of([view(0, 4, 4), view(2, 1, 1)], [confirmed(2, 1)]))
    assert compared.to_dict() == {
        "rule": "3 in a row", "num_confirmed_by_rule": 2, "num_confirmed_by_gate": 2, "num_confirmed_by_both": 1,
        "mean_age_rule": 3.0, "mean_age_gate": 1.0,
    }  # fmt: skip
    assert compared.text == "3 in a row: 2 so far"


def test_nothing_confirmed_has_no_mean_age() -> None:
    assert RuleComparison(2).to_dict()["mean_age_rule"] is None


def test_a_rule_that_asks_for_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="compare: got 0 in a row, expected at least 1"):
        RuleComparison(0)
