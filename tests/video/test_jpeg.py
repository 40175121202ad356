from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from perdure.video.jpeg import jpeg_bytes


def test_a_wide_frame_is_shrunk_and_keeps_its_sides() -> None:
    frame = np.zeros((100, 400, 3), np.uint8)
    assert Image.open(io.BytesIO(jpeg_bytes(frame, max_width_px=200))).size == (200, 50)
    assert Image.open(io.BytesIO(jpeg_bytes(frame, max_width_px=400))).size == (400, 100)


def test_a_frame_that_no_jpeg_can_hold_is_said() -> None:
    with pytest.raises(ValueError, match="cannot be written as JPEG"):
        jpeg_bytes(np.zeros((70_000, 8, 3), np.uint8), max_width_px=8)
