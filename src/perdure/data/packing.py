"""Detections and truth of many clips as a few flat arrays, and back.

Knows the fields of `Detections` and `ClipTruth`; knows nothing of files or frames.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from perdure.types import Clip, ClipTruth, Detections

Packed = dict[str, np.ndarray]
"""By name: `num_objects` a clip, `num_detections` a frame, `truth_*` a row an object, `detection_*` a row a box."""

_TRUTH_FIELDS = ("is_persistent", "birth_frame", "last_frame", "xyxy_px", "is_alive", "cue")
_DETECTION_FIELDS = ("xyxy_px", "score", "class_id", "cue")


def pack_clips(clips: Sequence[Clip]) -> Packed:
    """Returns all but the frames of clips of equal length as flat arrays.

    Raises:
        ValueError: there are no clips, or one has no ground truth.
    """
    truths = [clip.truth for clip in clips if clip.truth is not None]
    if not clips or len(truths) < len(clips):
        raise ValueError(
            f"clips: got {len(truths)} with ground truth of {len(clips)}, expected it for at least one and all"
        )
    frames = [frame for clip in clips for frame in clip.detections]
    owners = [owner for truth in truths for owner in truth.detection_owner]
    packed = {f"truth_{name}": np.concatenate([getattr(truth, name) for truth in truths]) for name in _TRUTH_FIELDS}
    packed |= {
        f"detection_{name}": np.concatenate([getattr(frame, name) for frame in frames]) for name in _DETECTION_FIELDS
    }
    packed["detection_owner"] = np.concatenate(owners)
    packed["num_objects"] = np.array([truth.num_objects for truth in truths])
    packed["num_detections"] = np.array([[len(frame) for frame in clip.detections] for clip in clips])
    return packed


def unpack_clip(packed: Packed, row: int) -> tuple[tuple[Detections, ...], ClipTruth]:
    """Returns detections and truth of one clip."""
    first = int(packed["num_objects"][:row].sum())
    objects = slice(first, first + int(packed["num_objects"][row]))
    counts = packed["num_detections"][row]
    start = int(packed["num_detections"][:row].sum())
    edges = start + np.concatenate([[0], np.cumsum(counts)])
    frames = [slice(int(low), int(high)) for low, high in pairwise(edges)]
    detections = tuple(
        Detections(**{name: packed[f"detection_{name}"][frame] for name in _DETECTION_FIELDS}) for frame in frames
    )
    truth = ClipTruth(
        **{name: packed[f"truth_{name}"][objects] for name in _TRUTH_FIELDS},
        detection_owner=tuple(packed["detection_owner"][frame] for frame in frames),
    )
    return detections, truth
