"""`perdure watch --adapt`: a recorded video is gone over twice, and boxes are found once."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from perdure.cli import main, two_passes
from perdure.files import read_json_lines
from perdure.live.watch_config import WatchConfig
from perdure.training.adapt import Adaptation
from perdure.types import Detections
from perdure.video.writer import VideoWriter

NUM_FRAMES = 40


@pytest.fixture
def video(tmp_path: Path) -> Path:
    """A square that walks over noise."""
    rng = np.random.default_rng(0)
    with VideoWriter(tmp_path / "walk.mp4", frame_rate_hz=10.0) as writer:
        for index in range(NUM_FRAMES):
            frame = rng.integers(90, 110, (96, 160, 3)).astype(np.uint8)
            frame[40:60, 10 + 3 * index : 30 + 3 * index] = 230
            writer.write(frame)
    return tmp_path / "walk.mp4"


class Counting:
    """Finds one box a frame, and counts how often it looked."""

    def __init__(self) -> None:
        self.num_looks = 0

    def detect(self, frame: np.ndarray) -> Detections:
        """Returns a box that goes on by three pixels."""
        left = 10.0 + 3 * self.num_looks
        self.num_looks += 1
        return Detections(xyxy_px=np.array([[left, 40, left + 20, 60]]), score=np.array([0.9]))


def test_boxes_are_found_once_and_given_again(video: Path, tmp_path: Path) -> None:
    finder = Counting()
    weights, found = two_passes.first_pass(
        str(video), Path("detections"), tmp_path, detections=None, detector=finder, config=WatchConfig(max_frames=30)
    )
    assert (weights, finder.num_looks) == (Path("detections"), 30)
    again = [found.detect(np.zeros((96, 160, 3), np.uint8)) for _ in range(31)]
    assert [float(one.xyxy_px[0, 0]) for one in again[:30]] == [10.0 + 3 * index for index in range(30)]
    assert len(again[30]) == 0


def test_with_nothing_learned_decisions_are_those_without(
    video: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = []
    for name, words in (("plain", []), ("adapted", ["--adapt"])):
        assert main(["watch", str(video), "--no-video", "--out", str(tmp_path / name), *words]) == 0
        rows.append(list(read_json_lines(tmp_path / name / "decisions.jsonl")))
    assert rows[0] == rows[1] and rows[0]
    assert "kept: the weights that are there (detections): only" in capsys.readouterr().err


def test_the_second_pass_decides_with_what_the_first_has_taught(
    video: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was learned is written into the folder, and the gate is loaded from there."""
    told: list[str] = []

    def saved(found: Adaptation, weights: Path, out: Path) -> Path:
        told.append(str(weights))
        return out / "taught.safetensors"

    monkeypatch.setattr(two_passes, "kept_weights", saved)
    assert main(["watch", str(video), "--no-video", "--adapt", "--out", str(tmp_path / "out")]) != 0
    assert told == ["detections"], "the weights that it wrote are those that are asked for next"
