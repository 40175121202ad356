"""Writes MOT folders of a made-up street: walkers who stay and score high, flickers that score low and vanish."""

from __future__ import annotations

from pathlib import Path

import numpy as np

WIDTH, HEIGHT, NUM_FRAMES = 400, 200, 60


def write_street(folder: Path, *, seed: int, num_walkers: int = 12, num_flickers: int = 60) -> Path:
    """Writes detections (walkers are hit on 9 of 10 frames) and truth (walkers only)."""
    rng = np.random.default_rng(seed)
    (folder / "det").mkdir(parents=True)
    (folder / "gt").mkdir()
    detections, truth = [], []
    for walker in range(num_walkers):
        first, length = int(rng.integers(0, 40)), int(rng.integers(12, 30))
        x, y, step = rng.uniform(20, 340), 14.0 * walker, rng.uniform(-1, 1)
        for index in range(first, min(first + length, NUM_FRAMES)):
            box = f"{x + step * (index - first):.2f},{y:.2f},10,12"
            truth.append(f"{index + 1},{walker + 1},{box},1,1,1")
            if index == first or rng.random() < 0.9:
                detections.append(f"{index + 1},-1,{box},{rng.normal(0.7, 0.12):.4f},-1,-1,-1")
    for _ in range(num_flickers):
        first, length = int(rng.integers(0, 48)), int(rng.integers(1, 4))
        x, y = rng.uniform(0, 380), rng.uniform(172, 186)
        score = rng.normal(0.45, 0.12)
        for index in range(first, first + length):
            detections.append(f"{index + 1},-1,{x + rng.normal(0, 0.5):.2f},{y:.2f},9,9,{score:.4f},-1,-1,-1")
    (folder / "det" / "det.txt").write_text("\n".join(detections) + "\n")
    (folder / "gt" / "gt.txt").write_text("\n".join(truth) + "\n")
    info = f"name={folder.name}\nframeRate=10\nseqLength={NUM_FRAMES}\nimWidth={WIDTH}\nimHeight={HEIGHT}\n"
    (folder / "seqinfo.ini").write_text(f"[Sequence]\n{info}")
    return folder
