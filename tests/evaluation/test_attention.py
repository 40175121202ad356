"""Attention of whole clips: what the model really looked at, and nothing that it could not see."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from gate.small_model import HORIZON, small_model
from perdure.data.dataset import ClipDataset
from perdure.evaluation.attention import (
    attention_and_evidence,
    attention_rows,
    clip_attention,
    until_decision,
    whole_clip,
)
from perdure.gate.gate import PersistenceGate
from perdure.gate.model import PersistenceModel
from perdure.metrics.attention import attention_efficiency, attention_received
from perdure.stopping.rules import TruncatedSPRT
from perdure.training.offline import run_offline

RULE = TruncatedSPRT(upper=2.0, lower=-1.0, horizon=HORIZON)


def looks_evenly(model: PersistenceModel) -> PersistenceModel:
    """Returns the model after queries, keys and positions lost all say in where it looks."""
    with torch.no_grad():
        for block in model.evidence.blocks:
            block.attention.bias.zero_()
            width = block.attention.query_key_value.in_features
            block.attention.query_key_value.weight[: 2 * width].zero_()
            block.attention.query_key_value.bias[: 2 * width].zero_()
    return model


@pytest.mark.parametrize("num_layers", [1, 2])
def test_uniform_attention_is_one(small_set: ClipDataset, num_layers: int) -> None:
    model = looks_evenly(small_model(num_layers=num_layers))
    clips = [clip_attention(model, whole_clip(small_set.clip(name), model)) for name in small_set.split("test")]
    found = attention_efficiency(clips, seed=0, num_resamples=100)
    for value in (found.efficiency, found.uniform_control, found.structure_control, found.shuffled_control):
        assert value == pytest.approx(1.0, abs=1e-4)
    for clip in clips:
        received = attention_received(clip.relative, clip.allowed)
        np.testing.assert_allclose(received[~np.isnan(received)], 1.0, atol=1e-4)


def test_a_model_that_looks_unevenly_is_not(small_set: ClipDataset, model: PersistenceModel) -> None:
    clips = [clip_attention(model, whole_clip(small_set.clip(name), model)) for name in small_set.split("test")]
    found = attention_efficiency(clips, seed=0, num_resamples=100)
    assert abs(np.log(found.efficiency)) > 0.005
    assert found.uniform_control == pytest.approx(1.0)


def test_tokens_are_those_of_the_tracks(small_set: ClipDataset, model: PersistenceModel) -> None:
    """That no hidden key has weight, and that rows sum to 1, `ClipAttention` checks itself."""
    for name in small_set.split("test"):
        windows = whole_clip(small_set.clip(name), model)
        attention = clip_attention(model, windows)
        rows, columns = np.nonzero(windows.is_valid)
        np.testing.assert_array_equal(attention.key_track, rows)
        np.testing.assert_array_equal(attention.key_frame, windows.frame[rows, columns])
        np.testing.assert_array_equal(attention.key_is_persistent, windows.is_persistent[rows])
        np.testing.assert_array_equal(attention.query_track, attention.key_track)
        assert attention.allowed.diagonal().all(), "a token does not see itself"
        last = windows.is_valid.sum(axis=1) + windows.frame[:, 0] - 1
        is_gone = attention.query_frame[:, None] > last[rows][None, :]
        assert not (attention.allowed & is_gone).any(), "a track was seen after its end"
        far = attention.gap >= model.config.evidence.memory_frames
        assert not (attention.allowed & (far | (attention.gap < 0))).any()


def test_layers_and_heads_are_averaged(small_set: ClipDataset) -> None:
    model = small_model(num_layers=2)
    windows = whole_clip(small_set.clip(small_set.split("test")[0]), model)
    layers = run_offline(model, windows).attention
    assert len(layers) == 2
    assert len(layers[0]) == 2
    mean = sum(layer[head] for layer in layers for head in range(2)) / 4
    num_memory = mean.shape[1] - windows.is_valid.size
    kept = np.flatnonzero(windows.is_valid.ravel())
    expected = mean[kept][:, num_memory + kept].numpy()
    np.testing.assert_allclose(clip_attention(model, windows).weights, expected, atol=1e-6)


def test_evidence_comes_with_the_attention(small_set: ClipDataset, model: PersistenceModel) -> None:
    windows = whole_clip(small_set.clip(small_set.split("test")[0]), model)
    _, evidence = attention_and_evidence(model, windows)
    np.testing.assert_array_equal(np.isnan(evidence), ~windows.is_valid)


def test_the_gated_pass_is_that_of_the_gate(small_set: ClipDataset, model: PersistenceModel) -> None:
    """Tokens of a decided track were once left in sight of the others, as the gate does not leave them."""
    num_hidden = 0
    for name in small_set.split("test"):
        clip, ages, live = small_set.clip(name), {}, {}
        gate = PersistenceGate(model, RULE)
        assert clip.truth is not None
        for frame, found, owner in zip(clip.frames, clip.detections, clip.truth.detection_owner, strict=True):
            result = gate.observe(frame, gate.link(found, owner=owner))
            ages |= {decision.track_id: decision.age for decision in result.decisions}
            live |= {(track.track_id, track.age): track.evidence for track in result.tracks}
        windows = whole_clip(clip, model)
        until = until_decision(windows, np.array([ages[track] for track in range(len(windows))]))
        attention, evidence = attention_and_evidence(model, until)
        for track, age in zip(*np.nonzero(until.is_valid), strict=True):
            assert evidence[track, age] == pytest.approx(live[track, age + 1], abs=1e-3)
        last = until.frame[:, 0] + until.is_valid.sum(axis=1) - 1
        assert not (attention.allowed & (attention.query_frame[:, None] > last[attention.key_track][None, :])).any()
        num_hidden += int((windows.is_valid & ~until.is_valid).sum())
    assert num_hidden > 20


def test_rows_for_the_metrics(small_set: ClipDataset, model: PersistenceModel) -> None:
    names = small_set.split("test")
    clips = [clip_attention(model, whole_clip(small_set.clip(name), model)) for name in names]
    found = attention_efficiency(clips, seed=0, num_resamples=100)
    rows = attention_rows(found, found, names)
    assert rows["attention_num_clips"] == len(rows["attention_clips"]) == len(found.ratios) >= 1
    assert [row["ratio"] for row in rows["attention_clips"]] == list(found.ratios)
    has_both = [len(set(clip.key_is_persistent.tolist())) == 2 for clip in clips]
    assert [row["clip_id"] for row in rows["attention_clips"]] == [
        name for name, both in zip(names, has_both, strict=True) if both
    ]
    assert rows["attention_efficiency_gated"] == rows["attention_efficiency"] == found.efficiency
