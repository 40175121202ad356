"""The disk fails at the n-th operation of what writes one result: what is there is whole, and so is a retry."""

from __future__ import annotations

import os
import shutil
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import perdure
from failing_disk import KILLED, FailingDisk, How, failing, in_a_child
from perdure.data.detection_files import read_detection_files
from perdure.files import read_json, read_json_lines
from perdure.gate.gate import PersistenceGate
from perdure.integrations.supervision import TrackConfirmer
from perdure.live.confirm import confirm
from perdure.types import Detections

sv = pytest.importorskip("supervision", reason="supervision is not installed (pip install 'perdure[supervision]')")

NUM_FRAMES = 6


@pytest.fixture
def found(tmp_path: Path) -> Path:
    """Detections of two walkers."""
    rows = [f"{k},-1,{10 + 3 * k},{10 + 50 * w},20,40,0.{7 + w}\n" for k in range(1, NUM_FRAMES + 1) for w in (0, 1)]
    (tmp_path / "det.txt").write_text("".join(rows), encoding="utf-8")
    return tmp_path / "det.txt"


def gate() -> PersistenceGate:
    return perdure.load("detections", image_size=(200, 200))


def confirms(found: Path, out: Path) -> None:
    confirm(read_detection_files(found), gate(), out_dir=out)


def stores_a_gate(found: Path, out: Path) -> None:
    one = gate()
    for k in range(NUM_FRAMES):
        one.update(None, Detections(xyxy_px=np.array([[10.0 + k, 10, 30 + k, 50]]), score=np.array([0.9])))
    one.save_state(out / "state.safetensors")


def stores_a_confirmer(found: Path, out: Path) -> None:
    one = TrackConfirmer(gate())
    for k in range(NUM_FRAMES):
        boxes = np.array([[10.0 + k, 10, 30 + k, 50]])
        one.update(None, sv.Detections(xyxy=boxes, confidence=np.array([0.9]), tracker_id=np.array([7])))
    one.save_state(out / "state.safetensors")


WORK: dict[str, Callable[[Path, Path], None]] = {
    "confirm": confirms, "state of a gate": stores_a_gate, "state of a confirmer": stores_a_confirmer,
}  # fmt: skip


def content(folder: Path) -> dict[str, bytes]:
    """Returns the files of a folder, a summary without what time it took."""
    found = {path.name: path.read_bytes() for path in sorted(folder.iterdir())}
    if "summary.json" in found:
        found["summary.json"] = repr(read_json(folder / "summary.json") | {"frames_per_s": 0, "outputs": ()}).encode()
    return found


@pytest.mark.slow
@pytest.mark.parametrize("how", ["once", "from then on", "killed"])
@pytest.mark.parametrize("name", WORK)
def test_wherever_the_disk_fails_nothing_half_written_is_read(
    name: str, how: How, found: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "fsync", lambda handle: None)
    work, out, whole = WORK[name], tmp_path / "out", tmp_path / "whole"
    whole.mkdir()
    out.mkdir()
    work(found, whole)
    with failing(FailingDisk(out)) as disk:
        work(found, out)
    failed, num = 0, len(disk.operations)
    assert num >= 3
    for number in range(1, num + 1):
        disk = FailingDisk(out, number, how)
        if number % 2:  # every second time on top of what is there
            shutil.rmtree(out)
            out.mkdir()
        if how == "killed":
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)
                failed += in_a_child(lambda disk=disk: work(found, out), disk) == KILLED
        else:
            with failing(disk):
                try:
                    work(found, out)
                except OSError:
                    failed += 1
        if (out / "decisions.jsonl").exists():
            told = read_json_lines(out / "decisions.jsonl")
            assert told == read_json_lines(whole / "decisions.jsonl")[: len(told)]
        if (out / "summary.json").exists():
            assert content(out)["summary.json"] == content(whole)["summary.json"]
        if (out / "state.safetensors").exists():
            try:
                gate().load_state(out / "state.safetensors") if name == "state of a gate" else None
                TrackConfirmer(gate()).load_state(out / "state.safetensors") if "confirmer" in name else None
            except (ValueError, FileNotFoundError) as error:
                assert str(out) in str(error)  # two files that do not fit together say so
        work(found, out)
        after = {path: data for path, data in content(out).items() if not path.endswith(".tmp")}
        assert after.keys() == content(whole).keys()
        assert all(after[path] == data for path, data in content(whole).items() if "state" not in path)
    assert failed >= num - 2
