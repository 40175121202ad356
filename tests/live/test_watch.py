"""Watching a small video from end to end, with and without a detections file, and with everything that may go wrong."""

from __future__ import annotations

import csv
import json
import logging
import threading
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from gate.small_model import small_model
from live.fake_gate import FakeGate
from perdure.drawing.overlay import OverlayConfig
from perdure.gate.gate import PersistenceGate
from perdure.gate.load import load_gate
from perdure.gate.results import GateResult
from perdure.geometry import iou_matrix
from perdure.live.watch import watch
from perdure.live.watch_config import WatchConfig
from perdure.stopping.rules import TruncatedSPRT
from perdure.types import Detections
from perdure.video.frames import VideoFrame, VideoReader
from perdure.video.mot import MotBox, mot_text, read_mot_detections
from perdure.video.reader import open_video
from perdure.video.window import Window
from perdure.video.writer import VideoWriter
from video.moving_square import RATE_HZ, square_frames, square_xyxy, write_video

NUM_FRAMES, FIRST = 36, 12


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_video(tmp_path_factory.mktemp("watch") / "square.mp4", square_frames(NUM_FRAMES, first=FIRST))


@pytest.fixture(scope="module")
def detections(video: Path) -> Path:
    """The square on frames 4 to 35, and a box on nothing on frame 20 alone."""
    boxes = [MotBox(index, -1, tuple(map(float, square_xyxy(index))), 0.9) for index in range(4, NUM_FRAMES)]
    boxes.append(MotBox(20, -1, (120.0, 5.0, 130.0, 15.0), 0.3))
    path = video.parent / "det.txt"
    path.write_text(mot_text(boxes))
    return path


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    assert set(threading.enumerate()) <= before


def test_detections_beside_a_video_may_have_any_layout(video: Path, tmp_path: Path) -> None:
    """They were read as MOT text alone: of JSON in one line nothing was found, and a folder did not exist."""
    boxes = {index: [float(value) for value in square_xyxy(index)] for index in range(4, NUM_FRAMES)}
    results, labels = tmp_path / "results.json", tmp_path / "labels"
    sides = {index: [x1, y1, x2 - x1, y2 - y1] for index, (x1, y1, x2, y2) in boxes.items()}
    results.write_text(json.dumps([{"image_id": index + 1, "bbox": box} for index, box in sides.items()]))
    with open_video(video) as reader:
        width, height = reader.width, reader.height
    labels.mkdir()
    for index, (x, y, w, h) in sides.items():
        row = f"0 {(x + w / 2) / width:.6f} {(y + h / 2) / height:.6f} {w / width:.6f} {h / height:.6f} 0.9\n"
        (labels / f"square_{index + 1}.txt").write_text(row)
    for path in (results, labels):
        watch(video, FakeGate(), out_dir=tmp_path / path.stem / "out", detections_path=path)
        with (tmp_path / path.stem / "out" / "tracks.csv").open() as file:
            rows = list(csv.DictReader(file))
        hit = {int(row["frame_index"]): float(row["x_min_px"]) for row in rows if row["is_hit"] == "1"}
        assert hit == pytest.approx({index: box[0] for index, box in boxes.items()}, abs=0.02)


def test_motion_detector_to_annotated_video(video: Path, tmp_path: Path) -> None:
    progress: list[tuple[int, int | None]] = []
    summary = watch(
        video, FakeGate(), out_dir=tmp_path / "a" / "b", on_progress=lambda done, total: progress.append((done, total))
    )
    assert progress == [(done, NUM_FRAMES) for done in range(1, NUM_FRAMES + 1)]
    assert (summary.num_frames, summary.detector, summary.problems) == (NUM_FRAMES, "motion", ())
    assert (summary.num_tracks, summary.num_persistent, summary.num_transient) == (1, 1, 0)
    assert summary.mean_decision_frame_persistent == 3.0
    assert (summary.track_frames_encoded, summary.track_frames_ungated) == (3, NUM_FRAMES - FIRST)
    assert summary.savings_track_frames == pytest.approx(1 - 3 / (NUM_FRAMES - FIRST))
    assert summary.duration_s == pytest.approx((NUM_FRAMES - 1) / RATE_HZ, abs=1e-3)
    assert set(summary.part_frames_per_s) == {"decode", "detect", "gate", "draw", "encode"}
    latency = [summary.latency_ms[name] for name in ("median", "p95", "p99", "max")]
    assert latency == sorted(latency) and latency[0] > 0
    folder = tmp_path / "a" / "b"
    assert sorted(entry.name for entry in folder.iterdir()) == sorted(Path(name).name for name in summary.outputs)
    assert json.loads((folder / "summary.json").read_text()) == json.loads(json.dumps(summary.to_dict()))
    (decision,) = [json.loads(line) for line in (folder / "decisions.jsonl").read_text().splitlines()]
    assert (decision["label"], decision["frame_index"], decision["age"]) == ("persistent", FIRST + 2, 3)
    truth = np.array([square_xyxy(FIRST + 2)], dtype=float)
    assert iou_matrix(np.array([decision["xyxy_px"]]), truth)[0, 0] > 0.6


def test_annotated_video_has_every_frame_at_its_time_and_marks_on_it(video: Path, tmp_path: Path) -> None:
    config = WatchConfig(overlay=OverlayConfig(min_width_px=160, trail_frames=2, spark_frames=0))
    watch(video, FakeGate(), out_dir=tmp_path, config=config)
    with open_video(video) as before, open_video(tmp_path / "annotated.mp4") as after:
        assert (after.width, after.num_frames) == (before.width, before.num_frames)
        for plain, marked in zip(before, after, strict=True):
            assert marked.time_s == pytest.approx(plain.time_s, abs=1e-3)
            difference = np.abs(marked.frame[: before.height].astype(int) - plain.frame).max(axis=2) > 60
            x0, y0, x1, y1 = square_xyxy(plain.frame_index)
            near = np.zeros_like(difference)
            near[max(0, y0 - 25) : y1 + 25, max(0, x0 - 25) : x1 + 75] = True
            assert not difference[~near].any()
            assert difference.any() == (plain.frame_index >= FIRST)


def test_video_in_pieces_has_every_frame_once(video: Path, tmp_path: Path) -> None:
    summary = watch(video, FakeGate(), out_dir=tmp_path, config=WatchConfig(segment_s=1.0))
    pieces = sorted((tmp_path / "annotated").iterdir(), key=lambda path: path.stat().st_mtime_ns)
    assert [path for path in summary.outputs if path.endswith(".mp4")] == [str(path) for path in pieces]
    num = 0
    for path in pieces:
        with open_video(path) as reader:
            num += sum(1 for _ in reader)
    assert len(pieces) > 1 and num == summary.num_frames and not (tmp_path / "annotated.mp4").exists()
    with pytest.raises(ValueError, match=r"keep: got it without segment, expected both"):
        WatchConfig(keep_s=60.0)


def test_uneven_times_of_the_source_are_kept(tmp_path: Path) -> None:
    times_s = [0.0, 0.05, 0.4, 0.45, 1.2, 1.25]
    with VideoWriter(tmp_path / "uneven.mp4", frame_rate_hz=RATE_HZ) as writer:
        for time_s, frame in zip(times_s, square_frames(6), strict=True):
            writer.write(frame, time_s=time_s)
    summary = watch(tmp_path / "uneven.mp4", FakeGate(), out_dir=tmp_path)
    assert summary.duration_s == pytest.approx(1.25, abs=1e-3)
    with open_video(tmp_path / "annotated.mp4") as reader:
        assert [item.time_s for item in reader] == pytest.approx(times_s, abs=1e-3)


def test_the_real_gate_decides_and_its_warnings_are_passed_on(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """With random weights the label means nothing; that there is one, and what was saved, does."""
    frames = square_frames(100, first=8)
    with VideoWriter(tmp_path / "slow.mp4", frame_rate_hz=8.0) as writer:
        for frame in frames:
            writer.write(frame)
    rule = TruncatedSPRT(upper=2.0, lower=-2.0, horizon=8, on_timeout="persistent")
    gate = PersistenceGate(small_model(), rule)
    with caplog.at_level(logging.WARNING, logger="perdure.live"):
        summary = watch(tmp_path / "slow.mp4", gate, out_dir=tmp_path / "out")
    assert summary.num_persistent + summary.num_transient == summary.num_tracks >= 1
    assert summary.track_frames_encoded == gate.cost.track_frames > 0
    assert 0 < summary.savings_track_frames < 1
    drift = "frame rate is 8 Hz, calibrated at 30 Hz: calibrate again"
    assert summary.problems == (drift,)
    assert [record.getMessage() for record in caplog.records] == [f"frame 32: {drift}"], "once, and not at once"


def test_memory_does_not_grow_with_the_length_of_the_video(tmp_path: Path) -> None:
    """One frame that stayed in memory for each frame watched would make the long video need 40 MB more."""
    peaks = []
    for num_frames in (60, 200):
        path = write_video(
            tmp_path / f"{num_frames}.mp4", square_frames(60) + square_frames(10) * ((num_frames - 60) // 10)
        )
        tracemalloc.start()
        watch(path, FakeGate(), out_dir=tmp_path)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] + 4e6


class _Square:
    """Finds the square on every frame."""

    def __init__(self) -> None:
        self.num_frames = 0

    def detect(self, frame: np.ndarray) -> Detections:
        self.num_frames += 1
        return Detections(xyxy_px=np.array([square_xyxy(self.num_frames - 1)], dtype=float), score=np.array([0.9]))


def test_a_detector_of_the_user_takes_the_place_of_the_built_in_one(
    video: Path, detections: Path, tmp_path: Path
) -> None:
    detector = _Square()
    summary = watch(video, FakeGate(), out_dir=tmp_path, detector=detector, detector_name="square:find")
    assert (summary.detector, summary.num_persistent) == ("square:find", 1)
    assert detector.num_frames == summary.num_frames == NUM_FRAMES
    with pytest.raises(ValueError, match="detector: got one beside a file of detections, expected one of the two"):
        watch(video, FakeGate(), out_dir=tmp_path, detector=detector, detections_path=detections)


def test_detections_file_decides_what_is_seen(video: Path, detections: Path, tmp_path: Path) -> None:
    summary = watch(video, FakeGate(), out_dir=tmp_path, detections_path=detections)
    assert (summary.detector, summary.num_tracks) == (str(detections), 2)
    assert (summary.num_persistent, summary.num_transient) == (1, 1)
    assert summary.num_by_reason == {"deleted": 1, "evidence": 1}
    rows = list(csv.DictReader((tmp_path / "tracks.csv").read_text().splitlines()))
    assert [row["frame_index"] for row in rows if row["track_id"] == "0"] == [str(i) for i in range(4, NUM_FRAMES)]
    assert [row["frame_index"] for row in rows if row["track_id"] == "1"] == ["20", "21", "22", "23", "24"]
    confirmed = read_mot_detections(tmp_path / "confirmed.txt")
    assert sorted(confirmed.by_frame) == list(range(6, NUM_FRAMES))
    assert confirmed.at(10).xyxy_px.tolist() == [list(map(float, square_xyxy(10)))]
    deleted = json.loads((tmp_path / "decisions.jsonl").read_text().splitlines()[-1])
    assert (deleted["reason"], deleted["xyxy_px"]) == ("deleted", [120.0, 5.0, 130.0, 15.0])


def test_the_same_video_gives_the_same_files(video: Path, tmp_path: Path) -> None:
    contents = []
    for name in ("first", "second"):
        watch(video, FakeGate(), out_dir=tmp_path / name)
        contents.append([(tmp_path / name / file).read_bytes() for file in ("decisions.jsonl", "tracks.csv")])
    assert contents[0] == contents[1]


def test_a_damaged_video_gives_what_came_before_and_the_reason(video: Path, tmp_path: Path) -> None:
    data = video.read_bytes()
    (tmp_path / "cut.mp4").write_bytes(data[: len(data) * 95 // 100])
    summary = watch(tmp_path / "cut.mp4", FakeGate(), out_dir=tmp_path / "out")
    assert 0 < summary.num_frames < NUM_FRAMES
    assert len(summary.problems) == 1 and "breaks off after" in summary.problems[0]
    with open_video(tmp_path / "out" / "annotated.mp4") as reader:
        assert len(list(reader)) == summary.num_frames


def test_what_is_wrong_with_the_detections_is_said(video: Path, tmp_path: Path) -> None:
    (tmp_path / "det.txt").write_text("1,-1,5,5,9,9,1\n2,-1,5,5,0,9,1\n37,-1,5,5,9,9,1\n90,-1,5,5,9,9,1\n")
    summary = watch(video, FakeGate(), out_dir=tmp_path / "out", detections_path=tmp_path / "det.txt")
    assert summary.problems == (
        "detections: 1 box(es) without area were left out",
        "detections: 2 box(es) lie in frames after the end of the video",
    )
    (tmp_path / "det.txt").write_text("1,-1,5,5,9,9,1\n1,-1,x,5,9,9,1\n")
    with pytest.raises(ValueError, match="line 2"):
        watch(video, FakeGate(), out_dir=tmp_path / "bad", detections_path=tmp_path / "det.txt")
    assert not (tmp_path / "bad").exists()


def test_a_million_detections_in_a_frame_cost_no_more_than_the_weakest_of_them(video: Path, tmp_path: Path) -> None:
    """The square is found as if the flood on frame 3 were not there, and the summary says what was left out."""
    lines = [MotBox(index, -1, tuple(map(float, square_xyxy(index))), 0.9) for index in range(NUM_FRAMES)]
    places = np.random.default_rng(0).integers(0, 90, (1_000_000, 2)).tolist()
    flood = "".join([f"4,-1,{x},{y},4,4,0.2\n" for x, y in places])
    (tmp_path / "det.txt").write_text(mot_text(lines) + flood, encoding="utf-8")
    gate = FakeGate()
    limit = gate.tracker.config.max_detections
    summary = watch(video, gate, out_dir=tmp_path / "out", detections_path=tmp_path / "det.txt")
    left_out = 1_000_001 - limit
    assert summary.problems == (f"detections: {left_out} box(es) were left out, since a frame had more than {limit}",)
    assert (summary.num_tracks, summary.num_persistent) == (limit, 1)
    decided = (tmp_path / "out" / "decisions.jsonl").read_text(encoding="utf-8").splitlines()
    (decision,) = (json.loads(line) for line in decided if "persistent" in line)
    assert (decision["frame_index"], decision["age"]) == (2, 3)


def test_a_flooded_picture_is_said(tmp_path: Path) -> None:
    frames = square_frames(20, first=1000)
    frames[10:] = [np.clip(frame.astype(int) + 90, 0, 255).astype(np.uint8) for frame in frames[10:]]
    summary = watch(write_video(tmp_path / "light.mp4", frames), FakeGate(), out_dir=tmp_path / "out")
    assert len(summary.problems) == 1 and "most of the picture changed" in summary.problems[0]


class StoppingGate(FakeGate):
    """Raises on frame 10."""

    error: BaseException = KeyboardInterrupt()

    def update(self, frame: np.ndarray | None, detections: Detections, *, time_s: float | None = None) -> GateResult:
        if self.tracker.get_state().next_frame_index == 10:
            raise self.error
        return super().update(frame, detections, time_s=time_s)


def test_an_interrupt_keeps_what_was_done(video: Path, tmp_path: Path) -> None:
    summary = watch(video, StoppingGate(), out_dir=tmp_path)
    assert (summary.num_frames, summary.problems) == (10, ("interrupted after frame 9",))
    with open_video(tmp_path / "annotated.mp4") as reader:
        assert len(list(reader)) == 10


class FakeWindow(Window):
    """Remembers what it was shown; somebody asks for the end once so many frames were."""

    def __init__(self, *, num_frames: int) -> None:
        self.num_frames = num_frames
        self.shown: list[np.ndarray] = []
        self.threads: set[threading.Thread] = set()

    def show(self, frame: np.ndarray) -> None:
        self.shown.append(frame)
        self.threads.add(threading.current_thread())

    def is_ended(self) -> bool:
        self.threads.add(threading.current_thread())
        return len(self.shown) >= self.num_frames

    def close(self) -> None:
        raise AssertionError("who opened the window closes it")


def test_a_window_shows_annotated_frames_and_may_end_the_watching(video: Path, tmp_path: Path) -> None:
    window = FakeWindow(num_frames=3)
    summary = watch(video, FakeGate(), out_dir=tmp_path, window=window)
    assert len(window.shown) == 3 and window.threads == {threading.current_thread()}
    assert 3 <= summary.num_frames < NUM_FRAMES
    assert summary.problems == (f"interrupted after frame {summary.num_frames - 1}",)
    assert "show" in summary.part_frames_per_s
    with open_video(tmp_path / "annotated.mp4") as reader:
        frames = [item.frame for item in reader]
    assert len(frames) == summary.num_frames
    for shown in window.shown:
        height, width = frames[0].shape[0] - frames[0].shape[0] % 2, frames[0].shape[1]
        assert abs(shown.shape[0] - height) <= 1 and shown.shape[1] == width  # with bar, and enlarged


def test_the_window_is_asked_while_a_camera_is_silent(
    video: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Keys were answered with the next frame only, which may never come."""
    is_closed = threading.Event()

    class Silent(VideoReader):
        is_live = True

        def _frames(self) -> Iterator[VideoFrame]:
            yield VideoFrame(0, 0.0, square_frames(1)[0])
            is_closed.wait(30)

        def close(self) -> None:
            is_closed.set()

    height, width, _ = square_frames(1)[0].shape
    silent = Silent(frame_rate_hz=RATE_HZ, width=width, height=height, num_frames=None)
    monkeypatch.setattr("perdure.live.watch.open_video", lambda *_, **__: silent)
    summary = watch(video, FakeGate(), out_dir=tmp_path, window=FakeWindow(num_frames=1))
    assert (summary.num_frames, summary.problems) == (1, ("interrupted after frame 0",))


def test_classes_of_detections_reach_decisions_tracks_and_confirmed_boxes(video: Path, tmp_path: Path) -> None:
    """The square is of class 2, and a box on nothing of none; its class is kept on frames without a detection."""
    boxes = [MotBox(i, -1, tuple(map(float, square_xyxy(i))), 0.9, 2) for i in range(4, NUM_FRAMES) if i != 20]
    boxes.append(MotBox(20, -1, (120.0, 5.0, 130.0, 15.0), 0.3))
    (tmp_path / "det.txt").write_text(mot_text(boxes))
    rule = TruncatedSPRT(upper=2.0, lower=-2.0, horizon=8, on_timeout="persistent")
    for name, gate in (("fake", FakeGate()), ("real", PersistenceGate(small_model(), rule))):
        config = WatchConfig(has_classes=True)
        watch(video, gate, out_dir=tmp_path / name, detections_path=tmp_path / "det.txt", config=config)
        decided = [json.loads(line) for line in (tmp_path / name / "decisions.jsonl").read_text().splitlines()]
        assert {row["track_id"]: row["class_id"] for row in decided} == {0: 2, 1: -1}, name
        rows = list(csv.DictReader((tmp_path / name / "tracks.csv").read_text().splitlines()))
        assert {(row["track_id"], row["class_id"]) for row in rows} == {("0", "2"), ("1", "-1")}, name
        assert ("20", "0") in {(row["frame_index"], row["is_hit"]) for row in rows if row["track_id"] == "0"}
    confirmed = read_mot_detections(tmp_path / "fake" / "confirmed.txt")
    assert confirmed.num_from(0) > 20
    assert {int(value) for found in confirmed.by_frame.values() for value in found.class_id} == {2}


def test_confirmed_tracks_from_their_birth_on_where_that_is_asked_for(
    video: Path, detections: Path, tmp_path: Path
) -> None:
    gate = load_gate("detections", image_size=(160, 120))
    summary = watch(
        video,
        gate,
        out_dir=tmp_path,
        detections_path=detections,
        config=WatchConfig(is_backfilled=True, has_video=False),
    )
    live, whole = ((tmp_path / name).read_text().splitlines() for name in ("confirmed.txt", "confirmed_from_birth.txt"))
    assert str(tmp_path / "confirmed_from_birth.txt") in summary.outputs
    assert set(live) < set(whole) and len(whole) > len(live) > 0
    decision = json.loads((tmp_path / "decisions.jsonl").read_text().splitlines()[0])
    assert len(whole) - len(live) == decision["age"] - 1


def test_tracks_are_written_as_json_lines_where_that_is_asked_for(
    video: Path, detections: Path, tmp_path: Path
) -> None:
    config = WatchConfig(tracks="jsonl")
    summary = watch(video, FakeGate(), out_dir=tmp_path, detections_path=detections, config=config)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(Path(name).name for name in summary.outputs)
    assert (tmp_path / "tracks.jsonl").read_text().count("\n") == NUM_FRAMES - 4 + 5


def test_an_error_of_the_gate_keeps_what_came_before(video: Path, tmp_path: Path) -> None:
    """A week of watching must not be lost to one frame."""
    gate = StoppingGate()
    gate.error = ValueError("weights do not fit")
    with pytest.raises(ValueError, match="weights do not fit"):
        watch(video, gate, out_dir=tmp_path / "out")
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert names == ["annotated.mp4", "confirmed.txt", "decisions.jsonl", "tracks.csv"]
    with open_video(tmp_path / "out" / "annotated.mp4") as reader:
        assert len(list(reader)) <= 10 and reader.problem is None


def test_an_error_of_the_encoder_reaches_the_caller(
    video: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError("no space left")

    monkeypatch.setattr("perdure.live.watch.VideoWriter.write", fail)
    with pytest.raises(OSError, match="no space left"):
        watch(video, FakeGate(), out_dir=tmp_path / "out")
    assert not list((tmp_path / "out").glob("*.mp4")) and not list((tmp_path / "out").glob(".*"))


def test_without_video_nothing_is_drawn(video: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "annotated.mp4").write_text("of an earlier stream")
    monkeypatch.setattr("perdure.live.watch.Overlay.draw", lambda *_, **__: pytest.fail("something was drawn"))
    summary = watch(video, FakeGate(), out_dir=tmp_path, config=WatchConfig(has_video=False))
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "confirmed.txt", "decisions.jsonl", "summary.json", "tracks.csv",
    ]  # fmt: skip
    assert sorted(Path(name).name for name in summary.outputs) == sorted(path.name for path in tmp_path.iterdir())


def test_rows_that_can_be_no_detection_are_counted(video: Path, tmp_path: Path) -> None:
    (tmp_path / "det.txt").write_text("1,-1,10,20,30,40,0.9\n2,-1,10,20,0,40,0.9\n")
    summary = watch(video, FakeGate(), out_dir=tmp_path, detections_path=tmp_path / "det.txt")
    assert summary.num_invalid == 1


def test_it_stops_after_the_number_of_frames_asked_for(video: Path, detections: Path, tmp_path: Path) -> None:
    for path in (None, detections):
        config = WatchConfig(max_frames=7)
        assert watch(video, FakeGate(), out_dir=tmp_path, detections_path=path, config=config).num_frames == 7


def test_wrong_input_is_refused_before_anything_is_written(video: Path, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"none\.mp4"):
        watch(tmp_path / "none.mp4", FakeGate(), out_dir=tmp_path / "out")
    with pytest.raises(FileNotFoundError, match=r"det\.txt"):
        watch(video, FakeGate(), out_dir=tmp_path / "out", detections_path=tmp_path / "det.txt")
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "out").write_text("")
    with pytest.raises(ValueError, match="is a file, expected a folder"):
        watch(video, FakeGate(), out_dir=tmp_path / "out")
    for field in ("max_frames", "frame_rate_hz"):
        with pytest.raises(ValueError, match=field):
            WatchConfig(**{field: 0})


def test_a_format_that_there_is_not_is_refused(as_user: None) -> None:
    with pytest.raises(ValueError, match="tracks: got 'xml', expected one of csv, jsonl"):
        WatchConfig(tracks="xml")  # type: ignore[arg-type]


@pytest.mark.slow
def test_recorded_video_from_end_to_end(real_data: Path, tmp_path: Path) -> None:
    folder = real_data / "video" / "PETS09-S2L1"
    config = WatchConfig(max_frames=60)
    for path in (None, folder / "det" / "det_frcnn.txt"):
        summary = watch(folder / "vtest.avi", FakeGate(), out_dir=tmp_path, detections_path=path, config=config)
        assert summary.num_frames == 60 and summary.num_persistent > 5 and summary.problems == ()
        assert 0.3 < summary.savings_track_frames < 1
