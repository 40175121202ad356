"""Tracks cut out of clips: what the gate would have seen, for any number of workers."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest

from gate.small_model import DATA, HORIZON, OPERATION, windows_of
from perdure.data.dataset import ClipDataset
from perdure.evidence.track_geometry import CUE_COLUMN, HIT_COLUMN, SCORE_COLUMN
from perdure.track_table import TrackTable
from perdure.tracking.tracker import Tracker
from perdure.training import windows as windows_module
from perdure.training.windows import clip_windows, score_scale, split_windows


def assert_equal(one: TrackTable, other: TrackTable) -> None:
    for item in fields(one):
        mine, yours = getattr(one, item.name), getattr(other, item.name)
        assert (mine is None) == (yours is None)
        if mine is not None:
            np.testing.assert_array_equal(mine, yours, err_msg=item.name)


@pytest.mark.slow
def test_any_number_of_workers_gives_the_same(dataset: ClipDataset, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(windows_module, "CLIPS_PER_TASK", 2)
    told: list[tuple[int, int]] = []
    two = split_windows(
        dataset,
        "test",
        operation=OPERATION,
        num_ages=HORIZON,
        num_workers=2,
        on_progress=lambda done, total: told.append((done, total)),
    )
    assert told == [(2, 6), (4, 6), (6, 6)]
    assert_equal(two, windows_of("test"))


def test_rows_are_the_objects_of_the_clips_in_order(dataset: ClipDataset) -> None:
    windows = windows_of("test")
    truths = [dataset.clip(clip_id).truth for clip_id in dataset.split("test")]
    objects = [(scene, label) for scene, truth in enumerate(truths) if truth for label in truth.is_persistent]
    # Tracks are numbered by birth, objects by themselves: within a clip the labels may come in another order.
    assert sorted(zip(windows.unit.tolist(), windows.is_persistent.tolist(), strict=True)) == sorted(objects)
    assert len(windows) == len(objects) > 6
    assert windows.is_persistent.any()
    assert not windows.is_persistent.all()


def test_labels_are_those_of_the_object_under_the_birth_detection(dataset: ClipDataset) -> None:
    for clip_id in dataset.split("test"):
        clip = dataset.clip(clip_id)
        windows = clip_windows([clip], operation=OPERATION, num_ages=HORIZON)
        assert clip.truth is not None
        for row in range(len(windows)):
            birth = int(windows.frame[row, 0])
            found, owner = clip.detections[birth], clip.truth.detection_owner[birth]
            place = np.flatnonzero(found.cue.astype(np.float32) == windows.cue[row, 0])
            assert owner[place] >= 0
            assert windows.is_persistent[row] == clip.truth.is_persistent[owner[place]]
            assert clip.truth.birth_frame[owner[place]] == birth


def test_tracks_are_valid_from_birth_until_they_are_deleted(dataset: ClipDataset) -> None:
    """The fifth miss in a row deletes, and has no row; a track that goes on is valid to the last age."""
    num_ended = 0
    for split in ("train", "calibration", "test"):
        windows = windows_of(split)
        for is_valid, is_hit, frame in zip(windows.is_valid, windows.is_hit, windows.frame, strict=True):
            num = int(is_valid.sum())
            assert is_valid[:num].all()
            assert is_hit[0]
            assert frame[:num].tolist() == list(range(frame[0], frame[0] + num))
            last_hit = int(np.flatnonzero(is_hit)[-1])
            assert num == min(last_hit + OPERATION.tracker.max_misses, HORIZON)
            num_ended += num < HORIZON
    assert num_ended > 5


def test_frames_after_the_end_are_empty() -> None:
    windows = windows_of("test")
    for name in ("crops", "geometry", "is_hit", "frame"):
        assert not getattr(windows, name)[~windows.is_valid].any()
    assert windows.crops[windows.is_valid].reshape(int(windows.is_valid.sum()), -1).any(axis=1).all()


def test_windows_are_what_the_tracker_and_the_crops_say(dataset: ClipDataset) -> None:
    clip = dataset.clip(dataset.split("test")[1])
    windows = clip_windows([clip], operation=OPERATION, num_ages=clip.num_frames)
    assert clip.truth is not None
    tracker = Tracker(OPERATION.tracker)
    for index in range(clip.num_frames):
        tracks = tracker.update(clip.detections[index], owner=clip.truth.detection_owner[index])
        for row, (track_id, age) in enumerate(zip(tracks.track_id, tracks.age, strict=True)):
            geometry = windows.geometry[track_id, age - 1]
            assert windows.frame[track_id, age - 1] == index
            assert geometry[HIT_COLUMN] == windows.is_hit[track_id, age - 1] == tracks.is_hit[row]
            assert geometry[SCORE_COLUMN] == pytest.approx(tracks.score[row], abs=1e-6)
            assert geometry[CUE_COLUMN] == windows.cue[track_id, age - 1] == pytest.approx(tracks.cue[row], abs=1e-5)
    assert set(windows.unit.tolist()) == {0}


def test_more_ages_add_frames_and_change_none() -> None:
    short, long = windows_of("test"), windows_of("test", DATA.world.num_frames)
    for name in ("is_hit", "is_valid", "score", "xyxy_px", "cue", "crops", "geometry", "frame"):
        np.testing.assert_array_equal(getattr(short, name), getattr(long, name)[:, :HORIZON])
    for name in ("is_persistent", "group", "birth_frame", "track_id"):
        np.testing.assert_array_equal(getattr(short, name), getattr(long, name))


def test_score_scale_is_that_of_hits() -> None:
    windows = windows_of("test")
    scores = windows.geometry[..., SCORE_COLUMN][windows.is_hit]
    mean, deviation = score_scale(windows)
    assert mean == pytest.approx(np.mean(scores), rel=1e-5)
    assert deviation == pytest.approx(np.std(scores), rel=1e-5)
    constant = replace(windows, geometry=np.ones_like(windows.geometry))
    assert score_scale(constant) == (1.0, 1e-3)


def test_taken_rows_are_those_rows() -> None:
    windows = windows_of("test")
    some = windows.take(np.array([2, 0]))
    assert len(some) == 2
    np.testing.assert_array_equal(some.crops[1], windows.crops[0])
    joined = TrackTable.join([windows.take(np.arange(3)), windows.take(np.arange(3, len(windows)))])
    assert joined.group.tolist() == [*windows.group[:3], *(windows.group[3:] + 6)], "clips of two parts became one"
    assert_equal(joined.with_columns(group=windows.group, sequence=windows.sequence, scene=windows.scene), windows)


def test_clips_without_truth_and_empty_splits_are_refused(dataset: ClipDataset) -> None:
    clip = replace(dataset.clip(dataset.split("test")[0]), truth=None)
    with pytest.raises(ValueError, match="got no ground truth, expected it"):
        clip_windows([clip], operation=OPERATION, num_ages=4)
    splits = {**dataset.manifest.splits, "validation": ()}
    manifest = replace(dataset.manifest, splits=splits, shards=())
    empty = ClipDataset.__new__(ClipDataset)
    empty.root, empty.manifest = dataset.root, manifest
    with pytest.raises(ValueError, match=r"split validation: got no clips.*set data\.num_validation"):
        split_windows(empty, "validation", operation=OPERATION, num_ages=4)
