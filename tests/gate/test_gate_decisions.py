"""Every way in which a track is decided, and what stands in the decision."""

from __future__ import annotations

import math

import pytest

from gate.scripted import NEVER, CueRule, Script, play
from perdure.gate.gate import PersistenceGate
from perdure.gate.model import PersistenceModel
from perdure.gate.results import GateResult
from perdure.stopping.rules import OnTimeout, TruncatedSPRT
from perdure.types import Decision

AGAIN = "---" + "+" * 12
"""Rejected at age 3, and hit ever after: six hits in the eight frames since re-open it at age 11."""


def decided(results: list[GateResult]) -> list[Decision]:
    return [decision for result in results for decision in result.decisions]


def brief(results: list[GateResult]) -> list[tuple[int, str, str, int]]:
    return [(item.track_id, item.label, item.reason, item.age) for item in decided(results)]


def test_bounds_decide_with_the_evidence_of_that_frame(pixelless: PersistenceModel) -> None:
    gate = PersistenceGate(pixelless, CueRule(), prior=0.2, image_size=(80, 40))
    results = list(play(gate, [Script("+0++"), Script("--0-", start=1)], 8, pixels=False))
    assert brief(results) == [(0, "persistent", "evidence", 4), (1, "transient", "evidence", 4)]
    for decision in decided(results):
        frame = results[decision.frame_index]
        view = next(track for track in frame.tracks if track.track_id == decision.track_id)
        assert (decision.evidence, decision.probability) == (view.evidence, view.probability)
        assert decision.probability == pytest.approx(1 / (1 + 4 * math.exp(-decision.evidence)))
        assert decision.time_s == pytest.approx(decision.frame_index / 30)
        assert decision.is_decided
        later = [track for result in results[decision.frame_index :] for track in result.tracks]
        own = [track for track in later if track.track_id == decision.track_id]
        assert {track.evidence for track in own} == {decision.evidence}, "evidence goes on after the decision"
        assert {track.decided_age for track in own} == {decision.age}
        assert {track.status for track in own} == {decision.label}


def test_views_before_the_decision_are_tentative(pixelless: PersistenceModel) -> None:
    gate = PersistenceGate(pixelless, CueRule(), image_size=(40, 40))
    results = list(play(gate, [Script("0.0+")], 4, pixels=False))
    views = [result.tracks[0] for result in results]
    assert [view.status for view in views] == ["tentative"] * 4
    assert [view.decided_age for view in views] == [0] * 4
    assert [view.is_hit for view in views] == [True, False, True, True]
    assert [view.num_hits for view in views] == [1, 1, 2, 3]
    assert [view.score for view in views] == [0.5, 0.0, 0.5, 0.5]


@pytest.mark.parametrize(("hits", "age"), [("0", 6), ("0.00", 9), ("0....0", 11)])
def test_deleted_while_undecided_is_transient_at_the_age_of_deletion(
    pixelless: PersistenceModel, hits: str, age: int
) -> None:
    gate = PersistenceGate(pixelless, CueRule(horizon=20), image_size=(40, 40))
    results = list(play(gate, [Script(hits, start=2)], 20, pixels=False))
    assert brief(results) == [(0, "transient", "deleted", age)]
    decision = decided(results)[0]
    assert decision.frame_index == 2 + age - 1
    assert not results[decision.frame_index].tracks
    assert not gate.memories
    assert len(gate.streams) == 0


@pytest.mark.parametrize("label", ["persistent", "transient"])
def test_the_horizon_forces_what_on_timeout_says(pixelless: PersistenceModel, label: OnTimeout) -> None:
    gate = PersistenceGate(pixelless, CueRule(horizon=7, on_timeout=label), image_size=(80, 40))
    results = list(play(gate, [Script("0" * 12), Script("0" * 12, start=3)], 12, pixels=False))
    assert brief(results) == [(0, label, "timeout", 7), (1, label, "timeout", 7)]
    assert not any(decision.is_decided for decision in decided(results))
    assert [decision.frame_index for decision in decided(results)] == [6, 9]


def test_evidence_wins_over_the_horizon_on_the_same_frame(pixelless: PersistenceModel) -> None:
    gate = PersistenceGate(pixelless, CueRule(horizon=4, on_timeout="transient"), image_size=(40, 40))
    assert brief(list(play(gate, [Script("0+++")], 5, pixels=False))) == [(0, "persistent", "evidence", 4)]


def test_a_rejected_track_that_refuses_to_die_is_opened_again(model: PersistenceModel) -> None:
    """The frame that re-opens counts like a birth; its cue was once forgotten, which cost a frame."""
    gate = PersistenceGate(model, CueRule())
    results = list(play(gate, [Script(AGAIN)], len(AGAIN)))
    assert brief(results) == [(0, "transient", "evidence", 3), (0, "persistent", "reopened", 13)]
    assert [result.num_encoded for result in results] == [1] * 3 + [0] * 7 + [1] * 3 + [0] * 2
    status = [result.tracks[0].status for result in results]
    assert status == ["tentative"] * 2 + ["transient"] * 8 + ["tentative"] * 2 + ["persistent"] * 3
    assert {result.tracks[0].decided_age for result in results[2:]} == {3}
    assert gate.memories[0].was_reopened
    assert gate.memories[0].num_encoded == 6


def test_evidence_of_a_reopened_track_begins_anew(model: PersistenceModel) -> None:
    """As if born on that frame: a model with the same picture and no memory says the same."""
    results = list(play(PersistenceGate(model, CueRule()), [Script(AGAIN)], 13))
    fresh = list(play(PersistenceGate(model, CueRule()), [Script("+++", start=10)], 13, start=10))
    again = [result.tracks[0].evidence for result in results[10:]]
    # Age 1 of a track has no motion residual; the boxes stand still, so all else is equal.
    assert again == pytest.approx([result.tracks[0].evidence for result in fresh], abs=1e-4)


@pytest.mark.parametrize(("hits", "is_opened"), [("......++++++", False), ("..++++++", True), ("..++.+.+.+", False)])
def test_few_hits_do_not_open_it_again(pixelless: PersistenceModel, hits: str, is_opened: bool) -> None:
    """Six hits in eight frames, the latest of them a hit; deletion comes first after five misses."""
    gate = PersistenceGate(pixelless, CueRule(), image_size=(40, 40))
    results = list(play(gate, [Script("---" + hits)], 3 + len(hits), pixels=False))
    assert any(memory.was_reopened for memory in gate.memories.values()) == is_opened
    assert sum(result.num_encoded for result in results[3:] if result.tracks and result.tracks[0].track_id == 0) == (
        1 if is_opened else 0
    )


def test_a_reopened_track_that_is_rejected_again_or_dies_says_nothing_new(pixelless: PersistenceModel) -> None:
    gate = PersistenceGate(pixelless, CueRule(), image_size=(80, 40))
    scripts = [Script("-" * 20), Script("---" + "+" * 6 + "00" + "." * 9)]
    results = list(play(gate, scripts, 22, pixels=False))
    assert brief(results) == [(0, "transient", "evidence", 3), (1, "transient", "evidence", 3)]
    # Track 0 was opened again at ages 11 and 21: eight frames after each rejection.
    opened = [index for index, result in enumerate(results) if 0 in result.encoded_track_ids]
    assert opened == [0, 1, 2, 10, 11, 12]
    assert not [track for track in gate.memories if track == 1]


def test_a_confirmed_track_stays_confirmed_until_it_is_gone(pixelless: PersistenceModel) -> None:
    gate = PersistenceGate(pixelless, CueRule(), image_size=(40, 40))
    results = list(play(gate, [Script("+++----------")], 20, pixels=False))
    assert brief(results) == [(0, "persistent", "evidence", 3)]
    assert not gate.memories


def test_real_evidence_crosses_real_bounds(model: PersistenceModel) -> None:
    rule = TruncatedSPRT(upper=1.0, lower=-0.5, horizon=16)
    results = list(play(PersistenceGate(model, rule), [Script("0"), Script("0000000000"), Script("0.0.0.00")], 20))
    found = decided(results)
    assert len(found) == 3
    for decision in found:
        assert decision.reason == "evidence"
        assert decision.evidence >= 1.0 if decision.label == "persistent" else decision.evidence <= -0.5


def test_nothing_is_decided_while_nothing_is_there(model: PersistenceModel) -> None:
    results = list(play(PersistenceGate(model, NEVER), [None], 3))
    assert [(result.frame_index, result.tracks, result.decisions) for result in results] == [
        (0, (), ()), (1, (), ()), (2, (), ())
    ]  # fmt: skip
