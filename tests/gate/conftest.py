"""Models and data that the tests of the gate share."""

from __future__ import annotations

import pytest

from gate.small_model import small_dataset, small_model
from perdure.data.dataset import ClipDataset
from perdure.gate.model import PersistenceModel


@pytest.fixture
def model() -> PersistenceModel:
    return small_model()


@pytest.fixture
def pixelless() -> PersistenceModel:
    return small_model(uses_pixels=False)


@pytest.fixture(scope="session")
def dataset() -> ClipDataset:
    return small_dataset()


@pytest.fixture(scope="session")
def small_set() -> ClipDataset:
    return small_dataset()
