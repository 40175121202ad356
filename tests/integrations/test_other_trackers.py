"""What the page "Behind my tracker" says of each tracker, held to the releases that it names.

A tracker that is not installed is skipped: the environment of the tests holds the small ones, a job of its own the
large ones (job `trackers` in CI).
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from integrations.test_supervision import confirmer

sv = pytest.importorskip("supervision", reason="supervision is not installed (pip install 'perdure[supervision]')")

PAGE = (Path(__file__).parents[2] / "docs" / "how-to" / "behind-my-tracker.md").read_text(encoding="utf-8")
PICTURE = np.zeros((200, 200, 3), np.uint8)

Step = Callable[[np.ndarray, np.ndarray], Any]
"""Takes corners of boxes (n, 4) in pixels and their scores (n,); returns what is handed to the confirmer."""


def handed_over(rows: list[Any]) -> Any:
    """Returns detections of rows of corners, score and id."""
    corners = np.array([row[0] for row in rows], float).reshape(-1, 4)
    ids = np.array([row[2] for row in rows], object)
    return sv.Detections(xyxy=corners, confidence=np.array([row[1] for row in rows], float), tracker_id=ids)


def norfair() -> Step:
    module = pytest.importorskip("norfair", reason="norfair is not installed (pip install --no-deps norfair)")
    tracker = module.Tracker(distance_function="iou", distance_threshold=0.7, initialization_delay=0)

    def step(boxes: np.ndarray, scores: np.ndarray) -> Any:
        found = [
            module.Detection(points=box.reshape(2, 2), scores=np.full(2, score))
            for box, score in zip(boxes, scores, strict=True)
        ]
        live = [item for item in tracker.update(found) if any(item.last_detection is one for one in found)]
        seen = [(item.last_detection, item.id) for item in live]
        return handed_over([(found.points.ravel(), found.scores[0], key) for found, key in seen])

    return step


def deep_sort() -> Step:
    module = pytest.importorskip(
        "deep_sort_realtime.deepsort_tracker", reason="pip install --no-deps deep-sort-realtime"
    )
    tracker = module.DeepSort(n_init=1, embedder=None)

    def step(boxes: np.ndarray, scores: np.ndarray) -> Any:
        found = [
            ([box[0], box[1], box[2] - box[0], box[3] - box[1]], score, 0)
            for box, score in zip(boxes.tolist(), scores.tolist(), strict=True)
        ]
        # No embedder: equal places look alike, others do not.
        tracks = tracker.update_tracks(found, embeds=[np.array([1.0, place[0][0] / 200]) for place in found])
        seen = [(track.to_ltrb(orig=True, orig_strict=True), track.get_det_conf(), track.track_id) for track in tracks]
        return handed_over([row for row in seen if row[0] is not None])

    return step


def motpy() -> Step:
    module = pytest.importorskip("motpy", reason="motpy is not installed (pip install --no-deps motpy)")
    tracker = module.MultiObjectTracker(dt=1 / 25)

    def step(boxes: np.ndarray, scores: np.ndarray) -> Any:
        tracker.step([module.Detection(box=box, score=score) for box, score in zip(boxes, scores, strict=True)])
        return handed_over([(item.box, item.score, item.id) for item in tracker.active_tracks(max_staleness=1)])

    return step


def supervision_bytetrack() -> Step:
    if not hasattr(sv, "ByteTrack"):
        pytest.skip(f"supervision {sv.__version__} has no ByteTrack any more, 0.30 was the last with it")
    tracker = sv.ByteTrack(minimum_consecutive_frames=1, track_activation_threshold=0.4)

    def step(boxes: np.ndarray, scores: np.ndarray) -> Any:
        found = sv.Detections(xyxy=boxes, confidence=0.5 + scores / 2, class_id=np.zeros(len(boxes), int))
        tracked = tracker.update_with_detections(found)
        tracked.confidence = 2 * tracked.confidence - 1
        return tracked

    return step


def boxmot_bytetrack() -> Step:
    tracker = boxmot("ByteTrack", min_conf=0.05, track_thresh=0.5)

    def step(boxes: np.ndarray, scores: np.ndarray) -> Any:
        tracked = tracker(boxes, 0.5 + scores / 2)
        tracked.confidence = 2 * tracked.confidence - 1
        return tracked

    return step


def boxmot(name: str, **settings: float) -> Step:
    module = pytest.importorskip("boxmot", reason="boxmot is not installed (pip install boxmot)")
    tracker = getattr(module, name)(**settings)

    def step(boxes: np.ndarray, scores: np.ndarray) -> Any:
        rows = tracker.update(np.column_stack([boxes, scores, np.zeros(len(boxes))]), PICTURE)
        return handed_over([(row[:4], row[5], int(row[4])) for row in np.asarray(rows).reshape(-1, 8)])

    return step


def ultralytics() -> Step:
    """Does what its `model.track` does with each picture, boxes in the place of a network."""
    results = pytest.importorskip("ultralytics.engine.results", reason="pip install ultralytics", exc_type=ImportError)
    torch = pytest.importorskip("torch")
    from ultralytics.trackers.byte_tracker import BYTETracker  # type: ignore[import-not-found]

    settings = {"track_high_thresh": 0.1, "new_track_thresh": 0.1, "track_low_thresh": 0.05}
    tracker = BYTETracker(SimpleNamespace(**settings, track_buffer=30, match_thresh=0.8, fuse_score=False))

    def step(boxes: np.ndarray, scores: np.ndarray) -> Any:
        data = torch.tensor(np.column_stack([boxes, scores, np.zeros(len(boxes))]).astype(np.float32))
        result = results.Results(PICTURE, path="", names={0: "thing"}, boxes=data)
        tracks = tracker.update(result.boxes.cpu().numpy(), PICTURE)
        if len(tracks):
            result = result[tracks[:, -1].astype(int)]
            result.update(boxes=torch.as_tensor(tracks[:, :-1]))
        return sv.Detections.from_ultralytics(result)

    return step


WITH_ID, MISSING = "has an id", "missing"
TRACKERS: dict[str, tuple[Callable[[], Step], str, str]] = {
    "norfair": (norfair, "norfair", WITH_ID),
    "deep-sort-realtime": (deep_sort, "deep-sort-realtime", WITH_ID),
    "motpy": (motpy, "motpy", MISSING),
    "supervision": (supervision_bytetrack, "supervision", MISSING),
    "boxmot ByteTrack": (boxmot_bytetrack, "boxmot", MISSING),
    "boxmot OcSort": (lambda: boxmot("OcSort", min_conf=0.05, det_thresh=0.1, min_hits=0), "boxmot", WITH_ID),
    "ultralytics": (ultralytics, "ultralytics", MISSING),
}


@pytest.mark.parametrize("name", TRACKERS)
@pytest.mark.filterwarnings("ignore")
def test_a_tracker_reports_as_early_as_its_row_says(name: str) -> None:
    """A weak walker that comes later, is missed once, and a flash: the walker on its third reported frame."""
    make, package, first = TRACKERS[name]
    step, confirm, reported = make(), confirmer(), []
    major, minor = version(package).split(".")[:2]
    assert f"`{package}` {major}.{minor}" in PAGE, "the row names another release"
    for frame in range(12):
        boxes, scores = [[20.0, 150.0, 50.0, 190.0]], [0.8]  # stands there from the first picture on
        if frame >= 2 and frame != 7:
            boxes.append([30.0 + 2 * frame, 10, 60.0 + 2 * frame, 40])
            scores.append(0.3)
        if frame == 4:
            boxes.append([120.0, 100, 150, 130])
            scores.append(0.3)
        shown = confirm.update(None, step(np.array(boxes), np.array(scores)))
        reported.append([round(box[0]) for box in shown.xyxy.tolist() if box[1] < 100])
    late = int(first == MISSING)
    assert [bool(boxes) for boxes in reported] == [frame >= 4 + late and frame != 7 for frame in range(12)]
    assert all(abs(boxes[0] - 30 - 2 * frame) < 8 for frame, boxes in enumerate(reported) if boxes)
