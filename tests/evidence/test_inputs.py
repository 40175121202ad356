"""What the evidence model reads beside the picture."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from perdure.evidence.model import EvidenceInput
from perdure.evidence.track_geometry import CUE_COLUMN, HIT_COLUMN, NUM_GEOMETRY, SCORE_COLUMN, track_geometry
from perdure.types import NO_CLASS, TrackFrame

IMAGE_SIZE = (100, 50)


def tracks(**changes: np.ndarray) -> TrackFrame:
    """Returns a hit in the middle of the image and a miss in its corner."""
    values = {
        "track_id": np.array([4, 9]),
        "age": np.array([3, 7]),
        "is_hit": np.array([True, False]),
        "xyxy_px": np.array([[40.0, 20, 60, 30], [0, 0, 10, 5]]),
        "score": np.array([0.9, 0.0]),
        "class_id": np.full(2, NO_CLASS),
        "cue": np.array([1.5, 0.0]),
        "motion_residual": np.array([[0.25, -0.5], [0, 0]]),
        "detection_index": np.array([0, -1]),
        "num_hits": np.array([3, 5]),
        "num_misses": np.array([0, 1]),
        "deleted_track_id": np.zeros(0, dtype=np.int64),
    }
    return TrackFrame(frame_index=7, **(values | changes))


def test_columns_are_the_documented_ones() -> None:
    geometry = track_geometry(tracks(), IMAGE_SIZE, (0.5, 0.2))
    assert (geometry.shape, geometry.dtype) == ((2, NUM_GEOMETRY), np.float32)
    size = np.log(0.2) + 2
    np.testing.assert_allclose(geometry[0], [0, 0, size, size, 0.25, -0.5, 2.0, 1, 0, 1.5], atol=1e-6)
    size = np.log(0.1) + 2
    np.testing.assert_allclose(geometry[1], [-0.45, -0.45, size, size, 0, 0, 0, 0, 1, 0], atol=1e-6)


def test_named_columns_are_where_they_say() -> None:
    geometry = track_geometry(tracks(), IMAGE_SIZE, (0.5, 0.2))
    np.testing.assert_allclose(geometry[:, SCORE_COLUMN], [2.0, 0.0], rtol=1e-6)
    assert geometry[:, HIT_COLUMN].tolist() == [1.0, 0.0]
    assert geometry[:, CUE_COLUMN].tolist() == [1.5, 0.0]


def test_a_miss_has_no_score_whatever_the_scale() -> None:
    """Standardising a missing score of 0 would make every miss look like a very bad hit."""
    assert track_geometry(tracks(), IMAGE_SIZE, (0.7, 0.01))[1, SCORE_COLUMN] == 0


def test_wild_numbers_are_cut() -> None:
    wild = tracks(motion_residual=np.array([[1e6, -1e6], [0, 0]]), score=np.array([1e9, 0]))
    geometry = track_geometry(wild, IMAGE_SIZE, (0.5, 0.2))
    assert geometry[0, 4:7].tolist() == [3, -3, 4]
    tiny = tracks(xyxy_px=np.array([[40.0, 20, 40, 20], [0, 0, 10, 5]]))
    assert np.isfinite(track_geometry(tiny, IMAGE_SIZE, (0.5, 0.2))).all()


def test_size_and_place_are_relative_to_the_image() -> None:
    """The same scene at twice the resolution gives the same numbers."""
    double = tracks(xyxy_px=2 * tracks().xyxy_px)
    np.testing.assert_allclose(
        track_geometry(double, (200, 100), (0.5, 0.2)), track_geometry(tracks(), IMAGE_SIZE, (0.5, 0.2)), atol=1e-6
    )


def test_no_tracks_give_no_rows() -> None:
    values = {name: getattr(tracks(), name) for name in TrackFrame.__dataclass_fields__ if name != "frame_index"}
    nobody = TrackFrame(frame_index=0, **{name: value[:0] for name, value in values.items()})
    assert track_geometry(nobody, IMAGE_SIZE, (0.5, 0.2)).shape == (0, NUM_GEOMETRY)


@pytest.mark.parametrize("has_feature", [True, False])
def test_rows_are_those_of_the_slots_asked_for(has_feature: bool) -> None:
    numbers = torch.arange(8).reshape(4, 2)
    inputs = EvidenceInput(
        feature=numbers[..., None].float() if has_feature else None,
        geometry=numbers[..., None].float(),
        age=numbers,
        frame=numbers,
        is_valid=numbers > 2,
        lifetime=numbers.float(),
        scene=torch.arange(4),
    )
    rows = inputs.rows(torch.tensor([3, 1]))
    assert rows.age.tolist() == [[6, 7], [2, 3]]
    assert rows.scene.tolist() == [3, 1]
    assert rows.is_valid.tolist() == [[True, True], [False, True]]
    assert (rows.feature is not None) == has_feature
