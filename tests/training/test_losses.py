"""Every term of the loss against a formula written down again, and against the metric that it stands for."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from gate.small_model import small_model
from perdure.evaluation.attention import clip_attention
from perdure.evidence.model import EvidenceOutput
from perdure.gate.model import PersistenceModel
from perdure.metrics.attention import attention_received, token_ratio
from perdure.track_table import TrackTable
from perdure.training.batches import Batch, WindowTensors
from perdure.training.config import TrainingConfig
from perdure.training.losses import attention_loss, persistence_loss, training_losses

EXACT = TrainingConfig(uses_bfloat16=False, reconstructed_tracks=3)


@pytest.fixture
def batch(data: WindowTensors) -> Batch:
    return data.sample(3, 0.5, torch.Generator().manual_seed(0))


def scene_with_both(windows: TrackTable) -> int:
    return next(scene for scene in range(10) if len(set(windows.is_persistent[windows.unit == scene].tolist())) == 2)


def in_scene(data: WindowTensors, windows: TrackTable) -> Batch:
    return data.whole(torch.from_numpy(np.flatnonzero(windows.unit == scene_with_both(windows))))


def with_attention(batch: Batch, weights: torch.Tensor) -> EvidenceOutput:
    return EvidenceOutput(evidence=torch.zeros(batch.weight.shape), attention=(weights[None],))


def seen_keys(batch: Batch, memory_frames: int) -> torch.Tensor:
    """Returns which token each token may see, written down again one by one."""
    num_slots, num_times = batch.weight.shape
    inputs, allowed = batch.inputs, torch.zeros(num_slots * num_times, num_slots * num_times, dtype=torch.bool)
    places = [(slot, time) for slot in range(num_slots) for time in range(num_times)]
    for query, (slot, time) in enumerate(places):
        for key, (other, earlier) in enumerate(places):
            gap = int(inputs.frame[slot, time] - inputs.frame[other, earlier])
            is_there = bool(inputs.is_valid[slot, time] and inputs.is_valid[other, earlier])
            is_shown = other == slot or int(inputs.frame[slot, time]) <= int(batch.shown_until[other])
            is_same_scene = int(inputs.scene[slot]) == int(inputs.scene[other])
            allowed[query, key] = is_there and is_shown and is_same_scene and 0 <= gap < memory_frames
    return allowed


def test_persistence_loss_is_the_balanced_mean_of_log_losses(batch: Batch) -> None:
    evidence = torch.randn(batch.weight.shape, generator=torch.Generator().manual_seed(1)) * 3
    total = weight = 0.0
    for slot, truth in enumerate(batch.is_persistent.tolist()):
        for time in range(batch.weight.shape[1]):
            probability = 1 / (1 + math.exp(-float(evidence[slot, time])))
            part = float(batch.weight[slot, time])
            total -= part * math.log(probability if truth else 1 - probability)
            weight += part
    assert float(persistence_loss(evidence, batch)) == pytest.approx(total / weight, rel=1e-5)


def test_frames_after_a_tracks_end_do_not_count(batch: Batch) -> None:
    evidence = torch.zeros(batch.weight.shape)
    changed = torch.where(batch.inputs.is_valid, evidence, 50.0)
    assert not batch.inputs.is_valid.all()
    assert float(persistence_loss(changed, batch)) == float(persistence_loss(evidence, batch))
    assert float(persistence_loss(evidence, batch)) == pytest.approx(math.log(2))


def test_uniform_attention_falls_short_by_the_whole_target(batch: Batch) -> None:
    allowed = seen_keys(batch, 6)
    weights = allowed / allowed.sum(1, keepdim=True).clamp_min(1)
    for target in (3.0, 1.5):
        loss = attention_loss(with_attention(batch, weights), batch, memory_frames=6, target=target)
        assert float(loss) == pytest.approx(math.log(target), abs=1e-5)


def test_attention_on_what_lives_costs_nothing_from_the_target_on(batch: Batch) -> None:
    allowed = seen_keys(batch, 6)
    is_persistent = (batch.is_persistent > 0).repeat_interleave(batch.weight.shape[1])
    preference = allowed * torch.where(is_persistent, 1.0, 0.05)
    weights = preference / preference.sum(1, keepdim=True).clamp_min(1e-9)
    relative = (weights * allowed.sum(1, keepdim=True)).double().numpy()
    ratio = token_ratio(attention_received(relative, allowed.numpy()), is_persistent.numpy())
    assert ratio > 1.1
    losses = [
        float(attention_loss(with_attention(batch, weights), batch, memory_frames=6, target=factor * ratio))
        for factor in (0.5, 0.99, 1.1, 5.0)
    ]
    assert losses[:2] == [0, 0]
    assert losses[2:] == pytest.approx([math.log(1.1), math.log(5.0)], abs=1e-4)


def test_one_class_alone_has_no_preference(batch: Batch, model: PersistenceModel) -> None:
    alone = replace(batch, is_persistent=torch.ones_like(batch.is_persistent))
    output, _ = model.evidence(replace(alone.inputs, feature=torch.zeros(*alone.weight.shape, 24)))
    loss = attention_loss(output, alone, memory_frames=6, target=3.0)
    loss.backward()
    assert float(loss.detach()) == 0
    assert model.evidence.blocks[0].attention.query_key_value.weight.grad.abs().max() == 0


@pytest.mark.parametrize("num_layers", [1, 2])
def test_attention_loss_agrees_with_the_metric(windows: TrackTable, num_layers: int) -> None:
    model = small_model(num_layers=num_layers)
    batch = in_scene(WindowTensors(windows, model), windows)
    with torch.no_grad():
        losses = training_losses(model, batch, replace(EXACT, attention_target=100.0))
    rows = np.flatnonzero(windows.unit == scene_with_both(windows))
    attention = clip_attention(model, windows.take(rows))
    ratio = token_ratio(attention_received(attention.relative, attention.allowed), attention.key_is_persistent)
    assert float(losses["attention"]) == pytest.approx(math.log(100.0 / ratio), abs=1e-3)
    assert abs(math.log(ratio)) > 0.01, "attention is nearly uniform, so nothing was compared"


def test_the_loss_is_the_weighted_sum_of_its_terms(model: PersistenceModel, batch: Batch) -> None:
    config = replace(EXACT, persistence_weight=0.7, attention_weight=0.3, absolute_weight=0.6)
    with torch.no_grad():
        terms = {name: float(value) for name, value in training_losses(model, batch, config).items()}
    expected = (
        terms["squared"] + 0.6 * terms["absolute"] + terms["quantizer"] + 0.7 * terms["persistence"]
        + 0.3 * terms["attention"]
    )  # fmt: skip
    assert terms["loss"] == pytest.approx(expected, rel=1e-5)
    assert set(terms) == {"squared", "absolute", "quantizer", "persistence", "attention", "loss"}


def test_reconstruction_is_measured_on_existing_frames_of_the_first_tracks(
    model: PersistenceModel, batch: Batch
) -> None:
    with torch.no_grad():
        code, _ = model.extractor(batch.crops)
        grid = model.config.tokenizer.grid
        picture, _ = model.extractor.tokenizer.decode(code[:3].unflatten(2, (grid, grid, 6)))
        difference = (picture - batch.crops[:3])[batch.inputs.is_valid[:3]]
        losses = training_losses(model, batch, EXACT)
    assert float(losses["squared"]) == pytest.approx(float(difference.square().mean()), rel=1e-5)
    assert float(losses["absolute"]) == pytest.approx(float(difference.abs().mean()), rel=1e-5)


def test_what_stands_after_a_tracks_end_changes_no_term(model: PersistenceModel, batch: Batch) -> None:
    is_valid = batch.inputs.is_valid[:, :, None, None, None]
    other = replace(batch, crops=torch.where(is_valid, batch.crops, 0.7))
    with torch.no_grad():
        one, two = (training_losses(model, which, EXACT) for which in (batch, other))
    for name in one:
        assert float(one[name]) == pytest.approx(float(two[name]), abs=1e-6), name


@pytest.mark.parametrize("name", ["persistence", "attention"])
def test_the_encoder_learns_from_decisions_through_the_quantizer(
    model: PersistenceModel, batch: Batch, name: str
) -> None:
    training_losses(model, batch, replace(EXACT, attention_target=100.0))[name].backward()
    encoder = [parameter.grad for parameter in model.extractor.tokenizer.encoder.parameters()]
    assert all(gradient is not None and gradient.abs().max() > 0 for gradient in encoder)
    assert all(parameter.grad is None for parameter in model.extractor.tokenizer.decoder.parameters())


def test_a_model_without_pixels_has_no_picture_terms(windows: TrackTable) -> None:
    model = small_model(uses_pixels=False)
    batch = WindowTensors(windows, model).sample(3, 0.5, torch.Generator().manual_seed(0))
    losses = training_losses(model, batch, EXACT)
    assert set(losses) == {"persistence", "attention", "loss"}
    losses["loss"].backward()
    assert model.evidence.embed_geometry.weight.grad.abs().max() > 0
