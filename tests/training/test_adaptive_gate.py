"""A gate that learns: takes over at a frame of the stream's own, is stored with what it learned, decides alike."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from perdure.gate.forest_model import ForestModel
from perdure.gate.load import load_gate, load_model
from perdure.gate.results import GateResult
from perdure.training import adaptive_gate as module
from perdure.training.adapt import AdaptConfig
from perdure.training.adaptive_gate import AdaptiveGate, LearnConfig
from perdure.training.load import load
from perdure.training.track_fit import TrackTrainingConfig
from perdure.types import Detections

SIZE = (520, 240)
FAST = LearnConfig(
    first_s=15.0,
    every_s=20.0,
    lead_s=1.0,
    core_share=1.0,
    fit=AdaptConfig(forest=TrackTrainingConfig(num_trees=6), folds=2),
)
TAKES_OVER, END = 160, 200
"""Frame of the first change of weights at 10 frames a second: 15 s after the first, and a second more."""


def busy(num_frames: int) -> list[Detections]:
    """Returns frames with objects that stay for 26 to 45 frames and score high, and flashes that score low."""
    rng, rows = np.random.default_rng(0), [list[list[float]]() for _ in range(num_frames + 60)]
    for first in range(num_frames):
        x, y = 40.0 * (first % 12), 30.0 * (first % 5)
        for frame in range(first, first + int(rng.integers(26, 46))):
            if frame == first or rng.random() < 0.9:
                rows[frame].append([x + 20, y + 20, x + 40, y + 44, rng.normal(0.8, 0.1)])
        x = rng.uniform(20, 440)
        for frame in range(first, first + int(rng.integers(1, 4))):
            rows[frame].append([x, 200, x + 9, 209, rng.normal(0.4, 0.1)])
    tables = [np.array(frame).reshape(-1, 5) for frame in rows[:num_frames]]
    return [Detections(xyxy_px=table[:, :4], score=table[:, 4]) for table in tables]


FRAMES = busy(END)


def gate() -> AdaptiveGate:
    """Returns a gate that learns soon."""
    model = load_model("detections")
    assert isinstance(model, ForestModel)
    return AdaptiveGate(model, image_size=SIZE, config=FAST)


def run(one: Any, first: int, last: int) -> list[GateResult]:
    """Returns what a gate says to some frames."""
    return [one.update(None, FRAMES[frame], time_s=100.0 + frame / 10) for frame in range(first, last)]


@pytest.fixture(scope="module")
def told() -> list[GateResult]:
    return run(gate(), 0, END)


def said(results: list[GateResult]) -> list[tuple[Any, ...]]:
    return [(tuple(result.tracks), result.decisions) for result in results]


def test_until_it_takes_over_it_is_the_gate_that_it_began_with(told: list[GateResult]) -> None:
    plain = run(load_gate("detections", image_size=SIZE), 0, END)
    assert said(told[:TAKES_OVER]) == said(plain[:TAKES_OVER])
    assert said(told[TAKES_OVER:]) != said(plain[TAKES_OVER:]), "it has learned nothing"


def test_equal_streams_give_equal_decisions_however_long_a_fit_takes(
    told: list[GateResult], monkeypatch: pytest.MonkeyPatch
) -> None:
    fitted = module.adapt

    def slow(*given: Any, **named: Any) -> Any:
        import time

        time.sleep(1.0)
        return fitted(*given, **named)

    monkeypatch.setattr(module, "adapt", slow)
    assert said(run(gate(), 0, TAKES_OVER + 10)) == said(told[: TAKES_OVER + 10])


@pytest.mark.parametrize("cut", [155, 180])
def test_a_stored_gate_goes_on_during_and_after_a_fit(told: list[GateResult], cut: int, tmp_path: Path) -> None:
    first, again = gate(), gate()
    run(first, 0, cut)
    first.save_state(tmp_path / "state.safetensors")
    again.load_state(tmp_path / "state.safetensors")
    assert said(run(again, cut, END)) == said(told[cut:])


def test_a_state_of_another_gate_is_refused_in_one_line(tmp_path: Path) -> None:
    one, plain = gate(), load_gate("detections", image_size=SIZE)
    plain.save_state(tmp_path / "plain.safetensors")
    with pytest.raises(ValueError, match=r"plain\.safetensors is of no gate that learns from these weights; load it"):
        one.load_state(tmp_path / "plain.safetensors")
    run(one, 0, 180)
    one.save_state(tmp_path / "state.safetensors")
    with pytest.raises(ValueError, match="was stored by a gate with another model"):
        plain.load_state(tmp_path / "state.safetensors")


def test_a_reset_forgets_what_was_learned(told: list[GateResult]) -> None:
    one = gate()
    run(one, 0, TAKES_OVER + 1)
    assert one.model is not one.base
    one.reset()
    assert one.model is one.base
    assert said(run(one, 0, 60)) == said(told[:60])


def test_an_error_of_the_fit_is_raised_where_it_takes_over_and_the_call_leaves_no_trace(
    told: list[GateResult], monkeypatch: pytest.MonkeyPatch
) -> None:
    one = gate()
    run(one, 0, 60)
    with monkeypatch.context() as patch:
        patch.setattr(module, "adapt", lambda *_, **__: 1 / 0)
        run(one, 60, TAKES_OVER)
        frame = FRAMES[TAKES_OVER]
        for _ in range(2):
            with pytest.raises(ZeroDivisionError):
                one.update(None, frame, time_s=100.0 + TAKES_OVER / 10)
    assert one.model is one.base and one.fit is not None


def test_open_tracks_go_on_as_if_the_new_law_had_always_been_there() -> None:
    one = gate()
    run(one, 0, TAKES_OVER + 1)
    assert one.model is not one.base
    track_id = one.memories.track_id
    opened = {key: one.memories[key] for key in track_id[one.streams.is_open(track_id)].tolist()}
    assert any(memory.age > 2 for memory in opened.values())
    state = one.streams.to_arrays()
    for track_id, slot in state["slots"].tolist():
        memory = opened[track_id]
        hits = np.array([[memory.hit_history >> back & 1 for back in reversed(range(memory.age))]], dtype=bool)
        law = one.model.lifetime
        rows = law.init_state(1)
        for column in range(memory.age):
            _, rows = law.step(rows, np.array([0]), hits[:, column])
        np.testing.assert_allclose(state["lifetime.log_ratio"][slot], rows.log_ratio[0])
        assert state["lifetime.age"][slot] == memory.age


@pytest.mark.parametrize(
    ("named", "message"),
    [
        ({"max_false_confirm": 0.1}, "adapt: got it together with max_false_confirm, expected one of both"),
        ({"like": "promise"}, "adapt: got a promise of rates, expected a rule"),
    ],
)
def test_a_promise_and_learning_exclude_each_other(named: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        load("detections", adapt=True, image_size=SIZE, **named)


def test_settings_that_make_no_sense_are_refused() -> None:
    with pytest.raises(ValueError, match="core_share: got 0, expected above 0 up to 1"):
        LearnConfig(core_share=0)
    with pytest.raises(ValueError, match="lead_s: got 400, expected at most first_s and every_s"):
        LearnConfig(lead_s=400)
