"""The disk fails at the n-th operation of a run, for every n: nothing half-written is read, and the run goes on."""

from __future__ import annotations

import json
import os
import shutil
import warnings
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path

import pytest

import runs.fake_stages as fake
from failing_disk import KILLED, FailingDisk, How, failing, in_a_child
from perdure.recipes.config import RunConfig
from perdure.recipes.recipes import recipe, stored_config
from perdure.runs.preflight import NotReadyError
from perdure.runs.record import read_record
from perdure.runs.run_folder import RunFolder
from perdure.runs.runner import Runner
from perdure.runs.stage import StageFailedError

TINY = recipe("tiny")
OTHER = replace(TINY, seed=TINY.seed + 1)


def run(folder: RunFolder, config: RunConfig = TINY) -> None:
    Runner(config_of=stored_config, stages=fake.STAGES, may_change=True).run(config, folder)


@pytest.fixture
def whole(tmp_path: Path) -> dict[str, dict[str, str]]:
    """What undisturbed runs hold: of these settings, and of these after others."""
    first = RunFolder(tmp_path / "whole" / "run")
    run(first)
    found = {"new": fake.content(first.path)}
    run(first, OTHER)
    return found | {"changed": fake.content(first.path)}


def starts(tmp_path: Path) -> Iterator[tuple[str, RunFolder, RunConfig]]:
    """Yields a fresh folder, and one that holds a run of other settings, as often as it is asked."""
    finished = RunFolder(tmp_path / "finished" / "run")
    run(finished)
    place = RunFolder(tmp_path / "disturbed" / "run")
    while True:
        shutil.rmtree(place.path.parent, ignore_errors=True)
        place.path.parent.mkdir()
        yield "new", place, TINY
        shutil.rmtree(place.path.parent)
        shutil.copytree(finished.path, place.path)
        yield "changed", place, OTHER


def require_readable(folder: RunFolder, kind: str, whole: dict[str, dict[str, str]]) -> None:
    """Whatever is there under its own name is old or new, never half; a mark of completeness is true."""
    allowed = [content for name, content in whole.items() if name in (kind, "new")]
    for path, text in fake.content(folder.path).items():
        if path.endswith(".tmp") or path.startswith(("checkpoints/", "config.toml", "stacks.txt")):
            continue
        assert any(content.get(path) == text for content in allowed), f"{path}: {text!r} is neither old nor new"
    if folder.record_file.exists():
        record = read_record(folder)
        assert record is not None
        if folder.complete_file.exists():
            assert {stage.status for stage in record.stages.values()} == {"done"}
    for path in folder.path.rglob("*.json"):
        json.loads(path.read_text(encoding="utf-8"))


@pytest.mark.slow
@pytest.mark.parametrize("how", ["once", "from then on", "killed"])
def test_wherever_the_disk_fails_the_run_goes_on_to_the_same_end(
    how: How, tmp_path: Path, whole: dict[str, dict[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "fsync", lambda handle: None)  # thousands of them: here it counts only which one fails
    fresh = starts(tmp_path)
    counts = {}
    for kind, folder, config in islice(fresh, 2):
        with failing(FailingDisk(folder.path)) as disk:
            run(folder, config)
        counts[kind] = len(disk.operations)
    assert min(counts.values()) > 60, "these runs write little: the test would see little"
    failed = 0
    for number in range(1, max(counts.values()) + 1):
        for kind, folder, config in islice(fresh, 2):
            if number % 2 == (kind == "new"):  # each number for one of the two: half of the time, next to no loss
                continue
            disk = FailingDisk(folder.path, number, how)
            if how == "killed":
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore", DeprecationWarning)  # fork beside threads: the child starts its own
                    failed += in_a_child(lambda folder=folder, config=config: run(folder, config), disk) == KILLED
            else:
                with failing(disk):
                    try:
                        run(folder, config)
                    except (OSError, StageFailedError, NotReadyError):
                        failed += 1
            require_readable(folder, kind, whole)
            run(folder, config)
            assert fake.content(folder.path) == whole[kind], f"{kind}: operation {number}, {disk.operations[-1:]}"
            assert folder.complete_file.is_file()
            assert not list(folder.path.rglob("*.tmp"))
    assert failed > 0.3 * sum(counts.values()), "most operations matter"
