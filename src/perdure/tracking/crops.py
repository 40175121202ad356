"""The square picture around each track, resized to one size.

Knows one frame and boxes; does not know tracks, time or what the pictures are for.
"""

from __future__ import annotations

import importlib
import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, UInt8

REDUCING_GAP = 3.0
"""Windows larger than twice this factor times the output are first averaged in whole blocks, which is much faster."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CropConfig:
    """The window that is cut out around a track."""

    size_px: int = 32
    """Side of the square picture that comes out."""
    context: float = 2.5
    """Side of the window in units of the longer box side."""

    def __post_init__(self) -> None:
        if self.size_px < 1:
            raise ValueError(f"size_px: got {self.size_px}, expected at least 1")
        if not (math.isfinite(self.context) and self.context > 0):
            raise ValueError(f"context: got {self.context}, expected above 0")


def load_cropper() -> None:
    """Loads what cuts windows."""
    importlib.import_module("PIL.Image")


def crop_tracks(
    frame: UInt8[np.ndarray, "h w 3"],
    xyxy_px: Float[np.ndarray, "n 4"],
    *,
    size_px: int = 32,
    context: float = 2.5,
) -> UInt8[np.ndarray, "n size size 3"]:
    """Returns the square window of side `context` times the longer box side about each box, resized with antialiasing.

    Outside the frame the nearest edge pixel is repeated. A window is never larger than the longer side of the frame,
    so that a huge box costs no more than the whole frame.

    Raises:
        ValueError: the frame is not a colour image of at least one pixel, or not uint8.
    """
    if frame.ndim != 3 or frame.shape[2] != 3 or frame.size == 0 or frame.dtype != np.uint8:
        raise ValueError(f"frame: got {frame.dtype} of shape {frame.shape}, expected uint8 (height, width, 3)")
    crops = np.empty((len(xyxy_px), size_px, size_px, 3), dtype=np.uint8)
    for row, (x_min, y_min, x_max, y_max) in enumerate(np.asarray(xyxy_px, dtype=np.float64).tolist()):
        side = min(context * max(x_max - x_min, y_max - y_min), float(max(frame.shape[:2])))
        crops[row] = _crop_window(frame, (x_min + x_max - side) / 2, (y_min + y_max - side) / 2, side, size_px)
    return crops


def _crop_window(
    frame: UInt8[np.ndarray, "h w 3"], left_px: float, top_px: float, side_px: float, size_px: int
) -> UInt8[np.ndarray, "size size 3"]:
    """Returns one window; the filter sees all pixels it can reach, so the result does not depend on how it was cut."""
    height, width = frame.shape[:2]
    reach = math.ceil(max(1.0, side_px / size_px)) + 1
    # Far outside the frame every pixel is the same edge pixel: pulling the window near changes nothing.
    left_px = min(max(left_px, 1.0 - side_px - reach), width - 1.0 + reach)
    top_px = min(max(top_px, 1.0 - side_px - reach), height - 1.0 + reach)
    x_low, x_high = math.floor(left_px) - reach, math.ceil(left_px + side_px) + reach
    y_low, y_high = math.floor(top_px) - reach, math.ceil(top_px + side_px) + reach
    if x_low >= 0 and y_low >= 0 and x_high <= width and y_high <= height:
        window = np.ascontiguousarray(frame[y_low:y_high, x_low:x_high])
    else:
        window = _edge_replicated(frame, (x_low, x_high), (y_low, y_high))
    box = (left_px - x_low, top_px - y_low, left_px - x_low + side_px, top_px - y_low + side_px)
    # frombuffer and tobytes cost half of fromarray and asarray on small windows.
    from PIL import Image  # here, since weights that read detections alone need no Pillow

    image = Image.frombuffer("RGB", window.shape[1::-1], window, "raw", "RGB", 0, 1)
    resized = image.resize((size_px, size_px), Image.Resampling.BILINEAR, box=box, reducing_gap=REDUCING_GAP)
    return np.frombuffer(resized.tobytes(), dtype=np.uint8).reshape(size_px, size_px, 3)


def _edge_replicated(
    frame: UInt8[np.ndarray, "h w 3"], columns: tuple[int, int], rows: tuple[int, int]
) -> UInt8[np.ndarray, "r c 3"]:
    """Returns a window [low, high) that sticks out of the frame but touches it, the nearest edge pixel repeated."""
    height, width = frame.shape[:2]
    (x_low, x_high), (y_low, y_high) = columns, rows
    window = np.empty((y_high - y_low, x_high - x_low, 3), dtype=np.uint8)
    left, right = max(x_low, 0) - x_low, min(x_high, width) - x_low
    top, bottom = max(y_low, 0) - y_low, min(y_high, height) - y_low
    window[top:bottom, left:right] = frame[y_low + top : y_low + bottom, x_low + left : x_low + right]
    window[top:bottom, :left] = window[top:bottom, left : left + 1]
    window[top:bottom, right:] = window[top:bottom, right - 1 : right]
    window[:top] = window[top]
    window[bottom:] = window[bottom - 1]
    return window
