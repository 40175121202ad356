"""The model's own attention on whole clips: which tokens it looks at, and how much of that is content.

Attention is averaged over layers and heads. The ungated pass shows a track's tokens until the tracker deletes it; in
the gated one it ends with its decision, and from then on its tokens are seen by no other track.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int

from perdure.gate.model import PersistenceModel
from perdure.metrics.attention import AttentionEfficiency, ClipAttention
from perdure.modules.attention import TokenPlace, scene_mask
from perdure.track_table import TrackTable
from perdure.training.offline import run_offline, visible_until
from perdure.training.windows import clip_windows
from perdure.types import Clip


def clip_attention(model: PersistenceModel, windows: TrackTable) -> ClipAttention:
    """Returns the attention among all tokens of one clip, whole tracks in one pass."""
    return attention_and_evidence(model, windows)[0]


def attention_and_evidence(
    model: PersistenceModel, windows: TrackTable
) -> tuple[ClipAttention, Float[np.ndarray, "n l"]]:
    """Returns the attention among the tokens of one clip, and the evidence of each track and frame (NaN for none)."""
    output = run_offline(model, windows)
    weights = torch.stack([layer[:, :, -windows.is_valid.size :].mean(0) for layer in output.attention]).mean(0)
    rows, columns = np.nonzero(windows.is_valid)
    kept = torch.from_numpy(np.flatnonzero(windows.is_valid.ravel()))
    frame = windows.frame[rows, columns]
    place = TokenPlace(torch.from_numpy(rows), torch.zeros(len(rows), dtype=torch.int64), torch.from_numpy(frame))
    shown_until = torch.from_numpy(visible_until(windows))
    mask = scene_mask(place, place, memory_frames=model.config.evidence.memory_frames, shown_until=shown_until)
    attention = ClipAttention(
        weights=weights[kept][:, kept].double().numpy(),
        allowed=mask.allowed.numpy(),
        query_track=rows,
        query_frame=frame,
        key_track=rows,
        key_frame=frame,
        key_is_persistent=windows.is_persistent[rows],
    )
    evidence = np.where(windows.is_valid, output.evidence.double().numpy(), np.nan)
    return attention, evidence


def until_decision(windows: TrackTable, decision_age: Int[np.ndarray, " n"]) -> TrackTable:
    """Returns windows that end with each track's decision, as the gate encodes them."""
    ages = np.arange(1, windows.is_valid.shape[1] + 1)
    return windows.with_columns(is_valid=windows.is_valid & (ages <= decision_age[:, None]))


def whole_clip(clip: Clip, model: PersistenceModel) -> TrackTable:
    """Returns all tracks of one clip over all of its frames."""
    return clip_windows([clip], operation=model.operation, num_ages=clip.num_frames)


def attention_rows(found: AttentionEfficiency, live: AttentionEfficiency, clip_ids: list[str]) -> dict[str, Any]:
    """Returns the attention part of the metrics: the ungated pass and the gated one, each with its controls."""
    return {
        "attention_efficiency": found.efficiency,
        "attention_efficiency_ci95": list(found.efficiency_ci95),
        "attention_uniform_control": found.uniform_control,
        "attention_shuffled_control": found.shuffled_control,
        "attention_structure_control": found.structure_control,
        "attention_efficiency_gated": live.efficiency,
        "attention_efficiency_gated_ci95": list(live.efficiency_ci95),
        "attention_shuffled_control_gated": live.shuffled_control,
        "attention_structure_control_gated": live.structure_control,
        "attention_num_clips": len(found.ratios),
        "attention_clips": [
            {"clip_id": clip_ids[index], "ratio": ratio}
            for index, ratio in zip(found.clip_index, found.ratios, strict=True)
        ],
    }
