"""The tracks of `run` and `bench real` and those of `calibrate --data` are the same ones with the same labels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from perdure.data.labelled_stream import LabelledStream, site_streams
from perdure.data.mot_sequence import find_mot_folders
from perdure.data.track_labels import majority_label
from perdure.tracking.tracker import Tracker
from perdure.tracks.follow import LAST_FRAMES
from perdure.tracks.real_data import read_sequences
from perdure.tracks.tracks_config import RealData

GOLDEN = [
    ("kitti", "*-Car", {}, [3604, 476, 569]),
    ("kitti", "*-Pedestrian", {}, [2107, 92, 400]),
    ("mot15", "*", {}, [737, 446, 42]),
    ("mot17", "MOT17-1*", {"min_score": 0.1}, [1098, 302, 29]),
    ("ir_drone", "IR_AIRPLANE_00*", {"targets": "points"}, [1991, 25, 0]),
]
"""FALSE, TRUE and IGNORE tracks of recorded sets; what is not equal any more was labelled in another way before."""


def counted(stream: LabelledStream, request: RealData) -> np.ndarray:
    """Returns the labels of all tracks that are not born at the very end."""
    tracker, counts, birth = Tracker(request.tracker), dict[int, np.ndarray](), dict[int, int]()
    for frame in stream.frames():
        seen = tracker.update(frame.detections, camera_motion=frame.camera_motion)
        for track_id, row in zip(seen.track_id.tolist(), seen.detection_index.tolist(), strict=True):
            birth.setdefault(track_id, frame.frame_index)
            own = counts.setdefault(track_id, np.zeros(3, dtype=np.int64))
            if row >= 0:
                own[frame.label[row]] += 1
    early = [own for track_id, own in counts.items() if birth[track_id] < stream.num_frames - LAST_FRAMES]
    return majority_label(np.array(early).reshape(-1, 3))


@pytest.mark.slow
@pytest.mark.parametrize(("folder", "only", "settings", "golden"), GOLDEN, ids=lambda value: str(value))
def test_both_roads_give_equal_labels(
    real_data: Path, tmp_path: Path, folder: str, only: str, settings: dict[str, Any], golden: list[int]
) -> None:
    """`calibrate --data` took an overlap of 0.3, many to one: a quarter of the tracks had another label there."""
    request = RealData(only=only, **settings)
    for place in find_mot_folders(real_data / folder, only=only):
        (tmp_path / place.name).symlink_to(place)
    table, _ = read_sequences(request, tmp_path)
    streams = site_streams(
        tmp_path, has_pixels=False, split="calibration", targets=request.targets, min_score=request.min_score
    )
    labels = np.concatenate([counted(stream, request) for stream in streams])
    found = np.bincount(labels, minlength=3).tolist()
    assert found == golden
    assert found[:2] == [int((~table.is_persistent).sum()), int(table.is_persistent.sum())]
