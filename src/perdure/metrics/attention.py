"""Attention efficiency: how much more attention tokens of persistent tracks receive than tokens of transient ones.

Attention received by a token is the mean, over the queries allowed to see it, of its weight times the number of keys
that the query sees: uniform attention gives exactly 1 to every token, however many tokens there are. Three controls
stand beside the figure; what exceeds the structure control is content, the rest is position. Knows weights and masks,
not the model they come from.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from perdure.metrics.intervals import bootstrap_interval

MAX_ROUNDS = 300
"""Rounds of iterative scaling; a few dozen bring all means within 1e-4."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipAttention:
    """Attention of one clip, averaged over layers and heads.

    Args:
        weights: rows sum to 1 over the allowed keys.
        allowed: which keys each query may see.
        query_track: track of each query.
        query_frame: frame of each query.
        key_track: track of each key (a token).
        key_frame: frame of each key.
        key_is_persistent: true label of each key's track.

    Raises:
        ValueError: a row does not sum to 1, a hidden key has weight, or a track has two labels.
    """

    weights: Float[np.ndarray, "query key"]
    allowed: Bool[np.ndarray, "query key"]
    query_track: Int[np.ndarray, " query"]
    query_frame: Int[np.ndarray, " query"]
    key_track: Int[np.ndarray, " key"]
    key_frame: Int[np.ndarray, " key"]
    key_is_persistent: Bool[np.ndarray, " key"]

    def __post_init__(self) -> None:
        if (self.weights[~self.allowed] != 0).any():
            raise ValueError("ClipAttention.weights: got weight on a key that its query may not see")
        total = self.weights.sum(axis=1)
        if (np.abs(total - 1) > 1e-3).any():
            row = int(np.argmax(np.abs(total - 1)))
            raise ValueError(f"ClipAttention.weights row {row}: got sum {total[row]:.4f}, expected 1")
        persistent = set(self.key_track[self.key_is_persistent].tolist())
        if persistent & set(self.key_track[~self.key_is_persistent].tolist()):
            raise ValueError("ClipAttention.key_is_persistent: got a track with both labels")

    @property
    def relative(self) -> Float[np.ndarray, "query key"]:
        """Weights times the number of keys that the query sees: 1 where attention is uniform."""
        return self.weights * self.allowed.sum(axis=1, keepdims=True)

    @property
    def gap(self) -> Int[np.ndarray, "query key"]:
        """Frames from key to query."""
        return self.query_frame[:, None] - self.key_frame[None, :]

    @property
    def is_own(self) -> Bool[np.ndarray, "query key"]:
        """Whether query and key belong to one track."""
        return self.query_track[:, None] == self.key_track[None, :]

    @property
    def has_both(self) -> bool:
        """Whether both classes have a token that some query may see."""
        seen = self.allowed.any(axis=0)
        return bool((seen & self.key_is_persistent).any() and (seen & ~self.key_is_persistent).any())


@dataclass(frozen=True, slots=True, kw_only=True)
class AttentionEfficiency:
    """Attention efficiency over clips, with its controls. All are ratios above 0; 1 means no preference.

    Args:
        efficiency: geometric mean over clips of (mean of persistent tokens / mean of transient tokens).
        efficiency_ci95: bootstrap interval over clips.
        uniform_control: the same of uniform attention, 1 by construction.
        shuffled_control: the same with labels shuffled among the tracks of each clip, about 1.
        structure_control: the same of label-blind attention that has the model's own mean weight for each frame gap,
            own track and other tracks apart.
        ratios: efficiency of each clip that has both classes, in order.
        clip_index: which of the given clips these are.
    """

    efficiency: float
    efficiency_ci95: tuple[float, float]
    uniform_control: float
    shuffled_control: float
    structure_control: float
    ratios: tuple[float, ...]
    clip_index: tuple[int, ...]


def attention_received(
    relative: Float[np.ndarray, "query key"], allowed: Bool[np.ndarray, "query key"]
) -> Float[np.ndarray, " key"]:
    """Returns the mean relative weight that each token gets from the queries that see it; NaN where none does.

    >>> allowed = np.tril(np.ones((3, 3), dtype=bool))
    >>> uniform = allowed / allowed.sum(axis=1, keepdims=True)
    >>> attention_received(uniform * allowed.sum(axis=1, keepdims=True), allowed).tolist()
    [1.0, 1.0, 1.0]
    """
    num = allowed.sum(axis=0)
    total = np.where(allowed, relative, 0.0).sum(axis=0)
    return np.where(num > 0, total / np.maximum(num, 1), np.nan)


def token_ratio(received: Float[np.ndarray, " key"], is_persistent: Bool[np.ndarray, " key"]) -> float:
    """Returns mean attention of persistent tokens over mean attention of transient tokens, tokens nobody sees left out.

    >>> token_ratio(np.array([3.0, 1.0, 1.0, np.nan]), np.array([True, True, False, False]))
    2.0
    """
    seen = ~np.isnan(received)
    return float(received[seen & is_persistent].mean() / received[seen & ~is_persistent].mean())


def structure_profile(clips: Sequence[ClipAttention]) -> Float[np.ndarray, "2 gap"]:
    """Returns label-blind preferences by frame gap, for keys of other tracks (row 0) and of the own track (row 1).

    Attention in proportion to them has, for every gap and own-or-other track, the same mean weight as the model's
    own over all clips, and its rows sum to 1. Putting the mean weight itself in the place of each weight would not
    do: rows then no longer sum to 1, and even uniform attention seems to prefer tokens that are seen among many.
    Found by iterative scaling (Deming & Stephan, 1940).
    """
    num_gaps = max(int(clip.gap[clip.allowed].max(initial=0)) for clip in clips) + 1
    num_cells, first_row = 2 * num_gaps, np.cumsum([0, *(len(clip.weights) for clip in clips)])
    cell = np.concatenate([(clip.is_own * num_gaps + clip.gap)[clip.allowed] for clip in clips])
    row = np.concatenate([start + np.nonzero(clip.allowed)[0] for start, clip in zip(first_row, clips, strict=False)])
    weight = np.concatenate([clip.weights[clip.allowed] for clip in clips])
    wanted, preference = np.bincount(cell, weights=weight, minlength=num_cells), np.ones(num_cells)
    for _ in range(MAX_ROUNDS):
        share = preference[cell] / np.bincount(row, weights=preference[cell])[row]
        factor = wanted / np.maximum(np.bincount(cell, weights=share, minlength=num_cells), 1e-12)
        preference = preference * factor
        if np.abs(factor[wanted > 0] - 1).max() < 1e-4:
            break
    return preference.reshape(2, num_gaps)


def structure_only(clip: ClipAttention, profile: Float[np.ndarray, "2 gap"]) -> Float[np.ndarray, "query key"]:
    """Returns relative weights of attention in proportion to a profile: frame gap and own-or-other track alone."""
    gap = np.where(clip.allowed, clip.gap, 0)
    preference = np.where(clip.allowed, profile[clip.is_own.astype(np.int64), gap], 0.0)
    total = preference.sum(axis=1, keepdims=True)
    return preference / total * clip.allowed.sum(axis=1, keepdims=True)


def attention_efficiency(
    clips: Sequence[ClipAttention], *, seed: int, num_resamples: int = 2000, num_shuffles: int = 50
) -> AttentionEfficiency:
    """Returns the attention efficiency of some clips and its controls.

    Args:
        clips: one entry a clip; those that lack a class are left out.
        seed: of shuffles and bootstrap.
        num_resamples: bootstrap resamples.
        num_shuffles: label shuffles per clip.

    Raises:
        ValueError: no clip has tokens of both classes.
    """
    index = [number for number, clip in enumerate(clips) if clip.has_both]
    if not index:
        raise ValueError(f"attention efficiency: got {len(clips)} clips, expected at least one with both classes")
    both = [clips[number] for number in index]
    rng, profile = np.random.default_rng(seed), structure_profile(both)
    log_ratio = np.log([_ratio(clip, clip.relative) for clip in both])
    ci95 = bootstrap_interval(len(both), _mean_of(log_ratio), rng=rng, num_resamples=num_resamples)
    return AttentionEfficiency(
        efficiency=float(np.exp(log_ratio.mean())),
        efficiency_ci95=(float(np.exp(ci95[0])), float(np.exp(ci95[1]))),
        uniform_control=_geometric_mean([_ratio(clip, clip.allowed.astype(np.float64)) for clip in both]),
        shuffled_control=_geometric_mean([ratio for clip in both for ratio in _shuffled(clip, rng, num_shuffles)]),
        structure_control=_geometric_mean([_ratio(clip, structure_only(clip, profile)) for clip in both]),
        ratios=tuple(np.exp(log_ratio).tolist()),
        clip_index=tuple(index),
    )


def _ratio(clip: ClipAttention, relative: Float[np.ndarray, "query key"]) -> float:
    return token_ratio(attention_received(relative, clip.allowed), clip.key_is_persistent)


def _geometric_mean(ratios: list[float]) -> float:
    return float(np.exp(np.mean(np.log(ratios))))


def _mean_of(
    values: Float[np.ndarray, " n"],
) -> Callable[[Int[np.ndarray, "resample unit"]], Float[np.ndarray, " resample"]]:
    return lambda drawn: values[drawn].mean(axis=1)


def _shuffled(clip: ClipAttention, rng: np.random.Generator, num_shuffles: int) -> list[float]:
    """Returns the ratios of a clip with its labels dealt anew to the tracks that have a token that is seen."""
    received = attention_received(clip.relative, clip.allowed)
    seen = ~np.isnan(received)
    tracks, first, track = np.unique(clip.key_track[seen], return_index=True, return_inverse=True)
    labels = clip.key_is_persistent[seen][first]
    ratios = []
    for _ in range(num_shuffles):
        ratios.append(token_ratio(received[seen], labels[rng.permutation(len(tracks))][track]))
    return ratios
