"""What all tests share: one thread, reproducible examples, and fixtures for types, real data and GPUs."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

# Before torch or numpy are loaded: two OpenMP threads on two busy cores are several times slower than one.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("MPLBACKEND", "Agg")

import jaxtyping
import pytest
from hypothesis import settings

from browser import chromium, open_page  # noqa: F401 - fixtures

settings.register_profile("repeatable", derandomize=True, deadline=None, max_examples=60, database=None)
settings.load_profile("repeatable")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skips tests marked gpu where torch sees no CUDA device; torch is loaded only if there are such tests."""
    marked = [item for item in items if item.get_closest_marker("gpu") is not None]
    if marked:
        import torch

        if not torch.cuda.is_available():
            for item in marked:
                item.add_marker(pytest.mark.skip(reason="no CUDA device"))


@pytest.fixture
def as_user() -> Iterator[None]:
    """Turns the run-time check of annotations off: a user has none, so our own messages must catch a wrong value."""
    was_disabled = jaxtyping.config.jaxtyping_disable
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", was_disabled)


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Returns the folder of recorded data that PERDURE_DATA names; skips where there is none."""
    folder = os.environ.get("PERDURE_DATA")
    if not folder or not Path(folder).is_dir():
        pytest.skip("PERDURE_DATA names no folder of recorded data")
    return Path(folder)
