"""Objects keep clear of each other and inside the image, and their number never depends on what fitted."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from perdure.geometry import grow_boxes, iou_matrix
from perdure.tracking.tracker import Tracker
from perdure.types import Clip
from perdure.world.config import MOTION_FAMILIES, WorldConfig
from perdure.world.placement import CROP_CONTEXT, Paths, place_objects, propose_paths


def crowded(world: WorldConfig, seed: int) -> tuple[np.ndarray, Paths]:
    rng, num = np.random.default_rng(seed), world.max_objects
    birth = rng.integers(0, world.last_birth_frame + 1, num)
    family, side = rng.integers(0, 4, num), rng.uniform(*world.box_side_px, num)
    return birth, place_objects(rng, world, family=family, birth_frame=birth, side_px=side)


def overlap(first: np.ndarray, second: np.ndarray) -> bool:
    return bool(iou_matrix(first[None], second[None])[0, 0] > 0)


@pytest.mark.parametrize("seed", range(8))
def test_no_crop_window_meets_the_body_of_another_object_on_any_frame(world: WorldConfig, seed: int) -> None:
    birth, paths = crowded(world, seed)
    for t in range(world.num_frames):
        there = np.flatnonzero(birth <= t)
        boxes = paths.xyxy_px[there, t]
        bodies = grow_boxes(boxes, margin_px=1.0)
        windows = grow_boxes(boxes, factor=CROP_CONTEXT)
        for i in range(len(there)):
            for j in range(len(there)):
                assert i == j or not overlap(windows[i], bodies[j])


@pytest.mark.parametrize("seed", range(8))
def test_bodies_stay_inside_the_image_from_birth_on(world: WorldConfig, seed: int) -> None:
    birth, paths = crowded(world, seed)
    for k in range(world.max_objects):
        boxes = paths.xyxy_px[k, birth[k] :]
        assert boxes.min() >= 0.5
        assert boxes[:, [0, 2]].max() <= world.frame_width_px - 0.5
        assert boxes[:, [1, 3]].max() <= world.frame_height_px - 0.5


def test_the_tracker_never_takes_one_object_for_another(clips: list[Clip]) -> None:
    for clip in clips[:30]:
        assert clip.truth is not None
        tracker, owners = Tracker(), dict[int, set[int]]()
        for found, owner in zip(clip.detections, clip.truth.detection_owner, strict=True):
            tracks = tracker.update(found)
            for track_id, row in zip(tracks.track_id.tolist(), tracks.detection_index.tolist(), strict=True):
                if row >= 0:
                    owners.setdefault(track_id, set()).add(int(owner[row]))
        assert all(len(seen) == 1 for seen in owners.values())
        of_persistent = [k for seen in owners.values() for k in seen if clip.truth.is_persistent[k]]
        assert len(of_persistent) == len(set(of_persistent)), "a persistent object was lost and found again"


def test_all_motion_families_and_speeds_occur(world: WorldConfig) -> None:
    rng = np.random.default_rng(0)
    for family in range(len(MOTION_FAMILIES)):
        paths = propose_paths(rng, world, family=family, birth_frame=3, side_px=10.0)
        step = np.linalg.norm(np.diff(paths.centre_px[:, 3:], axis=1), axis=2)
        assert 0.1 < np.median(step) < 3.0
        assert np.ptp(paths.side_px[:, 3:], axis=1).max() > 0.2, "distance never changes"
        np.testing.assert_allclose(paths.side_px[:, 3], 10.0)


def test_the_law_goes_on_to_the_last_frame(world: WorldConfig) -> None:
    _, paths = crowded(world, 1)
    assert np.isfinite(paths.xyxy_px).all()
    assert (np.linalg.norm(np.diff(paths.centre_px, axis=1), axis=2) > 0).all()


def test_a_frame_too_small_is_an_error_that_says_what_to_change(world: WorldConfig) -> None:
    small = replace(world, frame_width_px=40, frame_height_px=40)
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match="found no room for 6 objects of 9 to 12 px in a frame of 40 x 40 px; lower"):
        place_objects(
            rng, small, family=np.arange(6) % 4, birth_frame=np.zeros(6, int), side_px=np.linspace(9.0, 12.0, 6)
        )
