"""Forged proofs in a folder, runs of the tests that come out as they say, and a cache of their own."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import perdure.proof.store as proof_store
from perdure.proof.record import Kind, ProofRecord
from proof.forged import forged, store


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Returns the folder of the cache, empty."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "perdure" / "proof"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with forged but consistent proofs."""
    store(tmp_path / "run", forged("green"))
    store(tmp_path / "run", forged("red"))
    return tmp_path / "run"


@pytest.fixture
def rerun(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """Stands for running the tests; without changes they come out as the forged proofs say."""
    runs = SimpleNamespace(green=forged("green"), red=forged("red"), num=[])

    def captured(kind: Kind, *, replaces: str = "", **_: Any) -> ProofRecord:
        runs.num.append(kind)
        if replaces:
            return forged("green", header={"same tests as on source": replaces})
        return runs.red if kind == "red" else runs.green

    monkeypatch.setattr(proof_store, "captured", captured)
    return runs
