"""The drift monitor speaks when the stream has changed, and is silent when it has not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from gate.scripted import CueRule, Script, detections
from gate.small_model import small_model
from perdure.evidence.lifetime import LifetimeModel
from perdure.gate.drift import DriftMonitor
from perdure.gate.gate import PersistenceGate
from perdure.gate.memory import TrackMemories, TrackMemory
from perdure.tracking.tracker import Tracker
from perdure.types import Detections

NUM_FRAMES, RATE_HZ = 300, 5.0


def watched(
    hit_rate: float,
    *,
    calibrated: float | None,
    then: float | None = None,
    rate_hz: float = RATE_HZ,
    num_frames: int = NUM_FRAMES,
) -> PersistenceGate:
    """Returns a gate that has seen twelve confirmed tracks with random misses.

    Args:
        hit_rate: of the tracks.
        calibrated: rate that a promise was made for; None leaves it to the first minute.
        then: rate in the second half of the stream.
        rate_hz: frames a second.
        num_frames: of the stream.
    """
    model = small_model(uses_pixels=False)
    tracker = replace(model.operation.tracker, max_misses=60)
    model.operation = replace(model.operation, tracker=tracker, frame_rate_hz=RATE_HZ)
    drift = DriftMonitor(model.operation, model.lifetime, hit_alive=calibrated, is_promised=calibrated is not None)
    rng = np.random.default_rng(3)
    rate = np.where(np.arange(num_frames) < num_frames / 2, hit_rate, hit_rate if then is None else then)
    marks = [["+" if value else "." for value in rng.random(num_frames) < rate] for _ in range(12)]
    scripts = [Script("+++" + "".join(row[3:])) for row in marks]
    gate = PersistenceGate(model, CueRule(), image_size=(480, 40), drift=drift)
    for frame in range(num_frames):
        gate.update(None, detections(scripts, frame), time_s=7.0 + frame / rate_hz)
    return gate


@pytest.mark.parametrize("hit_rate", [0.95, 0.9, 0.6])
def test_a_stream_as_calibrated_is_silent(hit_rate: float) -> None:
    """At low hit rates it once spoke of drift: runs of misses were counted once, runs of hits in full."""
    assert watched(hit_rate, calibrated=hit_rate).drift.messages() == []


def test_a_changed_hit_rate_is_reported() -> None:
    (message,) = watched(0.7, calibrated=0.9).drift.messages()
    assert message.startswith("confirmed tracks are hit on ")
    assert message.endswith(" of frames, calibrated at 90%: calibrate again")
    assert 65 <= int(message.split("hit on ")[1].split("%")[0]) <= 75
    (message,) = watched(0.98, calibrated=0.5).drift.messages()
    assert "calibrated at 50%" in message


def test_without_a_calibration_the_first_minute_is_what_counts() -> None:
    """To calibrate again was advised on nearly every real stream, since none is hit as often as scenes of training."""
    assert watched(0.6, calibrated=None, num_frames=450).drift.messages() == []
    (message,) = watched(0.95, calibrated=None, then=0.6, num_frames=1000).drift.messages()
    assert message.startswith("confirmed tracks are hit on ")
    assert message.endswith(" of frames, 95% at first: the stream has changed")


def test_a_promise_is_left_visibly_when_the_stream_has_changed() -> None:
    for hit_rate, is_kept in ((0.9, True), (0.6, False)):
        gate = watched(hit_rate, calibrated=0.9)
        result = gate.update(None, detections([None], NUM_FRAMES), time_s=7.0 + NUM_FRAMES / RATE_HZ)
        assert (result.is_guaranteed, result.drift == ()) == (is_kept, is_kept)
    gate = watched(0.9, calibrated=None, num_frames=60)
    assert not gate.update(None, detections([None], 60), time_s=19.0).is_guaranteed, "nothing was promised"


def test_a_few_frames_prove_nothing() -> None:
    assert watched(0.3, calibrated=0.9, num_frames=20).drift.messages() == []
    assert watched(0.9, calibrated=0.9, num_frames=30, rate_hz=30.0).drift.messages() == []


@pytest.mark.parametrize(("rate_hz", "is_reported"), [(5.0, False), (3.7, False), (7.4, False), (15.0, True)])
def test_a_changed_frame_rate_is_reported(rate_hz: float, is_reported: bool) -> None:
    messages = watched(0.9, calibrated=0.9, rate_hz=rate_hz, num_frames=100).drift.messages()
    expected = [f"frame rate is {rate_hz:.3g} Hz, calibrated at 5 Hz: calibrate again"]
    assert messages == (expected if is_reported else [])


def test_a_single_gap_is_no_change_of_the_frame_rate() -> None:
    gate = PersistenceGate(small_model(uses_pixels=False), CueRule(), image_size=(40, 40))
    for frame in range(100):
        gate.update(None, detections([None], frame), time_s=frame / 30 + (60.0 if frame > 50 else 0.0))
    assert gate.drift.messages() == []


def test_vanishing_tracks_do_not_look_like_misses() -> None:
    """Twenty tracks are always hit and then end: each adds one miss, not the four before its deletion."""
    gate = PersistenceGate(small_model(uses_pixels=False), CueRule(), image_size=(800, 40))
    num_frames = num_hits = 0
    for frame in range(25):
        gate.update(None, detections([Script("+" * 20)] * 20, frame))
        num_hits, num_frames = gate.drift._block.confirmed
    assert not gate.memories
    assert num_frames - num_hits == 20


def clutter(hit_rate: float) -> tuple[int, int]:
    """Returns hits and frames at places of rejected tracks that are hit at random; at first their objects still live.

    Two more objects are rejected by mistake and live on; they are opened again and must not count. Time stands still,
    so that all of it is one block.
    """
    model = small_model(uses_pixels=False)
    model.lifetime = LifetimeModel(hit_alive=0.98, hit_dead=0.01, pmf=(0.25, 0.25, 0.25, 0.25))
    model.operation = replace(model.operation, on_timeout="transient")
    rng = np.random.default_rng(5)
    marks = ["".join("0" if value else "." for value in rng.random(60) < hit_rate) for _ in range(40)]
    scripts = [Script("---000" + after, start=(place % 2) * 40) for place, after in enumerate(marks)]
    scripts += [Script("---" + "0" * 100)] * 2
    gate = PersistenceGate(model, CueRule(on_timeout="transient"), image_size=(1700, 40))
    for frame in range(100):
        gate.update(None, detections(scripts, frame), time_s=0.0)
    return gate.drift._block.places


@pytest.mark.parametrize("hit_rate", [0.05, 0.15])
def test_clutter_is_counted_as_it_is(hit_rate: float) -> None:
    """Ends after runs of misses leave the share of hits as it is."""
    num_hits, num_frames = clutter(hit_rate)
    assert num_frames > 150
    assert num_hits / num_frames == pytest.approx(hit_rate, abs=0.05)


def test_more_clutter_is_reported() -> None:
    model = small_model(uses_pixels=False)
    monitor = DriftMonitor(model.operation, model.lifetime, hit_dead=0.05)
    nothing, rng = Tracker(model.operation.tracker).update(Detections.empty()), np.random.default_rng(7)
    length = len(model.lifetime.pmf)
    for second in range(300):
        for _ in range(10):
            hits = sum(1 << place for place in np.flatnonzero(rng.random(19) < 0.2).tolist())
            age = 20 + length
            monitor.see_end(TrackMemory(1, 1, 0, age=age, status="transient", rejected_age=1, hit_history=hits))
        monitor.see(nothing, TrackMemories.empty(), float(second))
    (message,) = [message for message in monitor.messages() if message.startswith("places")]
    assert message.startswith("places of rejected tracks are hit on ")
    assert message.endswith(" of frames, calibrated at 5%: calibrate again")
    assert 15 <= int(message.split("hit on ")[1].split("%")[0]) <= 25


def test_another_scale_of_scores_is_reported() -> None:
    """Boxes come and go at random places; after a minute their scores are higher."""
    gate = PersistenceGate(small_model(uses_pixels=False), CueRule(), image_size=(480, 40))
    rng = np.random.default_rng(6)
    for frame in range(700):
        corner = rng.uniform(0, 440, (1, 1)) * [1, 0]
        score = rng.uniform(0.0, 0.6, 1) + (0.4 if frame >= 350 else 0.0)
        found = Detections(xyxy_px=np.hstack([corner, corner + 10]), score=score)
        result = gate.update(None, found, time_s=frame / 5)
        if frame == 349:
            assert not [message for message in result.drift if message.startswith("scores")]
    (message,) = [message for message in result.drift if message.startswith("scores")]
    assert message.endswith("of those at first, expected about half: the stream has changed")


def test_results_carry_what_has_drifted_while_the_stream_runs() -> None:
    """Thirty time steps are needed and results are renewed every second, so frame 30 is the first to say it."""
    gate = PersistenceGate(small_model(uses_pixels=False), CueRule(), image_size=(480, 40))
    said = []
    for frame in range(70):
        said.append(gate.update(None, detections([Script("+")], frame), time_s=frame / 5.0).drift)
    assert said[:30] == [()] * 30
    assert said[30:] == [("frame rate is 5 Hz, calibrated at 30 Hz: calibrate again",)] * 40


def test_a_stored_monitor_goes_on_within_a_second(tmp_path: Path) -> None:
    """All of it is stored: what was learnt, what was bet, and the part of a second that is not full yet."""

    def gate() -> PersistenceGate:
        return PersistenceGate(small_model(uses_pixels=False), CueRule(), image_size=(480, 40))

    scripts = [Script("+++" + "0." * 200)] * 6
    first, again = gate(), gate()
    for frame in range(317):
        first.update(None, detections(scripts, frame), time_s=frame / 5)
    first.save_state(tmp_path / "state.safetensors")
    again.load_state(tmp_path / "state.safetensors")
    for frame in range(317, 400):
        for one in (first, again):
            one.update(None, detections(scripts, frame), time_s=frame / 5)
    for name, value in first.drift.to_arrays().items():
        np.testing.assert_array_equal(value, again.drift.to_arrays()[name])
