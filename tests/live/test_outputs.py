"""The text files, line by line, and what is left of them after an error."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from perdure.gate.results import GateResult, TrackView
from perdure.live.outputs import TRACK_COLUMNS, WatchOutputs
from perdure.types import Decision
from perdure.video.mot import read_mot_detections


def view(track_id: int, status: str, *, is_hit: bool = True, x: float = 0.0, class_id: int = -1) -> TrackView:
    return TrackView(
        track_id=track_id, xyxy_px=(x, 1.0, x + 2.0, 4.0), age=2, is_hit=is_hit, status=status, evidence=1.5,
        probability=0.75, score=0.5, class_id=class_id,
    )  # fmt: skip


def decision(track_id: int, label: str, reason: str) -> Decision:
    return Decision(
        track_id=track_id, label=label, evidence=1.5, probability=0.75, age=2, frame_index=9, time_s=9.0, reason=reason,
        class_id=3,
    )  # fmt: skip


def result(*tracks: TrackView, decisions: tuple[Decision, ...] = ()) -> GateResult:
    return GateResult(frame_index=9, time_s=9.0, tracks=tracks, decisions=decisions)


def test_every_line_says_what_it_should(tmp_path: Path) -> None:
    with WatchOutputs(tmp_path) as outputs:
        outputs.write(0, 0.0, result(view(5, "tentative", x=1.25), view(6, "transient")))
        confirmed = (decision(5, "persistent", "evidence"), decision(6, "transient", "deleted"))
        outputs.write(1, 0.5, result(view(5, "persistent", x=3.0), decisions=confirmed))
        outputs.write(2, 1.0, result(view(5, "persistent", is_hit=False, x=4.0)))
    rows = [json.loads(line) for line in (tmp_path / "decisions.jsonl").read_text().splitlines()]
    assert rows[0] == {
        "track_id": 5, "label": "persistent", "frame_index": 1, "time_s": 0.5, "xyxy_px": [3.0, 1.0, 5.0, 4.0],
        "age": 2, "evidence": 1.5, "probability": 0.75, "reason": "evidence", "class_id": 3,
    }  # fmt: skip
    # A deleted track has no box any more: its last one is given.
    assert (rows[1]["track_id"], rows[1]["reason"], rows[1]["xyxy_px"]) == (6, "deleted", [0.0, 1.0, 2.0, 4.0])
    lines = (tmp_path / "tracks.csv").read_text().splitlines()
    assert lines[0].split(",")[:3] == ["frame_index", "time_s", "track_id"]
    assert lines[1] == "0,0.000000,5,1.25,1.00,3.25,4.00,2,1,0.5000,-1,tentative,1.5000,0.750000"
    assert len(lines) == 5 and len({line.count(",") for line in lines}) == 1
    # From confirmation on, and only where the object was detected.
    assert (tmp_path / "confirmed.txt").read_text() == "2,6,3.00,1.00,2.00,3.00,0.7500,-1,-1,-1\n"
    assert read_mot_detections(tmp_path / "confirmed.txt").num_from(0) == 1


def test_files_grow_under_their_own_names_by_whole_lines_and_stay_after_an_error(tmp_path: Path) -> None:
    """They had names only once the watching had ended: whoever was killed after a week had nothing."""
    names = ["confirmed.txt", "decisions.jsonl", "tracks.csv"]
    with pytest.raises(RuntimeError, match="stop"), WatchOutputs(tmp_path) as outputs:
        for index in range(3):
            outputs.write(index, 0.0, result(view(1, "persistent"), decisions=(decision(1, "persistent", "evidence"),)))
            assert sorted(path.name for path in tmp_path.iterdir()) == names
            for name in names:
                text = (tmp_path / name).read_text()
                assert text.endswith("\n") and text.count("\n") == index + 1 + (name == "tracks.csv")
        raise RuntimeError("stop")
    assert (tmp_path / "decisions.jsonl").read_text().count("\n") == 3
    with WatchOutputs(tmp_path):
        pass
    assert (tmp_path / "decisions.jsonl").read_text() == ""
    assert (tmp_path / "tracks.csv").read_text() == TRACK_COLUMNS + "\n"


def test_a_class_is_named_only_if_asked_for(tmp_path: Path) -> None:
    for has_classes, last in ((False, "-1,-1,-1"), (True, "3,-1,-1")):
        with WatchOutputs(tmp_path, has_classes=has_classes) as outputs:
            outputs.write(0, 0.0, result(view(0, "persistent", class_id=3)))
        assert (tmp_path / "confirmed.txt").read_text() == f"1,1,0.00,1.00,2.00,3.00,0.7500,{last}\n"


def test_json_lines_hold_what_csv_holds(tmp_path: Path) -> None:
    frames = [
        result(view(5, "tentative", x=1.25, class_id=2), view(6, "transient", is_hit=False)),
        result(view(5, "persistent")),
    ]
    for tracks in ("csv", "jsonl"):
        (tmp_path / tracks).mkdir()
        with WatchOutputs(tmp_path / tracks, tracks=tracks) as outputs:
            for index, frame in enumerate(frames):
                outputs.write(index, index / 3, frame)
    rows = [json.loads(line) for line in (tmp_path / "jsonl" / "tracks.jsonl").read_text().splitlines()]
    assert [list(row) for row in rows] == [TRACK_COLUMNS.split(",")] * 3
    assert (rows[0]["is_hit"], rows[1]["is_hit"], rows[0]["class_id"]) == (True, False, 2)
    expected = list(csv.DictReader((tmp_path / "csv" / "tracks.csv").read_text().splitlines()))
    for row, line in zip(rows, expected, strict=True):
        assert row.pop("status") == line.pop("status")
        assert {name: float(value) for name, value in row.items()} == {n: float(value) for n, value in line.items()}
    for other in ("decisions.jsonl", "confirmed.txt"):
        assert (tmp_path / "csv" / other).read_bytes() == (tmp_path / "jsonl" / other).read_bytes()


def test_files_of_an_earlier_stream_go_with_the_first_frame_of_the_new_one(tmp_path: Path) -> None:
    with WatchOutputs(tmp_path):
        pass
    (tmp_path / "summary.json").write_text("{}")
    with pytest.raises(RuntimeError, match="stop"), WatchOutputs(tmp_path, tracks="jsonl"):
        raise RuntimeError("stop")
    assert sorted(path.name for path in tmp_path.glob("[ts]*")) == ["summary.json", "tracks.csv"]
    with WatchOutputs(tmp_path, tracks="jsonl") as outputs:
        outputs.write(0, 0.0, result(view(1, "tentative")))
        assert sorted(path.name for path in tmp_path.glob("[ts]*")) == ["tracks.jsonl"]


def test_only_live_tracks_are_remembered(tmp_path: Path) -> None:
    with WatchOutputs(tmp_path) as outputs:
        for index in range(50):
            outputs.write(index, float(index), result(view(index, "tentative")))
            assert len(outputs._last_box) == 1
