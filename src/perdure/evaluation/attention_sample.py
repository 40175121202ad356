"""One clip with the model's own attention on it: what the attention figure shows. Numpy only.

Knows shapes and what belongs together. Does not know how attention was computed, nor how it is drawn.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int, UInt8


@dataclass(frozen=True, slots=True, kw_only=True)
class AttentionSample:
    """Frames, tracks, verdicts and attention of one clip: n tracks on t frames.

    Args:
        clip_id: name of the clip.
        frames: uint8 RGB.
        frame_index: which frames of the clip these are, ascending, 0-based.
        track_id: the tracker's id of each track.
        true_label: `persistent` or `transient`, the truth.
        label: `persistent` or `transient`, the verdict.
        first_frame: frame of the clip at which each track was born.
        decision_frame: age at the decision (birth = 1), so the decision fell on frame first_frame + age - 1.
        xyxy_px: boxes, NaN where a track is not live.
        is_hit: whether a detection was associated; false on misses and where a track is not live.
        attention: attention received by each token, 1 = what uniform attention gives; NaN where there is no token.
        evidence: nats, prior removed; NaN where there is none.
        ratio: attention efficiency of this clip: mean over persistent / mean over transient tokens.

    Raises:
        ValueError: shapes disagree.
    """

    clip_id: str
    frames: UInt8[np.ndarray, "t h w 3"]
    frame_index: Int[np.ndarray, " t"]
    track_id: Int[np.ndarray, " n"]
    true_label: tuple[str, ...]
    label: tuple[str, ...]
    first_frame: Int[np.ndarray, " n"]
    decision_frame: Int[np.ndarray, " n"]
    xyxy_px: Float[np.ndarray, "n t 4"]
    is_hit: Bool[np.ndarray, "n t"]
    attention: Float[np.ndarray, "n t"]
    evidence: Float[np.ndarray, "n t"]
    ratio: float

    def __post_init__(self) -> None:
        num_tracks, num_frames = len(self.track_id), len(self.frame_index)
        expected = {
            "true_label": (num_tracks,),
            "label": (num_tracks,),
            "first_frame": (num_tracks,),
            "decision_frame": (num_tracks,),
            "xyxy_px": (num_tracks, num_frames, 4),
            "is_hit": (num_tracks, num_frames),
            "attention": (num_tracks, num_frames),
            "evidence": (num_tracks, num_frames),
        }
        for name, shape in expected.items():
            value = getattr(self, name)
            got = (len(value),) if isinstance(value, tuple) else value.shape
            if got != shape:
                raise ValueError(f"AttentionSample.{name}: got shape {got}, expected {shape}")
        if len(self.frames) != num_frames:
            raise ValueError(f"AttentionSample.frames: got {len(self.frames)} frames, expected {num_frames}")
