"""A run that cannot end well is refused before it begins."""

from __future__ import annotations

import importlib
import importlib.util
import os
import re
import shutil
from dataclasses import replace
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

import runs.fake_stages as fake
from perdure.recipes.recipes import recipe
from perdure.runs.plan import plan_stages
from perdure.runs.preflight import (
    SPARE_BYTES,
    NotReadyError,
    check_extractor,
    check_folder,
    check_ready,
    check_space,
    check_torch,
)
from perdure.runs.run_folder import RunFolder

TINY = recipe("tiny")
assert TINY.made_clips is not None
LARGE = replace(fake.DATA, disk_bytes=TINY.made_clips.num_clips * 1_000_000)


def set_free(monkeypatch: pytest.MonkeyPatch, free: int) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=free))


def test_too_little_space_is_refused_with_figures(folder: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    folder.create()
    planned = plan_stages((LARGE,), TINY, run=folder, record=None)
    needed = TINY.made_clips.num_clips * 1_000_000 + SPARE_BYTES
    set_free(monkeypatch, needed)
    check_space(planned, folder)
    set_free(monkeypatch, needed - 1_000_000)
    free, wanted = (f"{size / 1e6:.1f} MB" for size in (needed - 1_000_000, needed))
    with pytest.raises(NotReadyError, match=re.escape(f"its disk has {free} free, this run needs {wanted}; free some")):
        check_space(planned, folder)


def test_what_is_written_already_needs_no_space(folder: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    folder.create()
    planned = plan_stages((LARGE,), TINY, run=folder, record=None)
    there = folder.data / planned[0].fingerprint / "clips.txt"
    there.parent.mkdir()
    there.write_bytes(b"x" * 2_000_000)
    set_free(monkeypatch, TINY.made_clips.num_clips * 1_000_000 + SPARE_BYTES - 2_000_000)
    check_space(planned, folder)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_folder_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(NotReadyError, match=r"cannot be written \(Permission denied\); choose another --out"):
        check_folder(tmp_path / "run")


def torch_with(monkeypatch: pytest.MonkeyPatch, *, num_cuda: int) -> list[int]:
    """Puts a torch with some GPUs in place of the real one; returns the list of numbers of threads that were set."""
    threads: list[int] = []
    cuda = SimpleNamespace(is_available=lambda: num_cuda > 0, device_count=lambda: num_cuda)
    mps = SimpleNamespace(is_available=lambda: False)
    backends = SimpleNamespace(mps=mps)
    torch = SimpleNamespace(cuda=cuda, backends=backends, set_num_threads=threads.append)
    real = importlib.import_module

    def load(name: str, package: str | None = None) -> ModuleType | Any:
        return torch if name == "torch" else real(name, package)

    monkeypatch.setattr(importlib, "import_module", load)
    return threads


@pytest.mark.parametrize(
    ("device", "num_cuda", "is_there"),
    [
        ("cpu", 0, True),
        ("cuda", 0, False),
        ("cuda", 1, True),
        ("cuda:1", 1, False),
        ("cuda:1", 2, True),
        ("mps", 0, False),
    ],
)
def test_a_device_that_is_not_there_is_refused(
    monkeypatch: pytest.MonkeyPatch, device: str, num_cuda: int, is_there: bool
) -> None:
    threads = torch_with(monkeypatch, num_cuda=num_cuda)
    config = replace(TINY, device=device, num_threads=3)
    if is_there:
        check_torch(config)
        assert threads == [3]
        return
    with pytest.raises(
        NotReadyError, match=f"device: '{device}' is not there; choose another --device, cpu always works"
    ):
        check_torch(config)


def test_a_torch_that_cannot_be_loaded_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(name: str) -> ModuleType:
        raise OSError(f"lib{name}.so: cannot open shared object file")

    monkeypatch.setattr(importlib, "import_module", broken)
    with pytest.raises(NotReadyError, match=r"torch: cannot be loaded \(libtorch.so: cannot open"):
        check_torch(TINY)


@pytest.mark.slow
def test_an_unknown_extractor_is_named(folder: RunFolder) -> None:
    config = replace(TINY, model=replace(TINY.model, extractor="i4d"))
    with pytest.raises(ValueError, match=r"model\.extractor: got 'i4d', expected one of magvit"):
        check_extractor(config)


def test_torch_is_not_needed_by_stages_that_do_not_use_it(folder: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    folder.create()
    monkeypatch.setattr(importlib, "import_module", lambda name: pytest.fail(f"{name} was loaded"))
    check_ready(plan_stages(fake.STAGES, TINY, run=folder, record=None), TINY, folder)


@pytest.mark.parametrize(
    ("is_installed", "message"),
    [
        (False, r"train: this needs sklearn, which is not installed; pip install 'perdure\[tracks\]'"),
        (True, r"train: sklearn is installed but cannot be loaded \(numpy\.dtype size changed\); mend that"),
    ],
)
def test_what_a_stage_needs_beside_is_looked_for_before_any_stage_runs(
    folder: RunFolder, monkeypatch: pytest.MonkeyPatch, is_installed: bool, message: str
) -> None:
    """A run on tracks learned so after its proof, and any error inside of scikit-learn was called 'not installed'."""

    def load(name: str) -> ModuleType:
        raise ImportError("numpy.dtype size changed")

    folder.create()
    stages = (fake.DATA, replace(fake.TRAIN, needs=("sklearn.ensemble",)), fake.EVALUATE)
    planned = plan_stages(stages, TINY, run=folder, record=None)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: object() if is_installed else None)
    monkeypatch.setattr(importlib, "import_module", load)
    with pytest.raises(NotReadyError, match=message):
        check_ready(planned, TINY, folder)
    check_ready([replace(item, is_wanted=False) for item in planned], TINY, folder)
