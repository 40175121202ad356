"""Where the tracks of a network looked on a frame: which tracks, on which frames, by how much."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from perdure.gate.network import NetworkSlots
from perdure.gate.results import GateCost
from perdure.gate.streams import SlotStep
from perdure.modules.attention import MaskedSoftmax, SceneMask

MOST = 3
"""Places that are kept of each track."""


def watched_step(
    slots: NetworkSlots, step: SlotStep, cost: GateCost, *, frame_index: int, track_of: dict[int, int]
) -> tuple[Float[np.ndarray, " n"], list[list[tuple[int, int, float]]]]:
    """Returns what `step` returns, and the places that each track gave most weight to, mean of layers and heads.

    Args:
        slots: the network with its memory.
        step: of the frame that was seen last.
        cost: as in `step`.
        frame_index: of that frame.
        track_of: track in each slot that is in use.
    """
    seen: list[tuple[Tensor, SceneMask]] = []

    def note(_: Any, inputs: tuple[Tensor, SceneMask], weights: Tensor) -> None:
        seen.append((weights.mean(0), inputs[1]))

    # A hook returns nothing, so that the weights stay what they are.
    handles = [
        module.register_forward_hook(note) for module in slots.model.modules() if isinstance(module, MaskedSoftmax)
    ]
    try:
        evidence = slots.step(step, cost)
    finally:
        for handle in handles:
            handle.remove()
    weight = torch.stack([weights for weights, _ in seen]).mean(0).cpu().numpy()
    place = seen[0][1].bias_index.cpu().numpy()
    memory = slots.model.config.evidence.memory_frames
    num_old = weight.shape[1] - len(step.slots)
    # Keys are the memory of all slots, one slot after the other, then this frame of the tracks that are asked about.
    slot = np.concatenate([np.arange(num_old) // memory, np.sort(step.slots)])
    order = np.argsort(np.argsort(step.slots))
    looks = []
    for row in order.tolist():
        best = [key for key in np.argsort(-weight[row], kind="stable")[:MOST].tolist() if weight[row, key] > 0]
        frames = [int(frame_index - place[row, key] % memory) for key in best]
        tracks, shares = [track_of[int(slot[key])] for key in best], [round(float(weight[row, key]), 4) for key in best]
        looks.append(list(zip(tracks, frames, shares, strict=True)))
    return evidence, looks
