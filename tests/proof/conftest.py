"""Forged proofs in a folder, and runs of the checks that come out as they say."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

import perdure.proof.run as capture
import perdure.proof.verify as verification
from perdure.proof.check_run import CheckRun
from proof.forged import TREE, forged, store


@pytest.fixture(autouse=True)
def _one_tree(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (verification, capture):
        monkeypatch.setattr(module, "tree_hash", lambda: TREE)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with forged but consistent proofs."""
    store(tmp_path, forged("green"))
    store(tmp_path, forged("red"))
    return tmp_path


@pytest.fixture
def rerun(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """Stands for running the checks again; without changes they come out as the forged proofs say."""
    runs = SimpleNamespace(green=forged("green").runs[0], red=forged("red").runs, num_red=0)

    def red(*_: object, **__: object) -> tuple[CheckRun, ...]:
        runs.num_red += 1
        return cast(tuple[CheckRun, ...], runs.red)

    for module in (verification, capture):
        monkeypatch.setattr(module, "run_checks", lambda: runs.green)
        monkeypatch.setattr(module, "run_mutations", red)
    return runs
