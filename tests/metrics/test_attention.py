"""Attention efficiency against sums by hand, and controls that do what their names say."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from perdure.metrics.attention import (
    ClipAttention,
    attention_efficiency,
    attention_received,
    structure_only,
    structure_profile,
    token_ratio,
)

MEMORY = 6


def scene(
    lengths: list[int], births: list[int], labels: list[bool], logit: np.ndarray | None = None, *, seed: int = 0
) -> ClipAttention:
    """Builds a clip of whole tracks: causal attention within `MEMORY` frames, softmax of noise or of given logits.

    `logit` has one row a query and one column a key; None draws noise.
    """
    track = np.concatenate([np.full(length, number) for number, length in enumerate(lengths)])
    frame = np.concatenate([birth + np.arange(n) for birth, n in zip(births, lengths, strict=True)])
    gap = frame[:, None] - frame[None, :]
    allowed = (gap >= 0) & (gap < MEMORY)
    noise = np.random.default_rng(seed).normal(0, 1, gap.shape) if logit is None else logit
    weights = np.where(allowed, np.exp(noise), 0.0)
    return ClipAttention(
        weights=weights / weights.sum(axis=1, keepdims=True),
        allowed=allowed,
        query_track=track,
        query_frame=frame,
        key_track=track,
        key_frame=frame,
        key_is_persistent=np.array(labels)[track],
    )


LENGTHS, BIRTHS, LABELS = [12, 5, 7, 10], [0, 2, 3, 1], [True, False, False, True]


def scenes(num: int, preference: float = 0.0, decay: float = 0.0, own: float = 0.0) -> list[ClipAttention]:
    """Builds clips that prefer persistent keys, recent keys and own keys by so many logits."""
    clips = []
    for seed in range(num):
        rng = np.random.default_rng(seed)
        lengths, births = rng.integers(4, 13, 4).tolist(), rng.integers(0, 4, 4).tolist()
        plain = scene(lengths, births, LABELS, seed=seed)
        logit = preference * plain.key_is_persistent[None, :] - decay * plain.gap + own * plain.is_own
        clips.append(scene(lengths, births, LABELS, logit + 0.3 * rng.normal(0, 1, plain.gap.shape)))
    return clips


def test_received_attention_by_hand() -> None:
    clip = scene(LENGTHS, BIRTHS, LABELS)
    received = attention_received(clip.relative, clip.allowed)
    for key in range(len(received)):
        queries = [query for query in range(len(clip.query_frame)) if clip.allowed[query, key]]
        expected = np.mean([clip.weights[query, key] * clip.allowed[query].sum() for query in queries])
        assert received[key] == pytest.approx(expected)
    persistent = [received[key] for key in range(len(received)) if clip.key_track[key] in (0, 3)]
    transient = [received[key] for key in range(len(received)) if clip.key_track[key] in (1, 2)]
    result = attention_efficiency([clip], seed=0)
    assert result.efficiency == pytest.approx(np.mean(persistent) / np.mean(transient))


def test_uniform_attention_gives_one_to_every_token_and_to_every_control() -> None:
    clips = [
        scene(LENGTHS, BIRTHS, LABELS, np.zeros((34, 34))),
        scene([3, 9], [0, 5], [True, False], np.zeros((12, 12))),
    ]
    for clip in clips:
        np.testing.assert_allclose(attention_received(clip.relative, clip.allowed), 1.0)
    result = attention_efficiency(clips, seed=0)
    for value in (result.efficiency, result.uniform_control, result.shuffled_control, result.structure_control):
        assert value == pytest.approx(1.0)


def test_a_preference_for_persistent_tokens_shows_and_no_control_explains_it() -> None:
    result = attention_efficiency(scenes(30, preference=1.5), seed=0)
    assert result.efficiency > 2.0
    assert result.uniform_control == pytest.approx(1.0)
    assert result.shuffled_control == pytest.approx(1.0, abs=0.15)
    assert result.structure_control == pytest.approx(1.0, abs=0.15)
    low, high = result.efficiency_ci95
    assert low < result.efficiency < high < 1.3 * low


def test_a_preference_for_position_is_explained_by_the_structure_control() -> None:
    """Persistent tracks are older when transient ones are born: recency alone must not look like content.

    Replacing weights by their mean for each gap, as an earlier version did, explained next to nothing of it.
    """
    clips = []
    for seed in range(20):
        plain = scene([14, 5, 5], [0, 8, 9], [True, False, False])
        noise = 0.05 * np.random.default_rng(seed).normal(0, 1, plain.gap.shape)
        clips.append(scene([14, 5, 5], [0, 8, 9], [True, False, False], 2.0 * plain.is_own - 0.8 * plain.gap + noise))
    result = attention_efficiency(clips, seed=0)
    assert abs(result.efficiency - 1) > 0.1
    assert result.structure_control == pytest.approx(result.efficiency, rel=0.02)


def test_structure_control_keeps_the_mean_of_every_gap_and_nothing_else() -> None:
    clips = scenes(5, preference=1.0, decay=0.3, own=1.0)
    profile = structure_profile(clips)
    model: dict[tuple[bool, int], list[float]] = {}
    control: dict[tuple[bool, int], list[float]] = {}
    for clip in clips:
        weights = structure_only(clip, profile) / clip.allowed.sum(axis=1, keepdims=True)
        np.testing.assert_allclose(weights.sum(axis=1), 1.0)
        assert (weights[~clip.allowed] == 0).all()
        for query, key in zip(*np.nonzero(clip.allowed), strict=True):
            cell = (bool(clip.is_own[query, key]), int(clip.gap[query, key]))
            model.setdefault(cell, []).append(float(clip.weights[query, key]))
            control.setdefault(cell, []).append(float(weights[query, key]))
    for cell, values in model.items():
        assert np.mean(control[cell]) == pytest.approx(np.mean(values), rel=1e-3), cell
    swapped = [replace(clip, key_is_persistent=~clip.key_is_persistent) for clip in clips]
    np.testing.assert_array_equal(structure_profile(swapped), profile)


def test_shuffled_labels_are_dealt_to_whole_tracks_and_keep_their_numbers() -> None:
    """With two tracks the shuffle either keeps or inverts the ratio, so the geometric mean is near 1."""
    clip = scene([8, 8], [0, 0], [True, False], 3.0 * np.tile(np.repeat([1.0, 0.0], 8), (16, 1)))
    result = attention_efficiency([clip], seed=1, num_shuffles=400)
    assert result.efficiency > 3
    assert abs(np.log(result.shuffled_control)) < 0.2 * np.log(result.efficiency)


def test_the_mean_over_clips_is_geometric_and_skips_clips_of_one_class() -> None:
    clips = [*scenes(3, preference=1.0), scene([5, 6], [0, 1], [True, True])]
    result = attention_efficiency(clips, seed=0)
    assert result.clip_index == (0, 1, 2)
    assert result.efficiency == pytest.approx(np.prod(result.ratios) ** (1 / 3))
    alone = [attention_efficiency([clip], seed=0).efficiency for clip in clips[:3]]
    np.testing.assert_allclose(alone, result.ratios)


def test_the_same_seed_gives_the_same_figures() -> None:
    clips = scenes(6, preference=0.5)
    assert attention_efficiency(clips, seed=3) == attention_efficiency(clips, seed=3)
    assert attention_efficiency(clips, seed=3) != attention_efficiency(clips, seed=4)


def test_memory_keys_that_no_query_sees_do_not_count() -> None:
    plain = scene(LENGTHS, BIRTHS, LABELS)
    padded = ClipAttention(
        weights=np.pad(plain.weights, ((0, 0), (3, 0))),
        allowed=np.pad(plain.allowed, ((0, 0), (3, 0))),
        query_track=plain.query_track,
        query_frame=plain.query_frame,
        key_track=np.concatenate([[7, 7, 8], plain.key_track]),
        key_frame=np.concatenate([[0, 0, 0], plain.key_frame]),
        key_is_persistent=np.concatenate([[True, True, False], plain.key_is_persistent]),
    )
    got, expected = attention_efficiency([padded], seed=0), attention_efficiency([plain], seed=0)
    assert got.efficiency == expected.efficiency
    assert got.shuffled_control == expected.shuffled_control
    assert got.structure_control == pytest.approx(expected.structure_control)


def test_token_ratio_leaves_out_unseen_tokens() -> None:
    received = np.array([np.nan, 2.0, 1.0, np.nan])
    assert token_ratio(received, np.array([True, True, False, False])) == 2.0


def test_refuses_what_is_no_attention() -> None:
    plain = scene([3, 2], [0, 0], [True, False])
    with pytest.raises(ValueError, match=r"weights row 0: got sum 2\.0000, expected 1"):
        replace(plain, weights=plain.weights * 2)
    with pytest.raises(ValueError, match="got weight on a key that its query may not see"):
        replace(plain, weights=np.full((5, 5), 0.2))
    with pytest.raises(ValueError, match="got a track with both labels"):
        replace(plain, key_is_persistent=np.array([True, True, False, False, False]))
    with pytest.raises(ValueError, match="got 1 clips, expected at least one with both classes"):
        attention_efficiency([scene([3, 2], [0, 0], [True, True])], seed=0)
