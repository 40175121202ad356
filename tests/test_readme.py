"""What README says can be done: watching and the demo work, its list of folders is the list of folders.

Its commands and its Python are tested with those of all documents, in `tests/docs`.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np

from perdure.video.writer import VideoWriter

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```\w*\n(.*?)```", README, flags=re.DOTALL)


def perdure(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "perdure", *words], capture_output=True, text=True, check=False)


def moving_square(num_frames: int = 40) -> list[np.ndarray]:
    """Returns frames of a bright square that moves over a still, textured ground."""
    ground = np.random.default_rng(0).integers(70, 100, (120, 160, 3), dtype=np.uint8)
    frames = []
    for index in range(num_frames):
        frame = ground.copy()
        frame[40:56, 20 + 2 * index : 36 + 2 * index] = 230
        frames.append(frame)
    return frames


def test_folders_are_those_listed() -> None:
    tree = next(block for block in BLOCKS if block.startswith("src/perdure/"))
    listed = set(re.findall(r"^  (\w+)/ ", tree, flags=re.MULTILINE))
    files = set(re.findall(r"\b(\w+\.py)\b", tree))
    package = ROOT / "src" / "perdure"
    folders = {path.name for path in package.iterdir() if path.is_dir() and not path.name.startswith("_")}
    assert listed == folders
    assert files == {path.name for path in package.glob("*.py") if not path.name.startswith("_")}


def test_watch_works_out_of_the_box(tmp_path: Path) -> None:
    with VideoWriter(tmp_path / "street.mp4", frame_rate_hz=25) as writer:
        for frame in moving_square():
            writer.write(frame)
    done = perdure("watch", str(tmp_path / "street.mp4"), "--out", str(tmp_path / "seen"))
    assert done.returncode == 0, done.stderr
    written = {path.name for path in (tmp_path / "seen").iterdir()}
    assert {"annotated.mp4", "decisions.jsonl", "tracks.csv", "confirmed.txt", "summary.json"} <= written
    assert '"label": "persistent"' in (tmp_path / "seen" / "decisions.jsonl").read_text(encoding="utf-8")


def test_the_demo_needs_nothing_else_and_finds_the_drone_among_clutter(tmp_path: Path) -> None:
    done = perdure("demo", "--out", str(tmp_path / "demo"))
    assert done.returncode == 0, done.stderr
    summary = json.loads((tmp_path / "demo" / "summary.json").read_text(encoding="utf-8"))
    assert summary["num_frames"] == 316
    assert 1 <= summary["num_persistent"] <= 8 < 90 < summary["compared"]["num_confirmed_by_rule"]
    decisions = [json.loads(line) for line in (tmp_path / "demo" / "decisions.jsonl").read_text().splitlines()]
    first = [one for one in decisions if one["label"] == "persistent"]
    assert max(one["age"] for one in first) < 3, "every part of the drone's way before its third detection"
    lines = (tmp_path / "demo" / "confirmed.txt").read_text(encoding="utf-8").splitlines()
    seen = {int(line.split(",")[0]) for line in lines}
    assert len(seen) > 0.9 * 316, "one confirmed track or another on nearly every frame"
    assert (tmp_path / "demo" / "annotated.mp4").stat().st_size > 10_000
