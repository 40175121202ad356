"""The model's own attention on whole clips: which tokens it looks at, and how much of that is content.

Attention is averaged over layers and heads. The ungated pass shows every token to the end; the gated one stops a
track's tokens at its decision.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Bool, Float, Int

from perdure.engine.model import PersistenceModel
from perdure.engine.offline import run_offline
from perdure.engine.windows import TrackWindows
from perdure.modules.attention import TokenPlace, scene_mask


@dataclass(frozen=True, slots=True, kw_only=True)
class SceneTokens:
    """Attention among the n real tokens of one clip.

    Args:
        attention: mean over layers and heads; rows are queries and sum to 1.
        allowed: which keys each query may see.
        track: row of the window that each token belongs to.
        frame: frame of each token.
        is_persistent: truth of each token's track.
        evidence: evidence at each token, nats.
    """

    attention: Float[np.ndarray, "n n"]
    allowed: Bool[np.ndarray, "n n"]
    track: Int[np.ndarray, " n"]
    frame: Int[np.ndarray, " n"]
    is_persistent: Bool[np.ndarray, " n"]
    evidence: Float[np.ndarray, " n"]


def scene_tokens(model: PersistenceModel, windows: TrackWindows) -> SceneTokens:
    """Returns the attention among the tokens of one clip, all of its frames in one pass."""
    output = run_offline(model, windows)
    num_tokens = windows.is_valid.size
    weights = torch.stack([layer[:, :, -num_tokens:].mean(0) for layer in output.attention]).mean(0)
    rows, columns = np.nonzero(windows.is_valid)
    kept = torch.from_numpy(np.flatnonzero(windows.is_valid.ravel()))
    frame = windows.frame[rows, columns]
    place = TokenPlace(torch.from_numpy(rows), torch.zeros(len(rows), dtype=torch.int64), torch.from_numpy(frame))
    mask = scene_mask(place, place, memory_frames=model.config.evidence.memory_frames)
    return SceneTokens(
        attention=weights[kept][:, kept].double().numpy(),
        allowed=mask.allowed.numpy(),
        track=rows,
        frame=frame,
        is_persistent=windows.is_persistent[rows],
        evidence=output.evidence.numpy()[rows, columns].astype(np.float64),
    )


def until_decision(windows: TrackWindows, decision_age: Int[np.ndarray, " n"]) -> TrackWindows:
    """Returns windows that end with each track's decision, as the gate encodes them."""
    ages = np.arange(1, windows.is_valid.shape[1] + 1)
    return replace(windows, is_valid=windows.is_valid & (ages <= decision_age[:, None]))
