"""Clips from scripts: every stripe holds one object, so truth, tracks and decisions are known beforehand."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gate.scripted import BOX_PX, STRIPE_PX, Script, detections, picture
from perdure.types import Clip, ClipTruth


def scripted_clip(scripts: Sequence[Script], num_frames: int, *, lives: Sequence[int] = ()) -> Clip:
    """Returns a clip.

    Args:
        scripts: hits and cues of each object.
        num_frames: its length.
        lives: frames that each object exists; 0, or none given, makes it persistent.
    """
    num = len(scripts)
    lives = list(lives) or [0] * num
    birth = np.array([script.start for script in scripts])
    frames = np.arange(num_frames)
    ends = [start + life - 1 if life else num_frames - 1 for start, life in zip(birth, lives, strict=True)]
    last = np.array(ends)
    x, y = (np.arange(num) + 0.5) * STRIPE_PX, np.full(num, STRIPE_PX / 2)
    box = np.stack([x - BOX_PX / 2, y - BOX_PX / 2, x + BOX_PX / 2, y + BOX_PX / 2], axis=1)
    owner = [
        np.array([place for place, script in enumerate(scripts) if script.mark(frame) != "."], dtype=np.int64)
        for frame in range(num_frames)
    ]
    return Clip(
        clip_id="clip-000000",
        frames=np.stack([picture(num, frame) for frame in range(num_frames)]),
        frame_rate_hz=30.0,
        detections=tuple(detections(scripts, frame) for frame in range(num_frames)),
        truth=ClipTruth(
            is_persistent=np.array([life == 0 for life in lives]),
            birth_frame=birth,
            last_frame=last,
            xyxy_px=np.repeat(box[:, None], num_frames, axis=1),
            is_alive=(frames >= birth[:, None]) & (frames <= last[:, None]),
            cue=np.zeros((num, num_frames)),
            detection_owner=tuple(owner),
        ),
    )
