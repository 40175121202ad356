"""What training makes small: reconstruction, quantization, persistence, and attention spent on what dies."""

from __future__ import annotations

import math
from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from perdure.evidence.model import EvidenceInput, EvidenceOutput
from perdure.gate.model import PersistenceModel
from perdure.modules.attention import TokenPlace, scene_mask
from perdure.tokenizer.quantizer import quantize, quantizer_loss
from perdure.training.batches import Batch
from perdure.training.config import TrainingConfig


def with_features(inputs: EvidenceInput, feature: Tensor) -> EvidenceInput:
    """Returns evidence input with picture features."""
    return replace(inputs, feature=feature)


def persistence_loss(evidence: Tensor, batch: Batch) -> Tensor:
    """Returns the class-balanced binary cross-entropy, mean over all frames of all tracks (LSEL for two classes)."""
    truth = batch.is_persistent[:, None].expand_as(evidence)
    loss = functional.binary_cross_entropy_with_logits(evidence, truth, reduction="none")
    return (loss * batch.weight).sum() / batch.weight.sum()


def training_losses(model: PersistenceModel, batch: Batch, config: TrainingConfig) -> dict[str, Tensor]:
    """Returns all terms of the loss on one batch, and their weighted sum as `loss`."""
    inputs, losses = batch.inputs, {}
    if model.config.evidence.uses_pixels:
        shown = slice(0, config.reconstructed_tracks)
        is_valid = batch.inputs.is_valid
        with torch.autocast(batch.crops.device.type, torch.bfloat16, enabled=config.uses_bfloat16):
            z, _ = model.extractor.latents(batch.crops)
            code = quantize(z.float())
            picture, _ = model.extractor.tokenizer.decode(code[shown])
        inputs = with_features(inputs, code.flatten(2))
        difference = (picture.float() - batch.crops[shown])[is_valid[shown]]
        losses["squared"] = difference.square().mean()
        losses["absolute"] = difference.abs().mean()
        losses["quantizer"] = quantizer_loss(z[is_valid], model.config.tokenizer.quantizer)
    output, _ = model.evidence(inputs, shown_until=batch.shown_until)
    losses["persistence"] = persistence_loss(output.evidence, batch)
    memory_frames = model.config.evidence.memory_frames
    losses["attention"] = attention_loss(output, batch, memory_frames=memory_frames, target=config.attention_target)
    losses["loss"] = (
        config.persistence_weight * losses["persistence"]
        + config.attention_weight * losses["attention"]
        + losses.get("squared", 0.0)
        + config.absolute_weight * losses.get("absolute", 0.0)
        + losses.get("quantizer", 0.0)
    )
    return losses


def attention_loss(output: EvidenceOutput, batch: Batch, *, memory_frames: int, target: float) -> Float[Tensor, ""]:
    """Returns how far (in log units) attention efficiency over the batch falls short of its target; 0 once reached.

    Attention received by a token is counted as in `perdure.metrics.attention`: 1 is what uniform attention gives.
    Left to itself the model looks most at frames on which something has died, which tell as much about a track as
    those on which it lives; this term asks it to look at the living.
    """
    inputs = batch.inputs
    num_slots, num_times = inputs.is_valid.shape
    slot = torch.arange(num_slots, device=inputs.scene.device).repeat_interleave(num_times)
    place = TokenPlace(slot, inputs.scene[slot], inputs.frame.flatten())
    is_valid = inputs.is_valid.flatten()
    mask = scene_mask(place, place, memory_frames=memory_frames, shown_until=batch.shown_until)
    allowed = mask.allowed & is_valid[:, None] & is_valid[None, :]
    weights = torch.stack([layer[:, :, -len(slot) :].mean(0) for layer in output.attention]).mean(0)
    relative = torch.where(allowed, weights * allowed.sum(1, keepdim=True), 0.0)
    num_queries = allowed.sum(0)
    received = relative.sum(0) / num_queries.clamp_min(1)
    is_persistent = batch.is_persistent[slot] > 0
    is_seen = num_queries > 0
    persistent, transient = received[is_seen & is_persistent], received[is_seen & ~is_persistent]
    if not len(persistent) or not len(transient):
        return received.sum() * 0.0
    shortfall = math.log(target) - persistent.mean().clamp_min(1e-6).log() + transient.mean().clamp_min(1e-6).log()
    return shortfall.clamp_min(0.0)
