"""Numbers from tokens: causal, and steadiness is what it says."""

from __future__ import annotations

import numpy as np
import pytest

from perdure.evidence.slot_rows import over_ages
from perdure.evidence.token_features import TokenMemory

NUM_STEADINESS = 4


def latents(num_tracks: int = 5, num_ages: int = 6) -> np.ndarray:
    return np.random.default_rng(0).normal(size=(num_tracks, num_ages, 4, 4, 10)).astype(np.float32)


def token_features(values: np.ndarray) -> np.ndarray:
    """Returns the features of whole tracks."""
    return over_ages(TokenMemory.fresh(len(values), values.shape[2:]), values)


def test_rows_depend_on_no_later_frame() -> None:
    whole = latents()
    cut = whole.copy()
    cut[:, 3:] = -7.0
    assert np.array_equal(token_features(whole)[:, :3], token_features(cut)[:, :3])
    assert not np.allclose(token_features(whole)[:, 3:], token_features(cut)[:, 3:])


def test_what_stays_is_steady_and_what_changes_is_not() -> None:
    still = np.repeat(latents(num_ages=1), 6, axis=1)
    assert (token_features(still)[..., : 2 * NUM_STEADINESS] == 1).all()
    flips = still * np.where(np.arange(6) % 2, -1.0, 1.0)[:, None, None, None]
    whole_before, whole_birth = token_features(flips)[0, :, 0], token_features(flips)[0, :, 1]
    assert whole_before.tolist() == [1, 0, 0, 0, 0, 0]
    assert whole_birth.tolist() == [1, 0, 1, 0, 1, 0]
    assert token_features(flips)[0, :, NUM_STEADINESS] == pytest.approx([1, 1 / 2, 1 / 3, 1 / 4, 1 / 5, 1 / 6])


def test_the_centre_is_told_from_its_surroundings() -> None:
    border = latents()
    border[:, :, 1:3, 1:3] = 3.0
    found = token_features(border)[0]
    assert found[:, 2:4].tolist() == [[1, 1]] * 6, "bits of the centre do not change"
    assert (found[1:, 0] < 0.9).all(), "those around it do"
    look = found[:, 2 * NUM_STEADINESS : 2 * NUM_STEADINESS + 10]
    assert (look == 3.0).all()
