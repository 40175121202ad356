"""Run folders and a command line with fake stages, in a process of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import runs.fake_stages as fake
from perdure.recipes.recipes import recipe, stored_config
from perdure.runs.record import RunRecord
from perdure.runs.run_folder import RunFolder
from perdure.runs.runner import Runner

SOURCE = Path(fake.__file__).parents[2] / "src"

Command = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    """A run folder that does not exist yet."""
    return RunFolder(tmp_path / "run")


@pytest.fixture
def finished(folder: RunFolder) -> RunFolder:
    """A run folder in which every fake stage has run."""
    run_all(folder)
    return folder


def run_all(folder: RunFolder, **changes: object) -> RunRecord:
    """Runs the fake stages with the settings of a small recipe."""
    return Runner(config_of=stored_config, stages=fake.STAGES, may_change=True, **changes).run(recipe("tiny"), folder)  # type: ignore[arg-type]


@pytest.fixture
def perdure(tmp_path: Path) -> Command:
    """Runs the command line with the fake stages in another process; `hit` is a point as in `KILL train 3`."""

    def run(*words: str | Path, hit: str = "", setup: str = "") -> subprocess.CompletedProcess[str]:
        script = f"import sys, runs.fake_stages as fake\n{setup}\nfake.install()\n"
        script += "from perdure.cli import main\nsys.exit(main())"
        paths = os.pathsep.join((str(SOURCE), str(SOURCE.parent / "tests")))
        return subprocess.run(
            [sys.executable, "-c", script, *words],
            capture_output=True,
            text=True,
            check=False,
            cwd=tmp_path,
            env=os.environ | {"PYTHONPATH": paths, "FAKE_HIT": hit},
            timeout=120,
        )

    return run
