"""What a running gate keeps of its tracks is what a table of the whole recording says of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from data.street import write_street
from perdure.data.labelled_stream import unlabelled_streams
from perdure.evidence.track_features import FEATURES
from perdure.gate.load import load_model
from perdure.tracking.tracker import Tracker
from perdure.tracks.follow import track_table
from perdure.training import lessons as lessons_module
from perdure.training.lessons import Lessons
from perdure.training.load import load
from perdure.types import Detections

SIZE = (400, 200)
COLUMNS = ("is_hit", "is_valid", "birth_frame", "track_id", "num_hits", "is_open", "score", "features", "xyxy_px")


def test_a_stream_teaches_what_its_recording_teaches(tmp_path: Path) -> None:
    """All that is learned from: features of the first frames, lives, and who may live on."""
    path = write_street(tmp_path / "street", seed=0) / "det" / "det.txt"
    (stream,) = unlabelled_streams(path, image_size=SIZE)
    gate = load("detections", adapt=True, image_size=SIZE)
    for frame in stream.frames():
        gate.update(None, frame.detections)
    kept = gate.lessons.table(gate.tracker.get_state().track_id)  # type: ignore[attr-defined]
    whole = track_table([stream], load_model("detections").operation.tracker, least_frames=1)
    assert len(kept) == len(whole) > 30
    assert 0 < kept.known("is_open").sum() < len(kept)
    whole = whole.with_columns(birth_frame=whole.birth_frame - whole.birth_frame[0])
    for name in COLUMNS:
        np.testing.assert_array_equal(getattr(kept, name), getattr(whole, name), err_msg=name)


def flicker(num_frames: int, *, num: int = 3) -> list[Detections]:
    """Returns frames with so many boxes at places that change every two frames, so that each lives for two."""
    frames = []
    for frame in range(num_frames):
        left, top = 100.0 * np.arange(1, num + 1), np.full(num, 60.0 * (1 + frame // 2 % 13))
        boxes = np.stack([left, top, left + 10, top + 10], axis=1)
        frames.append(Detections(xyxy_px=boxes, score=np.full(num, 0.5)))
    return frames


def followed(frames: list[Detections], lessons: Lessons | None = None) -> tuple[Lessons, Tracker]:
    """Returns what is kept of some frames, features being the number of the track."""
    kept, tracker = lessons or Lessons(), Tracker(load_model("detections").operation.tracker)
    for found in frames:
        tracks = tracker.update(found)
        features = np.repeat(tracks.track_id[:, None] * 1.0, len(FEATURES), axis=1)
        kept = kept.after(tracks, (np.arange(len(tracks)), features), (900, 900))
    return kept, tracker


def test_only_the_latest_tracks_are_kept_in_order_of_birth(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = followed(flicker(100))[0].table(np.zeros(0, dtype=np.int64))
    monkeypatch.setattr(lessons_module, "NUM_TRACKS", 40)
    monkeypatch.setattr(lessons_module, "CAPACITY", 50)
    kept, _ = followed(flicker(100))
    table = kept.table(np.zeros(0, dtype=np.int64))
    assert kept.num_born == len(whole) == 150
    assert table.known("track_id").tolist() == list(range(110, 150))
    assert table.birth_frame[0] == 0
    for name in ("is_hit", "num_hits", "features"):
        np.testing.assert_array_equal(getattr(table, name), getattr(whole, name)[110:])


def test_a_frame_that_is_taken_back_leaves_no_trace() -> None:
    """What was remembered before it is as it was, though the first frames of tracks are written in place."""
    frames = flicker(41)
    before, tracker = followed(frames[:40])
    told = before.to_arrays()
    tracks = tracker.update(frames[40])
    after = before.after(tracks, (np.arange(len(tracks)), np.ones((len(tracks), len(FEATURES)))), (900, 900))
    assert after.num_born == before.num_born + 3
    for name, value in before.to_arrays().items():
        if name not in ("features", "is_hit", "score", "xyxy_px"):
            np.testing.assert_array_equal(value, told[name], err_msg=name)
    again, _ = followed(frames[:40])
    live = np.zeros(0, dtype=np.int64)
    for name in COLUMNS:
        np.testing.assert_array_equal(getattr(before.table(live), name), getattr(again.table(live), name))


def test_stored_lessons_go_on_alike() -> None:
    frames, live = flicker(60), np.zeros(0, dtype=np.int64)
    kept, _ = followed(frames)
    again = Lessons.from_arrays(kept.to_arrays())
    assert again.num_born == kept.num_born
    for name in COLUMNS:
        np.testing.assert_array_equal(getattr(again.table(live), name), getattr(kept.table(live), name))
