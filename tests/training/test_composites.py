"""Pasted tracks follow their law: shares, lifetimes, hits, and something to be seen exactly while an object exists."""

from __future__ import annotations

import numpy as np
import pytest

from perdure.track_table import TrackTable
from perdure.training.composites import composite_windows
from perdure.training.config import CompositeConfig

NUM_AGES = 8


def made(num_scenes: int = 60, **changes: object) -> TrackTable:
    config = CompositeConfig(num_scenes=num_scenes, **changes)  # type: ignore[arg-type]
    return composite_windows(config, size_px=32, context=2.5, num_ages=NUM_AGES, seed=4)


def change_in_the_middle(windows: TrackTable) -> np.ndarray:
    """Returns how much the middle of each crop differs from that of the first one, in grey levels."""
    middle = windows.crops[:, :, 12:20, 12:20].astype(float).mean(axis=(2, 3))
    return np.abs(middle - middle[:, :1]).mean(axis=2)


def test_scenes_depend_on_seed_and_number_alone() -> None:
    few, many = made(3), made(6)
    assert np.array_equal(few.crops, many.crops[: len(few)])
    assert np.array_equal(few.is_hit, many.is_hit[: len(few)])


def test_shares_follow_the_law() -> None:
    windows = made(300)
    assert abs(windows.is_persistent.mean() - 0.5) < 4 * np.sqrt(0.25 / 1200)
    assert windows.is_hit[:, 0].all()
    late = windows.is_hit[:, 5:]
    assert late[windows.is_persistent].mean() == pytest.approx(0.79, abs=0.04)
    assert late[~windows.is_persistent].mean() == pytest.approx(0.085, abs=0.03)


def test_a_transient_object_is_seen_to_vanish_and_a_persistent_one_is_not() -> None:
    plain = {"nothing_share": 0.0, "neighbour_share": 0.0, "contrast_grey": (60.0, 80.0), "transient_lifetimes": (2,)}
    windows = made(**plain)
    change = change_in_the_middle(windows)
    gone, stays = change[~windows.is_persistent, 3:].mean(axis=1), change[windows.is_persistent, 3:].mean(axis=1)
    assert np.median(gone) > 3 * np.median(stays)
    assert np.median(change[~windows.is_persistent, 1]) < np.median(gone) / 3


def test_some_transients_begin_on_nothing() -> None:
    options = {"neighbour_share": 0.0, "contrast_grey": (60.0, 80.0), "transient_lifetimes": (2,)}
    never = made(nothing_share=1.0, **options)
    assert np.median(change_in_the_middle(never)[~never.is_persistent, 3:]) < 12


@pytest.mark.parametrize(
    ("name", "value"), [("nothing_share", 1.5), ("aspect", (2.0, 1.0)), ("contrast_grey", (0.0, 1.0))]
)
def test_impossible_laws_are_refused(name: str, value: object) -> None:
    with pytest.raises(ValueError, match=name):
        CompositeConfig(num_scenes=1, **{name: value})  # type: ignore[arg-type]
