"""Tracks move with the camera where its motion is known."""

from __future__ import annotations

import numpy as np

from perdure.tracking.tracker import Tracker, TrackerConfig
from perdure.types import Detections


def at(x: float) -> Detections:
    return Detections(xyxy_px=np.array([[x, 10.0, x + 20, 50.0]]), score=np.ones(1))


def test_a_jump_of_the_camera_breaks_no_track_if_it_is_known() -> None:
    jump = np.array([[1.0, 0, 60], [0, 1, 0]])
    for motion, num_tracks in ((jump, 1), (None, 2)):
        tracker = Tracker(TrackerConfig(box_growth=1.0, box_growth_px=0.0))
        tracker.update(at(100))
        tracker.update(at(101))
        assert len(tracker.update(at(162), camera_motion=motion)) == num_tracks


def test_velocity_and_size_scale_with_a_zoom() -> None:
    zoom = np.array([[2.0, 0, 0], [0, 2, 0]])
    tracker = Tracker()
    tracker.update(at(100))
    tracks = tracker.update(Detections.empty(), camera_motion=zoom)
    assert np.allclose(tracks.xyxy_px, [[200, 20, 240, 100]])
