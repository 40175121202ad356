"""Numbers per track and frame that the evidence model reads beside the picture, from geometry and score alone."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from perdure.types import TrackFrame

NUM_GEOMETRY = 10
"""Columns of `track_geometry`."""
SCORE_COLUMN, HIT_COLUMN, CUE_COLUMN = 6, 7, 9
"""Where score, hit flag and cue stand among them."""


def track_geometry(
    tracks: TrackFrame, image_size: tuple[int, int], score_scale: tuple[float, float]
) -> Float[np.ndarray, "n geometry"]:
    """Returns the numbers that describe each track at one frame, about in [-3, 3].

    Columns: box centre relative to the image (2), log box size relative to the image (2), motion residual in box
    sizes (2), standardised score (0 on a miss), is_hit, is_miss, cue in nats (0 on a miss).

    Args:
        tracks: live tracks of one frame.
        image_size: width and height of the image in pixels.
        score_scale: mean and standard deviation of scores on training data.
    """
    width, height = image_size
    box = tracks.xyxy_px
    centre_x = (box[:, 0] + box[:, 2]) / (2 * width) - 0.5
    centre_y = (box[:, 1] + box[:, 3]) / (2 * height) - 0.5
    log_width = np.log(np.maximum(box[:, 2] - box[:, 0], 1.0) / width) + 2.0
    log_height = np.log(np.maximum(box[:, 3] - box[:, 1], 1.0) / height) + 2.0
    residual = np.clip(tracks.motion_residual, -3.0, 3.0)
    hit = tracks.is_hit.astype(np.float64)
    score = np.clip((tracks.score - score_scale[0]) / score_scale[1], -4.0, 4.0) * hit
    box_columns = [centre_x, centre_y, log_width, log_height, residual[:, 0], residual[:, 1]]
    columns = [*box_columns, score, hit, 1 - hit, tracks.cue]
    return np.stack(columns, axis=1).astype(np.float32)
