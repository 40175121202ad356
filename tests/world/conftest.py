"""Clips of the default world, made once."""

from __future__ import annotations

import pytest

from perdure.types import Clip
from perdure.world.config import WorldConfig
from perdure.world.generate import generate_clip


@pytest.fixture(scope="session")
def world() -> WorldConfig:
    return WorldConfig()


@pytest.fixture(scope="session")
def clips(world: WorldConfig) -> list[Clip]:
    return [generate_clip(world, seed=11, index=index, clip_id=f"clip-{index}") for index in range(60)]
