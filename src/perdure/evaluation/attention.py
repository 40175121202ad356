"""The model's own attention on whole clips: which tokens it looks at, and how much of that is content.

Attention is averaged over layers and heads. The ungated pass shows every token to the end; the gated one stops a
track's tokens at its decision.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from jaxtyping import Float, Int

from perdure.engine.model import PersistenceModel
from perdure.engine.offline import run_offline
from perdure.engine.windows import TrackWindows
from perdure.metrics.attention import ClipAttention
from perdure.modules.attention import TokenPlace, scene_mask


def clip_attention(model: PersistenceModel, windows: TrackWindows) -> ClipAttention:
    """Returns the attention among all tokens of one clip, whole tracks in one pass."""
    return attention_and_evidence(model, windows)[0]


def attention_and_evidence(
    model: PersistenceModel, windows: TrackWindows
) -> tuple[ClipAttention, Float[np.ndarray, "n l"]]:
    """Returns the attention among the tokens of one clip, and the evidence of each track and frame (NaN for none)."""
    output = run_offline(model, windows)
    weights = torch.stack([layer[:, :, -windows.is_valid.size :].mean(0) for layer in output.attention]).mean(0)
    rows, columns = np.nonzero(windows.is_valid)
    kept = torch.from_numpy(np.flatnonzero(windows.is_valid.ravel()))
    frame = windows.frame[rows, columns]
    place = TokenPlace(torch.from_numpy(rows), torch.zeros(len(rows), dtype=torch.int64), torch.from_numpy(frame))
    mask = scene_mask(place, place, memory_frames=model.config.evidence.memory_frames)
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


def until_decision(windows: TrackWindows, decision_age: Int[np.ndarray, " n"]) -> TrackWindows:
    """Returns windows that end with each track's decision, as the gate encodes them."""
    ages = np.arange(1, windows.is_valid.shape[1] + 1)
    return replace(windows, is_valid=windows.is_valid & (ages <= decision_age[:, None]))
