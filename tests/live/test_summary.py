"""Counts of a stream, from hand-made frames."""

from __future__ import annotations

from dataclasses import replace

import pytest

from perdure.gate.results import GateResult, TrackView
from perdure.live.summary import PartClock, StreamTally, counts_of, rates_of
from perdure.types import Decision


def view(track_id: int, age: int, status: str = "tentative") -> TrackView:
    return TrackView(
        track_id=track_id, xyxy_px=(0.0, 0.0, 1.0, 1.0), age=age, is_hit=True, status=status, evidence=0.0,
        probability=0.5,
    )  # fmt: skip


def decision(track_id: int, label: str, reason: str, age: int) -> Decision:
    return Decision(
        track_id=track_id, label=label, evidence=0.0, probability=0.5, age=age, frame_index=0, time_s=0.0, reason=reason
    )  # fmt: skip


def frame(*tracks: TrackView, decisions: tuple[Decision, ...] = (), encoded: tuple[int, ...] = ()) -> GateResult:
    return GateResult(frame_index=0, time_s=1.5, tracks=tracks, decisions=decisions, encoded_track_ids=encoded)


def test_counts_of_a_short_stream() -> None:
    tally = StreamTally()
    tally.add(frame(view(0, 1), view(1, 1), encoded=(0, 1)))
    confirmed = frame(
        view(0, 2, "persistent"), view(1, 2, "transient"), view(2, 1),
        decisions=(decision(0, "persistent", "evidence", 2), decision(1, "transient", "timeout", 2)), encoded=(0, 1, 2),
    )  # fmt: skip
    tally.add(confirmed)
    tally.add(frame(view(0, 3, "persistent"), view(2, 2), encoded=(2,)))
    tally.add(frame(view(0, 4, "persistent"), decisions=(decision(2, "transient", "deleted", 6),)))
    counts = counts_of(tally)
    assert (counts["num_frames"], counts["num_tracks"]) == (4, 3)
    assert (counts["num_persistent"], counts["num_transient"], counts["num_undecided"]) == (1, 2, 0)
    assert counts["num_by_reason"] == {"deleted": 1, "evidence": 1, "timeout": 1}
    assert (counts["mean_decision_frame_persistent"], counts["mean_decision_frame_transient"]) == (2.0, 4.0)
    assert (counts["track_frames_encoded"], counts["track_frames_ungated"]) == (6, 8)
    assert counts["savings_track_frames"] == pytest.approx(0.25)
    totals = tally.totals(confirmed)
    assert (totals.num_live, totals.num_encoded, totals.num_persistent_now) == (3, 3, 1)
    assert (totals.frame_index, totals.time_s, totals.num_persistent) == (3, 1.5, 1)


def test_a_reopened_track_counts_once_by_its_last_label() -> None:
    tally = StreamTally()
    tally.add(frame(decisions=(decision(0, "transient", "evidence", 4),)))
    tally.add(frame(decisions=(decision(0, "persistent", "reopened", 20),)))
    counts = counts_of(tally)
    assert (counts["num_persistent"], counts["num_transient"], counts["num_reopened"]) == (1, 0, 1)
    assert counts["mean_decision_frame_transient"] == 4.0 and counts["mean_decision_frame_persistent"] is None


def test_a_reopened_track_that_is_open_at_the_end_counts_once() -> None:
    """It was counted as transient and as undecided: eight tracks of seven."""
    tally = StreamTally()
    tally.add(frame(view(0, 1), view(1, 1)))
    tally.add(frame(view(0, 2, "transient"), view(1, 2), decisions=(decision(0, "transient", "evidence", 2),)))
    tally.add(frame(replace(view(0, 12), decided_age=2), view(1, 3)))
    counts = counts_of(tally)
    assert (counts["num_tracks"], counts["num_transient"], counts["num_undecided"]) == (2, 1, 1)


def test_a_stream_without_tracks_has_saved_nothing() -> None:
    tally = StreamTally()
    tally.add(frame())
    assert tally.savings == 0.0


def test_rates_are_frames_over_seconds() -> None:
    clock = PartClock()
    with clock.timed("gate"):
        pass
    clock.seconds.update(decode=2.0, draw=4.0)
    rates = rates_of(clock, 10)
    assert (rates["decode"], rates["draw"]) == (5.0, 2.5)
    assert "encode" not in rates and "gate" in rates
