"""What the evidence model reads beside the picture: numbers per track and frame, from geometry and score alone."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int
from torch import Tensor

from perdure.types import TrackFrame

NUM_GEOMETRY = 10
"""Columns of `track_geometry`."""
SCORE_COLUMN, HIT_COLUMN, CUE_COLUMN = 6, 7, 9
"""Where score, hit flag and cue stand among them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceInput:
    """One chunk of tokens: S slots, T frames.

    Args:
        feature: extractor output, all bits of the token grid; None for a gate without pixels.
        geometry: columns of `track_geometry`.
        age: frames since birth, birth = 1.
        frame: index of the frame in its scene.
        is_valid: whether the slot has a token on that frame.
        lifetime: closed-form lifetime evidence up to that frame, nats.
        scene: scene of each slot; tokens of different scenes never meet.
    """

    feature: Float[Tensor, "slot time feature"] | None
    geometry: Float[Tensor, "slot time geometry"]
    age: Int[Tensor, "slot time"]
    frame: Int[Tensor, "slot time"]
    is_valid: Bool[Tensor, "slot time"]
    lifetime: Float[Tensor, "slot time"]
    scene: Int[Tensor, " slot"]

    def rows(self, rows: Int[Tensor, " row"]) -> EvidenceInput:
        """Returns the input of some slots."""

        def taken(name: str) -> Any:
            value = getattr(self, name)
            return None if value is None else value[rows]

        return EvidenceInput(**{item.name: taken(item.name) for item in fields(self)})


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
