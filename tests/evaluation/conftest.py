"""A model, tracks and clips for the tests of evaluation."""

from __future__ import annotations

import pytest

from gate.small_model import small_dataset, small_model, windows_of
from perdure.data.dataset import ClipDataset
from perdure.gate.model import PersistenceModel
from perdure.track_table import TrackTable


@pytest.fixture
def model() -> PersistenceModel:
    return small_model()


@pytest.fixture(scope="session")
def small_set() -> ClipDataset:
    return small_dataset()


@pytest.fixture(scope="session")
def windows() -> TrackTable:
    """Returns the test tracks up to the horizon."""
    return windows_of("test")
