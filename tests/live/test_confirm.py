"""Stored detections through the gate: what comes out, from birth on, with the ids of the file, and line by line."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from perdure.data.detection_files import read_detection_files
from perdure.gate.load import load_gate
from perdure.live.confirm import confirm

NUM_FRAMES = 30


def detections(path: Path, *, own_ids: bool = False) -> Path:
    """Writes a steady walker, and clutter at places of its own that is scored alike."""
    rng, lines = np.random.default_rng(0), []
    for index in range(NUM_FRAMES):
        lines.append(f"{index + 1},{5 if own_ids else -1},{100 + 3 * index},200,30,80,0.3,-1")
        for x, y in rng.uniform(0, 400, (2, 2)):
            lines.append(f"{index + 1},{100 + len(lines) if own_ids else -1},{x:.1f},{y:.1f},25,60,0.3,-1")
    path.write_text("\n".join(lines) + "\n")
    return path


def perdure(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "perdure", *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


@pytest.mark.integration
@pytest.mark.parametrize("own_ids", [False, True])
def test_the_walker_is_confirmed_and_written_from_its_birth_on(tmp_path: Path, own_ids: bool) -> None:
    path, out = detections(tmp_path / "det.txt", own_ids=own_ids), tmp_path / "out"
    done = perdure("confirm", str(path), "--out", str(out), "--compare", "3", *(["--ids"] if own_ids else []))
    assert done.returncode == 0, done.stderr
    summary = json.loads((out / "summary.json").read_text())
    assert (summary["num_frames"], summary["num_persistent"]) == (NUM_FRAMES, 1)
    assert summary["compared"]["mean_age_gate"] <= summary["compared"]["mean_age_rule"] == 3.0
    live, whole = ((out / name).read_text().splitlines() for name in ("confirmed.txt", "confirmed_from_birth.txt"))
    assert len(whole) == NUM_FRAMES, "every detection of the walker"
    assert set(live) < set(whole), "from the confirmation on"
    assert [int(line.split(",")[0]) for line in whole] == list(range(1, NUM_FRAMES + 1))


@pytest.mark.integration
def test_decisions_go_to_the_next_program_line_by_line(tmp_path: Path) -> None:
    done = perdure("confirm", str(detections(tmp_path / "det.txt")), "--out", str(tmp_path / "out"), "--stdout")
    assert done.returncode == 0, done.stderr
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    stored = [json.loads(line) for line in (tmp_path / "out" / "decisions.jsonl").read_text().splitlines()]
    assert [(row["track_id"], row["label"], row["age"]) for row in rows] == [
        (row["track_id"], row["label"], row["age"]) for row in stored
    ]
    assert sum(row["label"] == "persistent" for row in rows) == 1


@pytest.mark.integration
def test_wrong_input_is_one_line(tmp_path: Path) -> None:
    path = detections(tmp_path / "det.txt")
    for words, said in (
        ([str(path), "--ids"], "have none; leave --ids out"),
        ([str(tmp_path / "no.txt")], "does not exist"),
        ([str(path), "--weights", "pixels"], "read pixels, and there are none"),
    ):
        done = perdure("confirm", *words, "--out", str(tmp_path / "out"))
        assert (done.returncode, done.stdout) == (2, ""), done.stderr
        assert said in done.stderr and len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("text", "words"),
    [("", "there is no box in them"), ("1,-1,10,20,30,40\n" * 3, "they have no scores, so each box counts 1")],
)
def test_what_detections_lack_is_a_problem(text: str, words: str, tmp_path: Path) -> None:
    """An empty file was "done", and scores in the place of ids were dropped, both without a word."""
    (tmp_path / "det.txt").write_text(text, encoding="utf-8")
    gate = load_gate("detections", image_size=(100, 100))
    summary = confirm(read_detection_files(tmp_path / "det.txt"), gate, out_dir=tmp_path / "out")
    assert any(words in problem for problem in summary["problems"])
