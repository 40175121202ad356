"""Evidence of persistence per track and frame: closed-form lifetime evidence plus a learned residual.

evidence_t = lifetime_t + sum of increments up to t + offset_t, where increment and offset are read from a causal
transformer over the (track, frame) tokens of the scene. Trained with class-balanced binary cross-entropy on every
frame, the sum estimates log p(observations up to t | persistent) - log p(... | transient) (LSEL with two classes is
this loss, Miyagawa & Ebihara, ICML 2021). The head is not normalised, so the evidence does not saturate.
Knows nothing of stopping.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, cast

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from perdure.evidence.config import EvidenceConfig
from perdure.evidence.track_geometry import CUE_COLUMN, NUM_GEOMETRY, SCORE_COLUMN
from perdure.modules.attention import (
    EMPTY,
    MemoryState,
    SceneAttention,
    SceneMask,
    TokenPlace,
    latest_order,
    push_memory,
    scene_mask,
)
from perdure.modules.streaming import put_rows


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceInput:
    """One chunk of tokens: S slots, T frames.

    Args:
        feature: extractor output, all bits of the token grid; None for a gate without pixels.
        geometry: columns of `track_geometry`.
        age: frames since birth, birth = 1.
        frame: index of the frame in its scene.
        is_valid: whether the slot has a token on that frame.
        lifetime: closed-form lifetime evidence up to that frame, nats.
        scene: scene of each slot; tokens of different scenes never meet.
    """

    feature: Float[Tensor, "slot time feature"] | None
    geometry: Float[Tensor, "slot time geometry"]
    age: Int[Tensor, "slot time"]
    frame: Int[Tensor, "slot time"]
    is_valid: Bool[Tensor, "slot time"]
    lifetime: Float[Tensor, "slot time"]
    scene: Int[Tensor, " slot"]

    def rows(self, rows: Int[Tensor, " row"]) -> EvidenceInput:
        """Returns the input of some slots."""

        def taken(name: str) -> Any:
            value = getattr(self, name)
            return None if value is None else value[rows]

        return EvidenceInput(**{item.name: taken(item.name) for item in fields(self)})


@dataclass(frozen=True, slots=True)
class EvidenceState:
    """Memory of every slot.

    Args:
        layers: keys and values per transformer layer.
        frame: frame stamp of each memory place, `EMPTY` where there is none.
        scene: scene of each slot.
        total: sum of all increments so far, nats.
    """

    layers: tuple[MemoryState, ...]
    frame: Int[Tensor, "slot memory"]
    scene: Int[Tensor, " slot"]
    total: Float[Tensor, " slot"]


@dataclass(frozen=True, slots=True)
class EvidenceOutput:
    """Evidence of a chunk, and the attention that led to it.

    Args:
        evidence: nats, prior removed; zeros where a slot has no token or is not active.
        attention: per layer, weights of every query of the chunk (rows times frames of the active slots) over all
            keys (memory of all slots, then the chunk).
    """

    evidence: Float[Tensor, "slot time"]
    attention: tuple[Float[Tensor, "head query key"], ...]


class TransformerBlock(nn.Module):
    """Pre-norm attention and feed-forward block."""

    def __init__(self, config: EvidenceConfig) -> None:
        super().__init__()
        width = config.width
        self.norm_attention = nn.LayerNorm(width)
        self.attention = SceneAttention(width, config.num_heads, config.memory_frames)
        self.norm_forward = nn.LayerNorm(width)
        self.feed_forward = nn.Sequential(nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width))

    def forward(self, x: Tensor, memory: MemoryState, mask: SceneMask) -> tuple[Tensor, MemoryState, Tensor]:
        """Returns the chunk, its keys and values, and the attention weights."""
        attended, new, weights = self.attention(self.norm_attention(x), memory, mask)
        x = x + attended
        return x + self.feed_forward(self.norm_forward(x)), new, weights


class EvidenceModel(nn.Module):
    """Causal transformer over scene tokens with a summing head; state outside, slot first."""

    def __init__(self, config: EvidenceConfig, feature_dim: int) -> None:
        super().__init__()
        self.config = config
        width = config.width
        if config.uses_pixels:
            self.embed_feature = nn.Linear(feature_dim, width)
        self.embed_geometry = nn.Linear(NUM_GEOMETRY, width)
        self.embed_age = nn.Embedding(config.memory_frames + 1, width)
        self.embed = nn.Sequential(nn.GELU(), nn.Linear(width, width), nn.GELU(), nn.Linear(width, width))
        self.blocks = nn.ModuleList(TransformerBlock(config) for _ in range(config.num_layers))
        self.head = nn.Sequential(nn.Linear(width, width), nn.GELU(), nn.Linear(width, 2))

    def init_state(self, num_slots: int) -> EvidenceState:
        """Returns the state of fresh slots."""
        device = self.embed_geometry.weight.device
        return EvidenceState(
            layers=tuple(cast(TransformerBlock, block).attention.init_state(num_slots) for block in self.blocks),
            frame=torch.full((num_slots, self.config.memory_frames), EMPTY, device=device),
            scene=torch.zeros(num_slots, dtype=torch.int64, device=device),
            total=torch.zeros(num_slots, device=device),
        )

    def forward(
        self,
        inputs: EvidenceInput,
        state: EvidenceState | None = None,
        active: Bool[Tensor, " slot"] | None = None,
        *,
        shown_until: Int[Tensor, " slot"] | None = None,
    ) -> tuple[EvidenceOutput, EvidenceState]:
        """Advances the active slots by one chunk; their queries see the memory of all slots of their scene.

        Args:
            inputs: tokens of all slots; rows of slots that are not active are ignored.
            state: state after the previous chunk, None for fresh slots. Chunks of slots of one scene must cover the
                same frames, since a query needs the other tracks' earlier tokens.
            active: slots that advance; the rest of the state stays bit-identical. None means all.
            shown_until: see `scene_mask`.
        """
        num_slots = len(inputs.scene)
        if state is None:
            state = self.init_state(num_slots)
        device = inputs.geometry.device
        rows = torch.arange(num_slots, device=device) if active is None else active.nonzero().flatten()
        chunk = inputs.rows(rows)
        new_frame = torch.where(chunk.is_valid, chunk.frame, EMPTY)
        state = EvidenceState(
            layers=state.layers,
            frame=state.frame,
            scene=state.scene.index_copy(0, rows, chunk.scene),
            total=state.total,
        )
        mask = self._mask(state, new_frame, rows, shown_until)
        order, frame = latest_order(state.frame.index_select(0, rows), new_frame)
        x, layers, attention = self._embed(chunk), [], []
        for block, memory in zip(self.blocks, state.layers, strict=True):
            x, new, weights = block(x, memory, mask)
            layers.append(push_memory(memory, new, order, rows))
            attention.append(weights)
        evidence, total = self._accumulate(x, chunk, state.total.index_select(0, rows))
        new_state = EvidenceState(
            layers=tuple(layers),
            frame=put_rows(state.frame, rows, frame),
            scene=state.scene,
            total=put_rows(state.total, rows, total),
        )
        full = evidence.new_zeros(num_slots, evidence.shape[1]).index_copy(0, rows, evidence)
        return EvidenceOutput(evidence=full, attention=tuple(attention)), new_state

    def flops(self, num_queries: int, num_keys: int) -> int:
        """Returns the floating-point operations of all matrix products for queries over keys (2 per multiply-add)."""
        width = self.config.width
        inputs = NUM_GEOMETRY + (self.embed_feature.in_features if self.config.uses_pixels else 0)
        per_query = inputs * width + 2 * width**2 + self.config.num_layers * 8 * width**2 + width**2 + 2 * width
        return 2 * num_queries * (per_query + self.config.num_layers * 2 * num_keys * width)

    def _optional_columns(self) -> tuple[tuple[int, bool], ...]:
        return (CUE_COLUMN, self.config.uses_cue), (SCORE_COLUMN, self.config.uses_score)

    def _embed(self, chunk: EvidenceInput) -> Float[Tensor, "row time channel"]:
        geometry = chunk.geometry
        unused = [column for column, is_used in self._optional_columns() if not is_used]
        if unused:
            geometry = geometry.clone()
            geometry[..., unused] = 0.0
        x = self.embed_geometry(geometry) + self.embed_age(chunk.age.clamp(0, self.config.memory_frames))
        if self.config.uses_pixels:
            if chunk.feature is None:
                raise ValueError("evidence: got no picture features, expected them since uses_pixels is true")
            x = x + self.embed_feature(chunk.feature)
        return self.embed(x)

    def _mask(
        self,
        state: EvidenceState,
        new_frame: Int[Tensor, "row time"],
        rows: Int[Tensor, " row"],
        shown_until: Int[Tensor, " slot"] | None,
    ) -> SceneMask:
        """Returns the mask of chunk queries over memory and chunk keys; a query always sees itself."""
        num_slots, memory_frames = state.frame.shape
        slots = torch.arange(num_slots, device=rows.device)
        memory = TokenPlace(
            slots.repeat_interleave(memory_frames), state.scene.repeat_interleave(memory_frames), state.frame.flatten()
        )
        num_times = new_frame.shape[1]
        scene = state.scene.index_select(0, rows)
        chunk = TokenPlace(rows.repeat_interleave(num_times), scene.repeat_interleave(num_times), new_frame.flatten())
        mask = scene_mask(chunk, memory.join(chunk), memory_frames=memory_frames, shown_until=shown_until)
        itself = torch.arange(len(chunk.slot), device=rows.device)
        mask.allowed[itself, num_slots * memory_frames + itself] = True
        return mask

    def _accumulate(
        self, x: Float[Tensor, "row time channel"], chunk: EvidenceInput, total: Float[Tensor, " row"]
    ) -> tuple[Float[Tensor, "row time"], Float[Tensor, " row"]]:
        limit = self.config.max_increment
        increment, offset = (limit * torch.tanh(self.head(x).float() / limit)).unbind(-1)
        increment = torch.where(chunk.is_valid, increment, 0.0)
        running = total[:, None] + increment.cumsum(1)
        evidence = torch.where(chunk.is_valid, chunk.lifetime + running + offset, 0.0)
        return evidence, running[:, -1]
