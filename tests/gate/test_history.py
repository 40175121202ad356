"""What a decision says about where its track was detected, from birth on, and how little is kept for it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from gate.scripted import NEVER, CueRule, Script, play
from perdure.gate.gate import PersistenceGate
from perdure.gate.history import HISTORY_FRAMES, BoxHistory
from perdure.gate.model import PersistenceModel
from perdure.stopping.rules import Horizon, Observation, Verdict
from perdure.stopping.streak import bound_like
from perdure.types import Decision


class Never(Horizon):
    """A rule that never comes to an end."""

    def decide(self, observation: Observation) -> Verdict:
        no = np.zeros(len(observation), dtype=bool)
        return Verdict(is_decided=no, is_persistent=no, is_forced=no)


def decisions_of(gate: PersistenceGate, scripts: list[Script], num_frames: int) -> list[Decision]:
    return [one for result in play(gate, scripts, num_frames, pixels=False) for one in result.decisions]


def frames_of(decision: Decision) -> list[int]:
    assert decision.history is not None
    return decision.history.frame_index.tolist()


def test_every_decision_holds_the_detections_from_birth_on(pixelless: PersistenceModel) -> None:
    gate = PersistenceGate(pixelless, CueRule(horizon=20), image_size=(120, 40))
    seen: dict[int, list[tuple[float, ...]]] = {}
    found = []
    for result in play(gate, [Script("+.0++"), Script("--0-", start=1), Script("0", start=2)], 12, pixels=False):
        for view in result.tracks:
            if view.is_hit:
                seen.setdefault(view.track_id, []).append((result.frame_index, *view.xyxy_px, view.score))
        for decision in result.decisions:
            found.append(decision.label)
            assert decision.history is not None
            rows = np.column_stack([decision.history.frame_index, decision.history.xyxy_px, decision.history.score])
            assert rows.tolist() == [list(row) for row in seen[decision.track_id]]
    assert sorted(found) == ["persistent", "transient", "transient"], "confirmed, rejected and deleted"


def test_a_rejected_track_that_is_opened_again_counts_from_there(pixelless: PersistenceModel) -> None:
    """Nine of ten boxes from before a re-opening were on nothing (PETS behind SORT), and were written as confirmed."""
    gate = PersistenceGate(pixelless, CueRule(), image_size=(40, 40))
    first, second = decisions_of(gate, [Script("---" + "+" * 12)], 15)
    assert (first.label, second.label, second.reason) == ("transient", "persistent", "reopened")
    assert frames_of(first) == [0, 1, 2]
    assert frames_of(second) == list(range(10, second.frame_index + 1)), "opened again at age 11"


def test_a_confirmed_track_and_one_that_is_gone_keep_nothing(pixelless: PersistenceModel) -> None:
    gate = PersistenceGate(pixelless, CueRule(), image_size=(80, 40))
    decisions_of(gate, [Script("+++" + "0" * 17), Script("0")], 20)
    assert len(gate.memories) == 1
    assert gate.history.to_arrays()["rows"].shape == (0, 6)


def test_nothing_is_older_than_the_limit_however_long_a_track_is_watched(pixelless: PersistenceModel) -> None:
    gate = PersistenceGate(pixelless, Never(), image_size=(40, 40))
    num = HISTORY_FRAMES + 50
    for _ in play(gate, [Script("0" * num)], num, pixels=False):
        pass
    kept = gate.history.of(0).frame_index
    assert kept.tolist() == list(range(50, num))


def test_state_carries_the_history(pixelless: PersistenceModel, tmp_path: Path) -> None:
    script = [Script("0.0+++"), Script("---00", start=1)]
    gate, again = (PersistenceGate(pixelless, CueRule(), image_size=(80, 40)) for _ in range(2))
    found: list[list[int]] = []
    for index, (one, other) in enumerate(
        zip(play(gate, script, 8, pixels=False), play(again, script, 8, pixels=False), strict=True)
    ):
        if index == 3:
            gate.save_state(tmp_path / "state.safetensors")
            again.history = BoxHistory()
            again.load_state(tmp_path / "state.safetensors")
        assert [frames_of(item) for item in one.decisions] == [frames_of(item) for item in other.decisions]
        found += [frames_of(item) for item in other.decisions]
    assert found == [[1, 2, 3], [0, 2, 3, 4, 5]]


def test_what_lasts_is_confirmed_with_its_history(pixelless: PersistenceModel) -> None:
    gate = PersistenceGate(pixelless, NEVER, image_size=(40, 40), lifetime_bound=bound_like(3))
    (decision,) = decisions_of(gate, [Script("0" * 40)], 40)
    assert decision.reason == "lifetime" and frames_of(decision) == list(range(decision.age))
