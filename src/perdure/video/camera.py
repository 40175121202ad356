"""Whether a camera stands still, measured on its pictures."""

from __future__ import annotations

import itertools
import math
from typing import Literal

import cv2
import numpy as np
from jaxtyping import UInt8

from perdure.video.frames import VideoReader

STRIDE_FRAMES = 10
"""Pictures so many frames apart are compared."""
MAX_PAIRS = 100
"""Pairs of pictures that are looked at."""
WIDTH_PX = 320
"""Pictures are shrunk to at most this width before."""
STILL_PX = 1.0
"""A camera stands still if 9 of 10 shifts are smaller, at that width."""


def measured_camera(reader: VideoReader) -> Literal["static", "moving"]:
    """Returns what the shift between pictures 10 frames apart (phase correlation) says of the camera.

    Plain sky and swaying trees can be taken for a moving camera.

    Args:
        reader: that was not read before.
    """
    window: np.ndarray | None = None
    before: np.ndarray | None = None
    shifts = []
    for _, _, frame in itertools.islice(reader, 0, STRIDE_FRAMES * (MAX_PAIRS + 1), STRIDE_FRAMES):
        grey = _small_grey(frame)
        if window is None:
            window = cv2.createHanningWindow(grey.shape[::-1], cv2.CV_32F)
        if before is not None:
            (x_px, y_px), _ = cv2.phaseCorrelate(before, grey, window)
            shifts.append(math.hypot(x_px, y_px))
        before = grey
    return "static" if not shifts or np.quantile(shifts, 0.9) < STILL_PX else "moving"


def _small_grey(frame: UInt8[np.ndarray, "h w 3"]) -> np.ndarray:
    height, width = frame.shape[:2]
    factor = max(1, -(-width // WIDTH_PX))
    size = (max(2, width // factor), max(2, height // factor))
    small = frame if factor == 1 else cv2.resize(frame, size, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY), dtype=np.float32)
