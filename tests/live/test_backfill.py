"""Confirmed tracks from their birth on: in order of frames while the stream goes on, and whole when it ends."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest

from live.test_outputs import result, view
from perdure.gate.history import HISTORY_FRAMES
from perdure.gate.results import GateResult, TrackView
from perdure.live.backfill import BackfilledBoxes
from perdure.live.outputs import BACKFILLED, WatchOutputs
from perdure.types import Decision, TrackHistory


def decided(track_id: int, frames: list[int], *, at: int, label: str = "persistent") -> Decision:
    """Returns a decision on a track that was detected on some frames, each time at the place of the frame's number."""
    boxes = np.array([[index, 1.0, index + 2.0, 4.0] for index in frames]).reshape(-1, 4)
    history = TrackHistory(np.array(frames, dtype=np.int64), boxes, np.ones(len(frames)))
    return Decision(
        track_id=track_id, label=label, evidence=1.0, probability=0.9, age=3, frame_index=at, time_s=0.0,
        reason="evidence", class_id=3, history=history,
    )  # fmt: skip


def shown(frame_index: int, *tracks: TrackView, decisions: tuple[Decision, ...] = ()) -> GateResult:
    return GateResult(frame_index=frame_index, time_s=0.0, tracks=tracks, decisions=decisions)


def rows(text: str) -> list[tuple[int, int, float]]:
    """Returns frame, id and left edge of each line."""
    return [(int(line.split(",")[0]), int(line.split(",")[1]), float(line.split(",")[2])) for line in text.splitlines()]


def test_lines_wait_until_nothing_can_come_before_them_and_are_in_order() -> None:
    file = io.StringIO()
    boxes = BackfilledBoxes(file.write)
    for index in range(HISTORY_FRAMES + 2):
        tracks = [view(0, "persistent", x=float(index))] if index >= 2 else []
        made = [decided(0, [0, 1, 2], at=2)] if index == 2 else []
        if index == HISTORY_FRAMES:
            made = [decided(1, [1, HISTORY_FRAMES], at=index)]
            tracks.append(view(1, "persistent", x=500.0))
        boxes.add(index, shown(index, *tracks, decisions=tuple(made)))
        if index == HISTORY_FRAMES - 1:
            assert file.getvalue() == "", "another track may still turn out to be that old"
    assert rows(file.getvalue()) == [(1, 1, 0.0), (2, 1, 1.0), (2, 2, 1.0)]
    boxes.flush()
    found = rows(file.getvalue())
    assert found == sorted(found) and len(found) == HISTORY_FRAMES + 2 + 2
    assert (HISTORY_FRAMES + 1, 2, 500.0) in found, "the frame of the decision once, as it was shown"


def test_a_rejected_track_and_missed_frames_write_nothing() -> None:
    file = io.StringIO()
    boxes = BackfilledBoxes(file.write)
    boxes.add(0, shown(0, view(0, "transient"), decisions=(decided(0, [0], at=0, label="transient"),)))
    boxes.add(1, shown(1, view(0, "persistent", is_hit=False), decisions=(decided(0, [0], at=1),)))
    boxes.flush()
    assert rows(file.getvalue()) == [(1, 1, 0.0)]


def test_frames_count_as_the_source_counts_them_and_classes_are_named_if_asked_for() -> None:
    """A camera drops frames, which the gate has not seen."""
    file = io.StringIO()
    boxes = BackfilledBoxes(file.write, has_classes=True)
    for index, source in enumerate((0, 1, 5)):
        made = (decided(0, [0, 1, 2], at=2),) if index == 2 else ()
        tracks = (view(0, "persistent", x=9.0, class_id=3),) if index == 2 else ()
        boxes.add(source, shown(index, *tracks, decisions=made))
    boxes.flush()
    assert rows(file.getvalue()) == [(1, 1, 0.0), (2, 1, 1.0), (6, 1, 9.0)]
    assert all(line.endswith(",3,-1,-1") for line in file.getvalue().splitlines())


def test_what_waits_is_written_when_the_stream_ends_by_an_error_too(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="stop"), WatchOutputs(tmp_path, is_backfilled=True) as outputs:
        outputs.write(0, 0.0, shown(0, view(0, "persistent", x=4.0)))
        assert (tmp_path / BACKFILLED).read_text() == ""
        raise RuntimeError("stop")
    assert (tmp_path / BACKFILLED).read_text() == (tmp_path / "confirmed.txt").read_text() != ""
    with WatchOutputs(tmp_path) as outputs:
        outputs.write(0, 0.0, result())
    assert not (tmp_path / BACKFILLED).exists(), "of an earlier stream"
