"""Scores of tracks: TrackEval's on tracks that are right, late, split and false, and figures counted by hand."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from perdure.evaluation.track_scores import FrameBoxes, ScoredSequence, read_scored_sequence, report_figures, score_rows

NUM_FRAMES = 20
needs_trackeval = pytest.mark.skipif(
    importlib.util.find_spec("trackeval") is None, reason="TrackEval is not installed (pip install --no-deps trackeval)"
)


def boxes(*found: tuple[int, float]) -> FrameBoxes:
    """Returns boxes of 10 x 10 by id and left edge."""
    corners = np.array([[x, 0.0, x + 10.0, 10.0] for _, x in found]).reshape(-1, 4)
    return FrameBoxes(ids=np.array([own for own, _ in found], dtype=np.int64), xyxy_px=corners)


def sequence(*tracks: FrameBoxes, name: str = "one") -> ScoredSequence:
    truth = tuple(boxes((1, 2.0 * index), (2, 500.0)) for index in range(NUM_FRAMES))
    return ScoredSequence(name=name, frame_rate_hz=10.0, truth=truth, tracks=tracks)


def perfect(index: int) -> FrameBoxes:
    return boxes((7, 2.0 * index), (8, 500.0))


@needs_trackeval
def test_tracks_that_are_the_truth_have_full_marks() -> None:
    (row,) = score_rows([sequence(*(perfect(index) for index in range(NUM_FRAMES)))])
    assert [row[name] for name in ("HOTA", "DetA", "AssA", "IDF1", "MOTA")] == pytest.approx([1.0] * 5)
    assert (row["id_switches"], row["mean_frames_to_report"], row["num_false_tracks"]) == (0, 0.0, 0)


@needs_trackeval
def test_late_reports_cost_detection_and_a_split_costs_association() -> None:
    late = sequence(*(boxes() if index < 5 else perfect(index) for index in range(NUM_FRAMES)))
    split = sequence(*(boxes((7 + 10 * (index >= 10), 2.0 * index), (8, 500.0)) for index in range(NUM_FRAMES)))
    rows = {name: next(iter(score_rows([one]))) for name, one in (("late", late), ("split", split))}
    assert rows["late"]["MOTA"] == pytest.approx(0.75) and rows["late"]["mean_frames_to_report"] == 5.0
    assert rows["late"]["mean_s_to_report"] == 0.5
    assert rows["split"]["id_switches"] == 1 and rows["split"]["AssA"] < 0.8
    assert rows["split"]["DetA"] == pytest.approx(1.0) and rows["late"]["DetA"] < 0.8


@needs_trackeval
def test_all_sequences_together_are_pooled_and_not_averaged() -> None:
    good = sequence(*(perfect(index) for index in range(NUM_FRAMES)))
    none = sequence(*(boxes() for _ in range(NUM_FRAMES)), name="two")
    rows = list(score_rows([good, none]))
    assert [row["sequence"] for row in rows] == ["one", "two", "all"]
    assert rows[2]["MOTA"] == pytest.approx(0.5) and rows[2]["num_never_reported"] == 2
    assert rows[1]["mean_frames_to_report"] is None and rows[2]["mean_frames_to_report"] == 0.0


def test_false_tracks_and_objects_never_reported_are_counted() -> None:
    found = report_figures(sequence(*(boxes((7, 2.0 * index), (9, 900.0)) for index in range(NUM_FRAMES))))
    assert (found["num_objects"], found["num_never_reported"], found["num_false_tracks"]) == (2, 1, 1)
    assert found["false_tracks_a_minute"] == pytest.approx(1 / (2.0 / 60))


def test_what_ground_truth_ignores_counts_for_nothing(tmp_path: Path) -> None:
    (tmp_path / "gt").mkdir()
    (tmp_path / "seqinfo.ini").write_text("[Sequence]\nname=a\nframeRate=10\nseqLength=2\nimWidth=200\nimHeight=100\n")
    (tmp_path / "gt" / "gt.txt").write_text("1,1,0,0,10,10,1,1,1\n1,-1,100,0,50,50,0,13,-1\n2,1,0,0,10,10,1,1,1\n")
    (tmp_path / "tracks.txt").write_text("1,4,0,0,10,10,1,-1,-1,-1\n1,5,110,5,20,20,1,-1,-1,-1\n2,6,60,60,9,9,1\n")
    one = read_scored_sequence(tmp_path, tmp_path / "tracks.txt")
    assert [part.ids.tolist() for part in one.truth] == [[1], [1]]
    assert [part.ids.tolist() for part in one.tracks] == [[4], [6]], "a box in a region is left out"
