"""Clips to look at: frames, tracks, verdicts and the model's own attention, ready to be drawn."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from perdure.evaluation.attention import attention_and_evidence, whole_clip
from perdure.evaluation.attention_sample import AttentionSample
from perdure.gate.model import PersistenceModel
from perdure.metrics.attention import ClipAttention, attention_received, token_ratio
from perdure.metrics.decisions import DecisionRecord
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
    received = _by_frame(attention, len(windows), clip.num_frames)
    is_hit = np.zeros((len(windows), clip.num_frames), dtype=bool)
    boxes, on_frames = np.full((*is_hit.shape, 4), np.nan), np.full(is_hit.shape, np.nan)
    place = (np.nonzero(windows.is_valid)[0], windows.frame[windows.is_valid])
    for grid, values in ((is_hit, windows.is_hit), (boxes, windows.known("xyxy_px")), (on_frames, evidence)):
        grid[place] = values[windows.is_valid]
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
