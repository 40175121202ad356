"""Crops: exact where no resizing is needed, moving with the picture, replicated at the edge, cheap when huge."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from perdure.tracking.crops import CropConfig, crop_tracks


@pytest.fixture(scope="module")
def frame() -> np.ndarray:
    coarse = np.random.default_rng(0).integers(0, 256, (24, 32, 3), dtype=np.uint8)
    return np.asarray(Image.fromarray(coarse).resize((320, 240), Image.Resampling.BICUBIC))


def test_an_aligned_window_of_the_output_size_is_copied_exactly(frame: np.ndarray) -> None:
    # Box of side 16 with context 2: the window is 32 px, so a crop of 32 px needs no resampling.
    crop = crop_tracks(frame, np.array([[100.0, 60, 116, 76]]), size_px=32, context=2.0)
    np.testing.assert_array_equal(crop[0], frame[52:84, 92:124])


def test_the_window_follows_the_longer_side(frame: np.ndarray) -> None:
    wide = crop_tracks(frame, np.array([[100.0, 66, 116, 70]]), size_px=32, context=2.0)
    np.testing.assert_array_equal(wide[0], frame[52:84, 92:124])


@pytest.mark.parametrize("side", [7.3, 25.0, 90.4])
def test_moving_picture_and_box_together_changes_nothing(frame: np.ndarray, side: float) -> None:
    box = np.array([[150.2, 110.7, 150.2 + side, 110.7 + 0.6 * side]])
    rolled = np.roll(frame, (5, -9), axis=(0, 1))
    moved = box + np.array([-9, 5, -9, 5])
    np.testing.assert_array_equal(
        crop_tracks(frame, box, size_px=24, context=1.5), crop_tracks(rolled, moved, size_px=24, context=1.5)
    )


def test_a_fraction_of_a_pixel_moves_the_crop(frame: np.ndarray) -> None:
    """Rounding the window to whole pixels would make crops of slow objects jump."""
    box = np.array([[100.0, 60, 116, 76]])
    half = crop_tracks(frame, box + 0.5, size_px=32, context=2.0)[0].astype(float)
    around = [frame[52 + j : 84 + j, 92 + i : 124 + i].astype(float) for i in (0, 1) for j in (0, 1)]
    np.testing.assert_allclose(half, np.mean(around, axis=0), atol=1.01)


@pytest.mark.parametrize("corner", [(-30, -20), (300, 230), (310, -12), (-900, 100), (100, 9000), (1e12, -1e12)])
@pytest.mark.parametrize("side", [10.0, 33.3])
def test_outside_the_frame_the_edge_is_repeated(frame: np.ndarray, corner: tuple[float, float], side: float) -> None:
    pad = 200
    padded = np.pad(frame, ((pad, pad), (pad, pad), (0, 0)), "edge")
    box = np.array([[*corner, corner[0] + side, corner[1] + side]])
    near = np.clip(box, -80, 400) if abs(corner[0]) < 1e4 else np.array([[380.0, -100, 380 + side, -100 + side]])
    near = np.array([[near[0, 0], near[0, 1], near[0, 0] + side, near[0, 1] + side]])
    expected = crop_tracks(padded, near + pad, size_px=20, context=2.5)
    got = crop_tracks(frame, box, size_px=20, context=2.5)
    assert np.abs(got.astype(int) - expected.astype(int)).max() <= 1


def test_shrinking_averages_instead_of_skipping_pixels() -> None:
    chess = np.indices((200, 200)).sum(axis=0) % 2 * 255
    frame = np.repeat(chess[..., None], 3, axis=2).astype(np.uint8)
    crop = crop_tracks(frame, np.array([[60.0, 60, 140, 140]]), size_px=16, context=2.0)
    assert np.abs(crop.astype(int) - 127).max() <= 3


def test_a_huge_box_shows_at_most_the_longer_side(frame: np.ndarray) -> None:
    huge = crop_tracks(frame, np.array([[-1e7, -1e7, 1e7 + 320, 1e7 + 240]]), size_px=32, context=2.5)
    longer = crop_tracks(frame, np.array([[0.0, -40, 320, 280]]), size_px=32, context=1.0)
    np.testing.assert_array_equal(huge, longer)


def test_no_boxes_give_no_crops(frame: np.ndarray) -> None:
    crops = crop_tracks(frame, np.zeros((0, 4)), size_px=32, context=2.5)
    assert (crops.shape, crops.dtype) == ((0, 32, 32, 3), np.uint8)


def test_a_one_pixel_frame_is_its_own_crop() -> None:
    frame = np.full((1, 1, 3), 77, dtype=np.uint8)
    assert (crop_tracks(frame, np.array([[0.0, 0, 1, 1]]), size_px=8, context=2.5) == 77).all()


@pytest.mark.usefixtures("as_user")
def test_a_wrong_frame_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"frame: got float64 of shape \(4, 4, 3\), expected uint8"):
        crop_tracks(np.zeros((4, 4, 3)), np.zeros((0, 4)), size_px=8, context=2.0)


@pytest.mark.parametrize(("name", "value"), [("size_px", 0), ("context", 0.0), ("context", float("inf"))])
def test_bad_configuration_names_the_field(name: str, value: float) -> None:
    with pytest.raises(ValueError, match=f"{name}: got {value}, expected"):
        CropConfig(**{name: value})
