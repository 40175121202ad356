"""One simulated run for all tests of the report, and copies that a test may spoil."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from perdure.files import write_json
from perdure.report.write import write_analysis, write_report
from report.simulated_run import write_run


@pytest.fixture(scope="session")
def run_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run folder with all that the report reads; not to be changed."""
    root = tmp_path_factory.mktemp("report") / "simulated"
    write_run(root, seed=10, num_clips=60, num_samples=3, strength=1.5)
    return root


@pytest.fixture(scope="session")
def reported_run(run_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run folder with analysis and reports; not to be changed."""
    root = Path(shutil.copytree(run_path, tmp_path_factory.mktemp("reported") / "simulated"))
    write_analysis(root)
    write_report(root)
    return root


@pytest.fixture
def own_run(run_path: Path, tmp_path: Path) -> Path:
    """A copy of the run folder that a test may change."""
    return Path(shutil.copytree(run_path, tmp_path / "own"))


@pytest.fixture
def change(own_run: Path) -> Callable[..., None]:
    """Sets values of a stored JSON file: `change("efficiency_metrics.json", {"classes.all.flops_gated": 1})`."""

    def apply(name: str, changes: dict[str, Any]) -> None:
        content = json.loads((own_run / name).read_text(encoding="utf-8"))
        for key, value in changes.items():
            *parents, last = key.split(".")
            place = content
            for part in parents:
                place = place[int(part)] if isinstance(place, list) else place[part]
            place[int(last) if isinstance(place, list) else last] = value
        write_json(own_run / name, content)

    return apply
