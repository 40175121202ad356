"""A very small data set: five shards of clips of a small, short world."""

from __future__ import annotations

import pytest

from data.small_set import SEED
from perdure.data.config import DataConfig
from perdure.data.dataset import ClipDataset
from perdure.data.generate import generate_dataset
from perdure.world.config import WorldConfig


@pytest.fixture(scope="session")
def config() -> DataConfig:
    world = WorldConfig(num_frames=6, horizon=4, frame_width_px=40, frame_height_px=36, max_objects=2)
    return DataConfig(world=world, num_train=4, num_validation=2, num_calibration=3, num_test=2, clips_per_shard=3)


@pytest.fixture(scope="session")
def dataset(config: DataConfig, tmp_path_factory: pytest.TempPathFactory) -> ClipDataset:
    """Read only: shared by all tests."""
    return generate_dataset(config, tmp_path_factory.mktemp("data") / "set", seed=SEED, num_workers=1)
