"""Frames of a clip in one picture, row by row, which a page shows one at a time.

One picture needs no decoder of video, steps exactly, and is as small: a browser takes WebP everywhere.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from perdure.files import atomic_path

COLUMNS = 8
"""Frames in a row."""
QUALITY = 80
"""Of WebP, at which noise of a few grey levels is kept as noise."""


def save_strip(frames: UInt8[np.ndarray, "t h w 3"], path: Path, *, columns: int = COLUMNS) -> None:
    """Writes frames as one picture atomically, `columns` in a row; the last row is filled up with black.

    Args:
        frames: RGB, at least one.
        path: its suffix chooses the format; `.webp` loses a little, `.png` nothing.
        columns: frames in a row.

    Raises:
        ValueError: there are no frames.
    """
    if not len(frames):
        raise ValueError(f"strip {path}: got no frames, expected at least one")
    num_rows = -(-len(frames) // columns)
    height, width = frames.shape[1:3]
    grid = np.zeros((num_rows * columns, height, width, 3), dtype=np.uint8)
    grid[: len(frames)] = frames
    picture = grid.reshape(num_rows, columns, height, width, 3).swapaxes(1, 2)
    with atomic_path(path) as temporary:
        Image.fromarray(picture.reshape(num_rows * height, columns * width, 3)).save(
            temporary, format=path.suffix[1:].upper(), **({"quality": QUALITY} if path.suffix == ".webp" else {})
        )
