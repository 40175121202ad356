"""A frame as a JPEG file, for pages that show the newest one."""

from __future__ import annotations

import cv2
import numpy as np
from jaxtyping import UInt8

QUALITY = 80
"""Of 100: thin lines and small letters stay sharp, at a tenth of a byte a pixel."""


def jpeg_bytes(frame: UInt8[np.ndarray, "h w 3"], *, max_width_px: int) -> bytes:
    """Returns the content of a JPEG file.

    Args:
        frame: RGB.
        max_width_px: wider ones are shrunk to it.

    Raises:
        ValueError: it cannot be encoded, since a side is longer than 65,500 pixels.
    """
    height, width = frame.shape[:2]
    if width > max_width_px:
        size = (max_width_px, max(1, round(height * max_width_px / width)))
        frame = cv2.resize(frame, size, interpolation=cv2.INTER_AREA)
    quality = (cv2.IMWRITE_JPEG_QUALITY, QUALITY)
    is_written, data = cv2.imencode(".jpg", cv2.cvtColor(frame, cv2.COLOR_RGB2BGR), quality)
    if not is_written:  # OpenCV prints why, and raises nothing
        raise ValueError(f"frame: {frame.shape} cannot be written as JPEG, whose sides are at most 65,500 pixels")
    return bytes(data)
