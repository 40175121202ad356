"""Splits take different clips by construction."""

from __future__ import annotations

from typing import Any

import pytest

from perdure.data.config import SPLITS, DataConfig


def test_splits_are_disjoint_and_cover_all_clips() -> None:
    config = DataConfig(num_train=7, num_validation=0, num_calibration=4, num_test=2)
    indices = config.split_indices()
    assert tuple(indices) == SPLITS
    assert [len(indices[name]) for name in SPLITS] == [7, 0, 4, 2]
    assert sorted(index for split in indices.values() for index in split) == list(range(config.num_clips))


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"num_train": -1}, "num_train: got -1, expected at least 0"),
        ({"clips_per_shard": 0}, "clips_per_shard: got 0, expected at least 1"),
        (dict.fromkeys([f"num_{name}" for name in SPLITS], 0), "all are 0, expected some clips"),
    ],
)
def test_impossible_settings_are_named(setting: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        DataConfig(**setting)
