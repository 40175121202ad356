"""Scores of tracks: TrackEval's on tracks that are right, late, split and false, and figures counted by hand."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from perdure.cli import main
from perdure.data.mot_sequence import MotSequence
from perdure.data.mot_truth import FrameTruth
from perdure.evaluation.reported_tracks import FrameBoxes, ScoredSequence, read_scored_sequence, scored_sequence
from perdure.evaluation.track_scores import figures_of, first_reports, score_rows, score_sequence
from perdure.video.mot import MotDetections

NUM_FRAMES = 20
needs_trackeval = pytest.mark.skipif(
    importlib.util.find_spec("trackeval") is None, reason="TrackEval is not installed (pip install --no-deps trackeval)"
)


def boxes(*found: tuple[int, float]) -> FrameBoxes:
    """Returns boxes of 10 x 10 by id and left edge."""
    corners = np.array([[x, 0.0, x + 10.0, 10.0] for _, x in found]).reshape(-1, 4)
    return FrameBoxes(ids=np.array([own for own, _ in found], dtype=np.int64), xyxy_px=corners)


def objects(index: int) -> FrameTruth:
    """Returns object 1, which moves, and object 2, which does not."""
    found, no = boxes((1, 2.0 * index), (2, 500.0)), np.zeros(2, dtype=bool)
    return FrameTruth(xyxy_px=found.xyxy_px, object_id=found.ids, counts=~no, is_ignored=no, is_region=no)


def perfect(index: int) -> FrameBoxes:
    return boxes((7, 2.0 * index), (8, 500.0))


def scored(reported: Callable[[int], FrameBoxes], *, name: str = "one", first_frame: int = 0) -> ScoredSequence:
    sequence = MotSequence(
        name=name, num_frames=NUM_FRAMES, frame_rate_hz=10.0, image_size=(1000, 100), camera_motion={},
        detections=MotDetections(by_frame={}), truth={index: objects(index) for index in range(NUM_FRAMES)},
    )  # fmt: skip
    frames = {index: reported(index) for index in range(NUM_FRAMES)}
    return scored_sequence(sequence, frames, first_frame=first_frame)


def late(index: int) -> FrameBoxes:
    return boxes() if index < 5 else perfect(index)


@needs_trackeval
def test_tracks_that_are_the_truth_have_full_marks() -> None:
    row = figures_of([score_sequence(scored(perfect))])
    assert [row[name] for name in ("HOTA", "DetA", "AssA", "IDF1", "MOTA")] == pytest.approx([1.0] * 5)
    assert (row["id_switches"], row["mean_frames_to_report"], row["num_false_tracks"]) == (0, 0.0, 0)


@needs_trackeval
def test_late_reports_cost_detection_and_a_split_costs_association() -> None:
    split = figures_of([score_sequence(scored(lambda i: boxes((7 + 10 * (i >= 10), 2.0 * i), (8, 500.0))))])
    row = figures_of([score_sequence(scored(late))])
    assert row["MOTA"] == pytest.approx(0.75) and row["mean_frames_to_report"] == 5.0
    assert row["mean_s_to_report"] == 0.5 and row["DetA"] < 0.8
    assert split["id_switches"] == 1 and split["AssA"] < 0.8 and split["DetA"] == pytest.approx(1.0)
    half = figures_of([score_sequence(scored(late, first_frame=5))])
    assert half["MOTA"] == pytest.approx(1.0), "frames before the first one that counts are left out"


@needs_trackeval
def test_all_sequences_together_are_pooled_and_trackers_compared_on_the_same_resamples() -> None:
    whole, nothing = (score_sequence(scored(tracks)) for tracks in (perfect, lambda index: boxes()))
    behind = score_sequence(scored(late, name="two"))
    rows = list(score_rows({"good": [whole, whole], "bad": [nothing, behind]}))
    assert [(row["sequence"], row["tracker"]) for row in rows] == [
        ("one", "good"), ("one", "bad"), ("one", "good"), ("one", "bad"), ("all", "good"), ("all", "bad"),
    ]  # fmt: skip
    bad = rows[-1]
    assert bad["MOTA"] == pytest.approx(0.375) and bad["num_never_reported"] == 2
    assert rows[1]["mean_frames_to_report"] is None and bad["mean_frames_to_report"] == 5.0
    assert rows[1]["first_report"] == {"1": None, "2": None} and rows[3]["first_report"] == {"1": 5, "2": 5}
    assert bad["HOTA_minus_first"] == pytest.approx(bad["HOTA"] - 1.0)
    low, high = bad["HOTA_minus_first_ci95"]
    assert low == pytest.approx(-1.0) and high == pytest.approx(rows[3]["HOTA"] - 1.0), "of twice one sequence each"
    assert rows[-2]["HOTA_ci95"] == pytest.approx([1.0, 1.0])


def test_false_tracks_and_objects_never_reported_are_counted() -> None:
    found = scored(lambda index: boxes((7, 2.0 * index), (9, 900.0), (10, 2.0 * index + 1.0)))
    assert found.track_label == {7: 1, 9: 0, 10: 0}, "one to one: a doubled box is on nothing"
    assert first_reports(found) == {1: 0, 2: None}
    assert found.minutes == pytest.approx(2.0 / 60)


def site(folder: Path, *, num_frames: int = 2) -> Path:
    """Writes a MOT folder without detections: an object, and on the first frame a region."""
    (folder / "gt").mkdir(parents=True)
    info = f"[Sequence]\nname=a\nframeRate=10\nseqLength={num_frames}\nimWidth=200\nimHeight=100\n"
    (folder / "seqinfo.ini").write_text(info)
    rows = [f"{index + 1},1,0,0,10,10,1,1,1\n" for index in range(num_frames)]
    (folder / "gt" / "gt.txt").write_text("1,-1,100,0,50,50,0,13,-1\n" + "".join(rows))
    return folder


def test_what_ground_truth_ignores_counts_for_nothing(tmp_path: Path) -> None:
    site(tmp_path)
    (tmp_path / "tracks.txt").write_text("1,4,0,0,10,10,1,-1,-1,-1\n1,5,110,5,20,20,1,-1,-1,-1\n2,6,60,60,9,9,1\n")
    one = read_scored_sequence(tmp_path, tmp_path / "tracks.txt")
    assert [part.ids.tolist() for part in one.truth] == [[1], [1]]
    assert [part.ids.tolist() for part in one.tracks] == [[4], [6]], "a box in a region is left out"
    assert one.track_label == {4: 1, 5: 2, 6: 0}


def test_rows_without_a_track_are_left_out_and_two_boxes_of_one_are_refused(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """TrackEval takes id -1 for the track with the highest id, and a file of detections would be one long track."""
    path = site(tmp_path) / "tracks.txt"
    path.write_text("0,4,0,0,10,10,1\n0,-1,50,0,10,10,1\n1,4,0,0,10,10,1\n")
    one = read_scored_sequence(tmp_path, path)
    assert [part.ids.tolist() for part in one.tracks] == [[4], [4]], "frames count from 0 where there is a frame 0"
    assert "1 of 3 rows" in caplog.text
    path.write_text("1,4,0,0,10,10,1\n2,3,0,0,10,10,1\n2,3,50,0,10,10,1\n")
    with pytest.raises(ValueError, match=r"tracks\.txt frame 2: got 2 boxes of track 3, expected one"):
        read_scored_sequence(tmp_path, path)
    path.write_text("1,-1,0,0,10,10,1\n2,-1,0,0,10,10,1\n")
    with pytest.raises(ValueError, match=r"all 2 rows of .*negative id, as detections have, expected rows of tracks"):
        read_scored_sequence(tmp_path, path)


def test_tracks_of_another_sequence_are_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = site(tmp_path) / "tracks.txt"
    path.write_text("1,4,60,60,10,10,1\n2,4,60,60,10,10,1\n")
    read_scored_sequence(tmp_path, path)
    assert "none of 1 tracks lies on a labelled object" in caplog.text
    caplog.clear()
    path.write_text("1,4,60,60,10,10,1\n1,5,0,0,10,10,1\n")
    read_scored_sequence(tmp_path, path)
    assert not caplog.text


@needs_trackeval
def test_trackers_side_by_side_from_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("A", "B"):
        site(tmp_path / "mot" / name, num_frames=10)
        for tracker, start in (("quick", 1), ("slow", 5)):
            (tmp_path / tracker).mkdir(exist_ok=True)
            rows = [f"{index},3,0,0,10,10,1\n" for index in range(start, 11)]
            (tmp_path / tracker / f"{name}.txt").write_text("".join(rows))
    words = ["eval", "--gt", str(tmp_path / "mot"), "--json", str(tmp_path / "rows.json")]
    trackers = [str(tmp_path / name) for name in ("quick", "slow")]
    files = [f"{tracker}/{name}.txt" for tracker in trackers for name in ("B", "A")]
    for given in (trackers, files):
        assert main([*words, "--tracks", *given]) == 0
        rows = json.loads((tmp_path / "rows.json").read_text())["rows"]
        assert [(row["sequence"], Path(row["tracker"]).name) for row in rows[-3:]] == [
            ("B", "slow"), ("all", "quick"), ("all", "slow"),
        ]  # fmt: skip
        assert (rows[-1]["mean_frames_to_report"], rows[-1]["num_tracks"]) == (4.0, 2)
        assert rows[-1]["HOTA_minus_first"] < 0
    shown = capsys.readouterr().out
    assert "slow, 95 % intervals over sequences: HOTA 6" in shown and "HOTA minus the first -" in shown
    single = [str(tmp_path / "quick" / "A.txt"), str(tmp_path / "slow" / "A.txt")]
    assert main(["eval", "--gt", str(tmp_path / "mot" / "A"), "--tracks", *single]) == 0
    assert "95 %" not in capsys.readouterr().out, "one sequence has no interval"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["quick", "slow/A.txt"], "has no file for B, expected the same sequences for all trackers"),
        (["quick", "quick/A.txt"], "for A, expected one"),
        (["C.txt"], "C.txt is named after no sequence, expected names such as A, B"),
    ],
)
def test_files_that_fit_no_sequence_are_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, given: list[str], said: str
) -> None:
    for name in ("A", "B"):
        site(tmp_path / "mot" / name)
        for tracker in ("quick", "slow"):
            (tmp_path / tracker).mkdir(exist_ok=True)
            (tmp_path / tracker / f"{name}.txt").write_text("1,3,0,0,10,10,1\n")
    monkeypatch.chdir(tmp_path)
    assert main(["eval", "--gt", "mot", "--tracks", *given]) == 2
    error = capsys.readouterr().err
    assert said in error and len(error.splitlines()) == 1


def test_a_missing_trackeval_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *rest: None if name == "trackeval" else find(name))
    (site(tmp_path) / "tracks.txt").write_text("1,4,0,0,10,10,1\n")
    assert main(["eval", "--gt", str(tmp_path), "--tracks", str(tmp_path / "tracks.txt")]) == 2
    error = capsys.readouterr().err
    assert "pip install 'perdure[eval]'" in error and "--no-deps trackeval" in error and len(error.splitlines()) == 1
