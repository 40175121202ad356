"""The drift monitor speaks when the stream has changed, and is silent when it has not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from gate.scripted import CueRule, Script, detections
from gate.small_model import small_model
from perdure.evidence.lifetime import LifetimeModel
from perdure.gate import drift as drift_module
from perdure.gate.gate import PersistenceGate

NUM_FRAMES = 150


def watched(hit_rate: float, *, calibrated: float, rate_hz: float = 30.0, num_frames: int = NUM_FRAMES) -> list[str]:
    """Returns what is said about twelve confirmed tracks with random misses."""
    model = small_model(uses_pixels=False)
    model.lifetime = LifetimeModel(hit_alive=calibrated, hit_dead=0.05, pmf=(0.5, 0.5))
    model.operation = replace(model.operation, tracker=replace(model.operation.tracker, max_misses=60))
    rng = np.random.default_rng(3)
    marks = [["+" if value else "." for value in rng.random(num_frames - 3) < hit_rate] for _ in range(12)]
    scripts = [Script("+++" + "".join(row)) for row in marks]
    gate = PersistenceGate(model, CueRule(), image_size=(480, 40))
    for frame in range(num_frames):
        gate.update(None, detections(scripts, frame), time_s=7.0 + frame / rate_hz)
    return gate.drift.messages()


@pytest.mark.parametrize("hit_rate", [0.95, 0.9, 0.6])
def test_a_stream_as_calibrated_is_silent(hit_rate: float) -> None:
    """At low hit rates it once spoke of drift: runs of misses were counted once, runs of hits in full."""
    assert watched(hit_rate, calibrated=hit_rate) == []


def test_a_changed_hit_rate_is_reported() -> None:
    (message,) = watched(0.7, calibrated=0.9)
    assert message.startswith("confirmed tracks are hit on ")
    assert message.endswith(" of frames, calibrated at 90%: calibrate again")
    assert 65 <= int(message.split("hit on ")[1].split("%")[0]) <= 75
    (message,) = watched(0.98, calibrated=0.8)
    assert "calibrated at 80%" in message


def test_a_few_frames_prove_nothing() -> None:
    assert watched(0.3, calibrated=0.9, num_frames=20) == []
    assert watched(0.9, calibrated=0.9, num_frames=30, rate_hz=5.0) == []


@pytest.mark.parametrize(("rate_hz", "is_reported"), [(30.0, False), (22.0, False), (44.0, False), (10.0, True)])
def test_a_changed_frame_rate_is_reported(rate_hz: float, is_reported: bool) -> None:
    messages = watched(0.9, calibrated=0.9, rate_hz=rate_hz)
    expected = [f"frame rate is {rate_hz:.3g} Hz, calibrated at 30 Hz: calibrate again"]
    assert messages == (expected if is_reported else [])


def test_a_single_gap_is_no_change_of_the_frame_rate() -> None:
    gate = PersistenceGate(small_model(uses_pixels=False), CueRule(), image_size=(40, 40))
    for frame in range(100):
        gate.update(None, detections([None], frame), time_s=frame / 30 + (60.0 if frame > 50 else 0.0))
    assert gate.drift.messages() == []


def test_vanishing_tracks_do_not_look_like_misses() -> None:
    """Twenty tracks are always hit and then end: each adds one miss, not the four before its deletion."""
    model = small_model(uses_pixels=False)
    model.lifetime = LifetimeModel(hit_alive=0.95, hit_dead=0.05, pmf=(0.5, 0.5))
    gate = PersistenceGate(model, CueRule(), image_size=(800, 40))
    for frame in range(25):
        gate.update(None, detections([Script("+" * 20)] * 20, frame))
    assert not gate.memories
    assert gate.drift.messages() == []


def clutter(hit_rate: float, *, calibrated: float, num_frames: int = 100) -> list[str]:
    """Returns what is said about rejected tracks whose places are hit at random; at first their objects still live.

    Two more objects are rejected by mistake and live on; they are opened again and must not count.
    """
    model = small_model(uses_pixels=False)
    model.lifetime = LifetimeModel(hit_alive=0.98, hit_dead=calibrated, pmf=(0.25, 0.25, 0.25, 0.25))
    model.operation = replace(model.operation, on_timeout="transient")
    rng = np.random.default_rng(5)
    marks = ["".join("0" if value else "." for value in rng.random(60) < hit_rate) for _ in range(40)]
    scripts = [Script("---000" + after, start=(place % 2) * 40) for place, after in enumerate(marks)]
    scripts += [Script("---" + "0" * 100)] * 2
    gate = PersistenceGate(model, CueRule(on_timeout="transient"), image_size=(1700, 40))
    for frame in range(num_frames):
        gate.update(None, detections(scripts, frame))
    return gate.drift.messages()


@pytest.fixture
def few_frames_are_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drift_module, "MIN_TRACK_FRAMES", 150)


@pytest.mark.usefixtures("few_frames_are_enough")
@pytest.mark.parametrize("hit_rate", [0.05, 0.15])
def test_clutter_as_calibrated_is_silent(hit_rate: float) -> None:
    """Ends after runs of misses leave the share of hits as it is."""
    assert clutter(hit_rate, calibrated=hit_rate) == []


@pytest.mark.usefixtures("few_frames_are_enough")
def test_more_clutter_is_reported() -> None:
    (message,) = clutter(0.25, calibrated=0.05)
    assert message.startswith("places of rejected tracks are hit on ")
    assert message.endswith(" of frames, calibrated at 5%: calibrate again")
    assert 15 <= int(message.split("hit on ")[1].split("%")[0]) <= 35


def test_results_carry_what_has_drifted_while_the_stream_runs() -> None:
    """Thirty time steps are needed and results are renewed every thirty frames, so frame 59 is the first to say it."""
    gate = PersistenceGate(small_model(uses_pixels=False), CueRule(), image_size=(480, 40))
    said = []
    for frame in range(70):
        said.append(gate.update(None, detections([Script("+")], frame), time_s=frame / 5.0).drift)
    assert said[:59] == [()] * 59
    assert said[59:] == [("frame rate is 5 Hz, calibrated at 30 Hz: calibrate again",)] * 11
