"""Numbers from contrast: causal, and a target that stands out and stays is told from one that does not."""

from __future__ import annotations

import numpy as np
import pytest

from perdure.evidence.contrast_features import NUM_CONTRASTS, NUM_MEASURES, ContrastMemory
from perdure.evidence.slot_rows import over_ages

SIZE = 32
CONTRAST, BRIGHTEST, DARKEST, DIFFERENCE, CORE, RING, NOISE, SIGNLESS, LIKE_BIRTH, LIKE_BEFORE = range(NUM_MEASURES)


def crops(targets: list[float], num_tracks: int = 3) -> np.ndarray:
    """Returns tracks over noise of 4 grey levels around 100, with a target of so many levels on each frame."""
    noise = np.random.default_rng(0).normal(100.0, 4.0, (num_tracks, len(targets), SIZE, SIZE))
    noise[:, :, 14:18, 14:18] += np.array(targets)[None, :, None, None]
    return np.repeat(np.clip(noise.round(), 0, 255).astype(np.uint8)[..., None], 3, axis=4)


def contrast_features(values: np.ndarray) -> np.ndarray:
    """Returns the features of whole tracks."""
    return over_ages(ContrastMemory.fresh(len(values), values.shape[2]), values)


def test_rows_depend_on_no_later_frame() -> None:
    whole = crops([60, 60, 60, 60])
    cut = whole.copy()
    cut[:, 2:] = 7
    assert np.array_equal(contrast_features(whole)[:, :2], contrast_features(cut)[:, :2])
    assert not np.allclose(contrast_features(whole)[:, 2:], contrast_features(cut)[:, 2:])


def test_a_target_that_goes_is_seen_to_go() -> None:
    found = contrast_features(crops([80, 80, 0, 0]))
    assert found.shape == (3, 4, NUM_CONTRASTS)
    assert (found[:, :2, LIKE_BIRTH] > 0.8).all() and (found[:, 2:, LIKE_BIRTH] < 0.3).all()
    assert (found[:, 1, LIKE_BEFORE] > 0.8).all() and (found[:, 3, LIKE_BEFORE] < 0.3).all()
    assert (found[:, :2, CONTRAST] > 1).all() and (np.abs(found[:, 2:, CONTRAST]) < 0.5).all()
    assert found[:, :, RING] == pytest.approx(100.0, abs=1.0)
    assert found[:, :, NOISE] == pytest.approx(5.0, abs=0.5), "one grey level is added, so that nothing is divided by 0"


def test_dark_targets_stand_out_as_bright_ones_do() -> None:
    bright, dark = contrast_features(crops([60])), contrast_features(crops([-60]))
    assert (bright[:, :, CONTRAST] > 1).all() and (dark[:, :, CONTRAST] < -1).all()
    assert np.array_equal(dark[:, :, SIGNLESS], -dark[:, :, CONTRAST])
    assert np.array_equal(bright[:, :, SIGNLESS], bright[:, :, CONTRAST])


def test_means_are_since_birth() -> None:
    found = contrast_features(crops([80, 0, 40]))
    measures, means = found[:, :, :NUM_MEASURES], found[:, :, NUM_MEASURES:]
    assert means == pytest.approx(np.cumsum(measures, axis=1) / np.array([1, 2, 3])[:, None])


def test_a_blank_picture_gives_numbers() -> None:
    assert np.isfinite(contrast_features(np.zeros((1, 2, SIZE, SIZE, 3), dtype=np.uint8))).all()
