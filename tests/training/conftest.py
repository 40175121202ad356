"""Tracks to train on, as tensors, and a log that remembers."""

from __future__ import annotations

from typing import Any

import pytest

from gate.small_model import small_dataset, small_model, windows_of
from perdure.data.dataset import ClipDataset
from perdure.gate.model import PersistenceModel
from perdure.track_table import TrackTable
from perdure.training.batches import WindowTensors

NUM_AGES = 7


class Log:
    """Keeps all that training reports; `stop_at` makes it fail on a step, as a killed process does."""

    def __init__(self, stop_at: int = -1) -> None:
        self.rows: list[dict[str, Any]] = []
        self.steps: list[int] = []
        self.stop_at = stop_at

    def metrics(self, row: dict[str, Any]) -> None:
        self.rows.append(row)

    def progress(self, done: int, total: int, detail: str) -> None:
        self.steps.append(done)
        if done == self.stop_at:
            raise KeyboardInterrupt


@pytest.fixture
def model() -> PersistenceModel:
    return small_model()


@pytest.fixture(scope="session")
def windows() -> TrackTable:
    return windows_of("train", NUM_AGES)


@pytest.fixture(scope="session")
def dataset() -> ClipDataset:
    return small_dataset()


@pytest.fixture
def data(windows: TrackTable, model: PersistenceModel) -> WindowTensors:
    return WindowTensors(windows, model)


@pytest.fixture
def validation(model: PersistenceModel) -> WindowTensors:
    return WindowTensors(windows_of("validation", NUM_AGES), model)


@pytest.fixture
def log() -> Log:
    return Log()
