"""A small video of a bright square that moves to the right over noise, with what is known about it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from perdure.video.writer import VideoWriter

WIDTH, HEIGHT, SIDE, STEP = 160, 96, 12, 2
RATE_HZ = 20.0


def square_xyxy(frame_index: int) -> tuple[int, int, int, int]:
    x = 10 + STEP * frame_index
    return x, 40, x + SIDE, 40 + SIDE


def square_frames(num_frames: int, *, noise: float = 3.0, first: int = 0) -> list[np.ndarray]:
    """Returns frames; the square is absent before frame `first`."""
    rng = np.random.default_rng(7)
    frames = []
    for index in range(num_frames):
        frame = np.full((HEIGHT, WIDTH, 3), 90.0) + rng.normal(0, max(noise, 1e-9), (HEIGHT, WIDTH, 3))
        if index >= first:
            x0, y0, x1, y1 = square_xyxy(index)
            frame[y0:y1, x0:x1] = (230, 200, 60)
        frames.append(np.clip(frame, 0, 255).astype(np.uint8))
    return frames


def write_video(path: Path, frames: list[np.ndarray]) -> Path:
    with VideoWriter(path, frame_rate_hz=RATE_HZ) as writer:
        for frame in frames:
            writer.write(frame)
    return path
