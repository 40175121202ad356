"""Causal attention over the (track, frame) tokens of scenes, with a ring memory per slot.

A query sees tokens of its own scene at its own frame or earlier, at most `memory_frames - 1` frames back. Shapes:
S slots, T frames of a chunk, N queries, M keys, H heads, D width of a head, W frames of memory.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from perdure.modules.streaming import put_rows

EMPTY = -1
"""Frame stamp of a memory place that holds no token."""


@dataclass(frozen=True, slots=True)
class MemoryState:
    """Keys and values of the latest tokens of every slot, oldest first."""

    key: Float[Tensor, "slot memory head width"]
    value: Float[Tensor, "slot memory head width"]


@dataclass(frozen=True, slots=True)
class SceneMask:
    """Which key each query may see, and how far apart they are.

    Args:
        allowed: whether query n may see key m.
        bias_index: row of the relative-position table: frame gap, plus `memory_frames` for another track's key.
    """

    allowed: Bool[Tensor, "query key"]
    bias_index: Int[Tensor, "query key"]


@dataclass(frozen=True, slots=True)
class TokenPlace:
    """Where tokens stand: slot, scene and frame of each, flattened."""

    slot: Int[Tensor, " token"]
    scene: Int[Tensor, " token"]
    frame: Int[Tensor, " token"]

    def join(self, other: TokenPlace) -> TokenPlace:
        """Returns the places of both, self first."""
        pairs = ((self.slot, other.slot), (self.scene, other.scene), (self.frame, other.frame))
        return TokenPlace(*(torch.cat(pair) for pair in pairs))


def scene_mask(
    query: TokenPlace, key: TokenPlace, *, memory_frames: int, shown_until: Int[Tensor, " slot"] | None = None
) -> SceneMask:
    """Returns the causal mask between flattened queries and keys.

    Args:
        query: places of the queries.
        key: places of the keys; frame `EMPTY` marks no token.
        memory_frames: a key is visible for this many frames, its own included.
        shown_until: last frame whose queries of other tracks see a slot's tokens; later ones see none of them, old
            ones included (training imitates the gate, which evicts a decided track); None shows all.
    """
    gap = query.frame[:, None] - key.frame[None, :]
    is_own = query.slot[:, None] == key.slot[None, :]
    allowed = (gap >= 0) & (gap < memory_frames) & (key.frame != EMPTY)[None, :]
    allowed &= query.scene[:, None] == key.scene[None, :]
    if shown_until is not None:
        allowed &= is_own | (query.frame[:, None] <= shown_until[key.slot][None, :])
    bias_index = gap.clamp(0, memory_frames - 1) + torch.where(is_own, 0, memory_frames)
    return SceneMask(allowed=allowed, bias_index=bias_index)


class MaskedSoftmax(nn.Module):
    """Attention weights from logits; a module of its own, so that a forward hook can put others in their place."""

    def forward(self, logits: Float[Tensor, "head query key"], mask: SceneMask) -> Float[Tensor, "head query key"]:
        """Returns weights that sum to 1 over the keys that a query may see, 0 elsewhere."""
        return logits.masked_fill(~mask.allowed, float("-inf")).softmax(-1)


class SceneAttention(nn.Module):
    """Multi-head attention with a learned bias per head, frame gap and own-or-other track."""

    def __init__(self, width: int, num_heads: int, memory_frames: int) -> None:
        super().__init__()
        if width % num_heads:
            raise ValueError(f"width: got {width}, expected a multiple of num_heads {num_heads}")
        self.num_heads, self.head_width, self.memory_frames = num_heads, width // num_heads, memory_frames
        self.query_key_value = nn.Linear(width, 3 * width)
        self.output = nn.Linear(width, width)
        self.bias = nn.Parameter(torch.zeros(num_heads, 2 * memory_frames))
        self.weigh = MaskedSoftmax()

    def init_state(self, num_slots: int) -> MemoryState:
        """Returns an empty memory; the mask hides its places until tokens stand there."""
        shape = (num_slots, self.memory_frames, self.num_heads, self.head_width)
        return MemoryState(key=self.bias.new_zeros(shape), value=self.bias.new_zeros(shape))

    def project(self, x: Float[Tensor, "row time channel"]) -> tuple[Float[Tensor, "row time head width"], ...]:
        """Returns queries, keys and values of a chunk."""
        parts = self.query_key_value(x).chunk(3, dim=-1)
        return tuple(part.unflatten(-1, (self.num_heads, self.head_width)) for part in parts)

    def forward(
        self, x: Float[Tensor, "row time channel"], memory: MemoryState, mask: SceneMask
    ) -> tuple[Float[Tensor, "row time channel"], MemoryState, Float[Tensor, "head query key"]]:
        """Returns the attended chunk, its keys and values, and the attention weights.

        Keys are those of the memory of all slots, flattened, followed by those of the chunk; the mask says which of
        them are real.
        """
        query, key, value = self.project(x)
        all_keys = torch.cat([memory.key.flatten(0, 1), key.flatten(0, 1)])
        all_values = torch.cat([memory.value.flatten(0, 1), value.flatten(0, 1)])
        logits = torch.einsum("nhd,mhd->hnm", query.flatten(0, 1), all_keys) * self.head_width**-0.5
        weights = self.weigh(logits + self.bias[:, mask.bias_index], mask)
        y = torch.einsum("hnm,mhd->nhd", weights, all_values).flatten(1)
        return self.output(y).unflatten(0, x.shape[:2]), MemoryState(key=key, value=value), weights


def push_memory(
    memory: MemoryState,
    chunk: MemoryState,
    order: Int[Tensor, "row memory"],
    rows: Int[Tensor, " row"],
) -> MemoryState:
    """Returns the memory after a chunk: of old and new tokens of each advancing slot, those that `order` keeps."""

    def push(old: Tensor, new: Tensor) -> Tensor:
        joined = torch.cat([old.index_select(0, rows), new.to(old.dtype)], dim=1)
        index = order[:, :, None, None].expand(-1, -1, *joined.shape[2:])
        return joined.gather(1, index)

    pushed = MemoryState(key=push(memory.key, chunk.key), value=push(memory.value, chunk.value))
    result: MemoryState = put_rows(memory, rows, pushed)
    return result


def latest_order(
    frames: Int[Tensor, "row memory"], new_frames: Int[Tensor, "row time"]
) -> tuple[Int[Tensor, "row memory"], Int[Tensor, "row memory"]]:
    """Returns which of old and new tokens to keep (the latest real ones, oldest first), and their frame stamps."""
    joined = torch.cat([frames, new_frames], dim=1)
    order = (joined != EMPTY).int().argsort(dim=1, stable=True)[:, -frames.shape[1] :]
    return order, joined.gather(1, order)
