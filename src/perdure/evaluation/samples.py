"""Clips to look at: frames, tracks, verdicts and the model's own attention, ready to be drawn."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float

from perdure.evaluation.attention import attention_and_evidence, whole_clip
from perdure.evaluation.attention_sample import AttentionSample
from perdure.gate.model import PersistenceModel
from perdure.metrics.attention import ClipAttention, attention_received, token_ratio
from perdure.metrics.decisions import DecisionRecord
from perdure.tracking.tracker import Tracker
from perdure.types import Clip


def attention_sample(clip: Clip, model: PersistenceModel, records: list[DecisionRecord]) -> AttentionSample:
    """Returns everything that an attention figure of a clip shows.

    Args:
        clip: with ground truth.
        model: in evaluation mode.
        records: decisions on the clip's tracks with association by truth.
    """
    windows = whole_clip(clip, model)
    attention, evidence = attention_and_evidence(model, windows)
    by_track = {record.track_id: record for record in records}
    tracks = np.array([track for track in range(len(windows)) if track in by_track], dtype=np.int64)
    boxes, is_hit = _boxes(clip, model, len(windows))
    received = _by_frame(attention, len(windows), clip.num_frames)
    on_frames = np.full((len(windows), clip.num_frames), np.nan)
    rows, columns = np.nonzero(windows.is_valid)
    on_frames[rows, windows.frame[rows, columns]] = evidence[rows, columns]
    return AttentionSample(
        clip_id=clip.clip_id,
        frames=np.asarray(clip.frames),
        frame_index=np.arange(clip.num_frames),
        track_id=tracks,
        true_label=tuple(by_track[track].true_label for track in tracks.tolist()),
        label=tuple(by_track[track].label for track in tracks.tolist()),
        first_frame=np.array([by_track[track].first_frame for track in tracks.tolist()], dtype=np.int64),
        decision_frame=np.array([by_track[track].decision_frame for track in tracks.tolist()], dtype=np.int64),
        xyxy_px=boxes[tracks],
        is_hit=is_hit[tracks],
        attention=received[tracks],
        evidence=on_frames[tracks],
        ratio=token_ratio(attention_received(attention.relative, attention.allowed), attention.key_is_persistent),
    )


def _by_frame(attention: ClipAttention, num_tracks: int, num_frames: int) -> Float[np.ndarray, "n t"]:
    """Returns the attention that each track's token received on each frame, NaN where there is no token."""
    grid = np.full((num_tracks, num_frames), np.nan)
    grid[attention.key_track, attention.key_frame] = attention_received(attention.relative, attention.allowed)
    return grid


def _boxes(
    clip: Clip, model: PersistenceModel, num_tracks: int
) -> tuple[Float[np.ndarray, "n t 4"], Bool[np.ndarray, "n t"]]:
    """Returns the box of every track on every frame (NaN where it is not live), and where it was hit."""
    if clip.truth is None:
        raise ValueError(f"clip {clip.clip_id}: got no ground truth, expected it for association by truth")
    tracker = Tracker(model.operation.tracker)
    boxes = np.full((num_tracks, clip.num_frames, 4), np.nan)
    is_hit = np.zeros((num_tracks, clip.num_frames), dtype=bool)
    for index in range(clip.num_frames):
        tracks = tracker.update(clip.detections[index], owner=clip.truth.detection_owner[index])
        boxes[tracks.track_id, index] = tracks.xyxy_px
        is_hit[tracks.track_id, index] = tracks.is_hit
    return boxes, is_hit
