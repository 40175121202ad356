"""Time: gaps end tracks, lost and skipped frames move them on, and a usual rate is no drift."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import perdure
from gate.small_model import small_model
from perdure.gate.drift import frame_rate_message
from perdure.gate.gate import PersistenceGate
from perdure.gate.intake import Pace
from perdure.stopping.counting import ScoredMOfN
from perdure.types import Detections

THREE = ScoredMOfN(window="first", num_hits=3, num_frames=4, horizon=6, on_timeout="transient")


def gate() -> PersistenceGate:
    return PersistenceGate(small_model(uses_pixels=False, uses_cue=True), THREE, image_size=(640, 480))


def at(x: float, *, score: float = 0.9) -> Detections:
    return Detections(xyxy_px=np.array([[x, 200, x + 60, 300.0]]), score=np.array([score]))


@pytest.mark.parametrize(
    ("times_s", "expected"),
    [
        ([0.04 * index for index in range(8)], [1] * 8),
        ([0.0, *[0.04 * index for index in range(1, 7)], 3600.0, 3600.04], [*[1] * 7, None, 1]),
        ([*[0.04 * index for index in range(7)], 0.36, 0.40], [*[1] * 7, 3, 1]),  # a camera that dropped two frames
        ([*[2.0 * index for index in range(8)], 17.0, 60.0], [*[1] * 8, 1, None]),  # one picture in two s; jitter
        ([0.0, 3600.0, 3600.04], [1, None, 1]),
        ([*[0.04 * index for index in range(30)], 0.0], [*[1] * 30, None]),  # another video
        ([0.0] * 9, [1] * 9),
        ([None] * 9, [1] * 9),
    ],
)
def test_steps_of_time_are_frames_or_gaps(times_s: list[float | None], expected: list[int | None]) -> None:
    pace = Pace()
    assert [pace.after(time_s) for time_s in times_s] == expected


def test_skipped_frames_make_no_gap_and_are_not_counted_twice() -> None:
    pace, found = Pace(), []
    for index in range(0, 60, 5):
        found.append(pace.after(index / 25))
        pace.skip(4)
    assert found == [1] * 12
    assert Pace.from_arrays(pace.to_arrays()) == pace


def test_one_false_box_does_not_confirm_a_place_of_an_hour_ago() -> None:
    stream = gate()
    for index in range(30):
        result = stream.update(None, at(200), time_s=index / 25)
    assert [track.status for track in result.tracks] == ["persistent"]
    result = stream.update(None, at(203, score=0.2), time_s=3600.0)
    assert [(track.status, track.age, track.track_id) for track in result.tracks] == [("tentative", 1, 1)]
    assert not any(decision.label == "persistent" for decision in result.decisions)


def test_skipped_frames_move_tracks_on_and_miss_none() -> None:
    """A detector on every fifth frame: empty detections between would end every track."""
    stream, tracks = gate(), []
    for index in range(0, 100, 5):
        result = stream.update(None, at(20 + 8 * index / 5), time_s=index / 25)
        tracks += [(track.track_id, track.status) for track in result.tracks]
        assert result.frame_index == index
        stream.skip(4)
    assert set(tracks) == {(0, "tentative"), (0, "persistent")}
    with pytest.raises(ValueError, match="num_frames: got 0, expected at least 1"):
        stream.skip(0)


def test_reset_begins_another_stream() -> None:
    fresh, used = gate(), gate()
    for index in range(20):
        used.update(None, at(500 - 10 * index), time_s=float(index))
    used.reset()
    for index in range(10):
        results = [stream.update(None, at(30 + 5 * index), time_s=index / 25) for stream in (fresh, used)]
        assert results[0] == results[1]


def test_time_goes_on_over_a_restart(tmp_path: Path) -> None:
    one, other = gate(), gate()
    for index in range(12):
        one.update(None, at(200), time_s=index / 25)
    one.save_state(tmp_path / "state.safetensors")
    other.load_state(tmp_path / "state.safetensors")
    later = [stream.update(None, at(200), time_s=3600.0) for stream in (one, other)]
    assert later[0] == later[1] and later[1].tracks[0].age == 1


def test_no_rate_within_the_training_data_is_drift() -> None:
    """The weights in the package learnt from 5 to 60 Hz; nearly every camera was told to calibrate again."""
    steps = {rate_hz: [1 / rate_hz] * 40 for rate_hz in (2, 5, 10, 25, 30, 60, 120)}
    found = {rate_hz: frame_rate_message(steps_s, 15.0, (5.0, 60.0)) for rate_hz, steps_s in steps.items()}
    assert [rate_hz for rate_hz, message in found.items() if message is not None] == [2, 120]
    assert found[2] == "frame rate is 2 Hz, calibrated at 5 to 60 Hz: calibrate again"
    assert perdure.load("detections", image_size=(640, 480)).model.operation.frame_rate_range_hz == (5.0, 60.0)
