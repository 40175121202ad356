"""The training loop: reconstruction, quantization and persistence at once, resumable at any step.

Everything that a step depends on is in the checkpoint (weights, optimiser, random state), so a run that was killed
and resumed ends with the same weights as one that was not.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from perdure.checkpoint import load_checkpoint, load_module, save_checkpoint
from perdure.gate.model import PersistenceModel
from perdure.tokenizer.quantizer import code_index, quantize
from perdure.training.batches import WindowTensors
from perdure.training.config import TrainingConfig
from perdure.training.losses import training_losses, with_features
from perdure.training.progress import TrainingLog

logger = logging.getLogger(__name__)


class Interrupted(Exception):
    """Training was asked to stop; its state is in the checkpoint. Not an error: the user asked for it."""


def build_optimizer(model: nn.Module, config: TrainingConfig) -> torch.optim.AdamW:
    """Returns AdamW with weight decay on matrices only, the evidence head excepted."""
    decayed: list[nn.Parameter] = []
    free: list[nn.Parameter] = []
    for name, parameter in model.named_parameters():
        is_free = parameter.ndim < 2 or name.startswith("evidence.head")
        (free if is_free else decayed).append(parameter)
    groups = [{"params": decayed, "weight_decay": config.weight_decay}, {"params": free, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=config.learning_rate, betas=(0.9, 0.99))


def learning_rate(step: int, config: TrainingConfig) -> float:
    """Returns the learning rate of a step (0-based): linear warm-up, then cosine to a hundredth."""
    warm = min(1.0, (step + 1) / max(config.warmup_steps, 1))
    phase = step / max(config.num_steps, 1)
    return config.learning_rate * warm * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * min(phase, 1.0))))


class Trainer:
    """Holds what changes during training and knows how to store it."""

    def __init__(self, model: PersistenceModel, config: TrainingConfig, *, seed: int) -> None:
        self.model, self.config = model, config
        self.optimizer = build_optimizer(model, config)
        self.generator = torch.Generator().manual_seed(seed)
        self.step = 0

    def save(self, path: Path) -> None:
        """Writes the whole state of training."""
        tensors = {f"model.{name}": value for name, value in self.model.state_dict().items()}
        for index, entry in self.optimizer.state_dict()["state"].items():
            tensors |= {f"optimizer.{index}.{name}": torch.as_tensor(value) for name, value in entry.items()}
        tensors["generator"] = self.generator.get_state()
        save_checkpoint(path, tensors, {"step": self.step})

    def load(self, path: Path) -> None:
        """Continues from a stored state."""
        tensors, info = load_checkpoint(path)
        weights = {name[6:]: value for name, value in tensors.items() if name.startswith("model.")}
        load_module(self.model, weights, path)
        state = self.optimizer.state_dict()
        entries: dict[int, dict[str, Tensor]] = {}
        for name, value in tensors.items():
            if name.startswith("optimizer."):
                _, index, key = name.split(".")
                entries.setdefault(int(index), {})[key] = value
        self.optimizer.load_state_dict({"state": entries, "param_groups": state["param_groups"]})
        self.generator.set_state(tensors["generator"])
        self.step = int(info["step"])

    def advance(self, data: WindowTensors) -> dict[str, float]:
        """Takes one optimiser step; returns the loss terms."""
        config = self.config
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate(self.step, config)
        device = next(self.model.parameters()).device
        batch = data.sample(config.scenes_per_step, config.gated_share, self.generator).to(device)
        losses = training_losses(self.model, batch, config)
        values = {name: float(value.detach()) for name, value in losses.items()}
        self.optimizer.zero_grad(set_to_none=True)
        losses["loss"].backward()
        norm = float(nn.utils.clip_grad_norm_(self.model.parameters(), config.max_gradient_norm))
        # Before the step: weights that are no longer numbers must not reach a checkpoint.
        if not (math.isfinite(values["loss"]) and math.isfinite(norm)):
            raise FloatingPointError(
                f"training: loss became {values['loss']}, its gradient {norm} at step {self.step}; lower learning_rate"
            )
        self.optimizer.step()
        self.step += 1
        return values


def fit(
    trainer: Trainer,
    data: WindowTensors,
    validation: WindowTensors,
    *,
    checkpoint: Path,
    log: TrainingLog,
    should_stop: Callable[[], bool] = lambda: False,
) -> None:
    """Trains to the last step, storing the state at `checkpoint`; continues from it where it exists.

    Raises:
        Interrupted: `should_stop` said so; the state has been stored.
        FloatingPointError: the loss is no longer finite.
    """
    config = trainer.config
    if checkpoint.exists():
        trainer.load(checkpoint)
        logger.info("training continues at step %d of %d", trainer.step, config.num_steps)
    trainer.model.train()
    sums: dict[str, list[float]] = {}
    last_saved, loss = time.monotonic(), math.nan
    while trainer.step < config.num_steps:
        for name, value in trainer.advance(data).items():
            sums.setdefault(name, []).append(value)
        loss, step = sums["loss"][-1], trainer.step
        if step % config.log_steps == 0 or step == config.num_steps:
            row = {name: float(np.mean(values)) for name, values in sums.items()}
            if step % (10 * config.log_steps) == 0 or step == config.num_steps:
                row |= validate(trainer.model, validation, config)
            log.metrics({"stage": "train", "step": step, **_with_psnr(row)})
            sums.clear()
        log.progress(step, config.num_steps, f"loss {loss:.3f}")
        is_stopping = should_stop()
        if is_stopping or time.monotonic() - last_saved > config.checkpoint_seconds:
            trainer.save(checkpoint)
            last_saved = time.monotonic()
        if is_stopping:
            raise Interrupted(f"training stopped at step {step} of {config.num_steps}; run again to continue")
    trainer.save(checkpoint)


def _with_psnr(row: dict[str, float]) -> dict[str, float]:
    """Adds the peak signal-to-noise ratio: crops span [-1, 1], so the peak is 2."""
    if "squared" in row:
        row["psnr_db"] = 10 * math.log10(4.0 / max(row["squared"], 1e-12))
    return row


@torch.no_grad()
def validate(model: PersistenceModel, data: WindowTensors, config: TrainingConfig) -> dict[str, float]:
    """Returns loss terms, accuracy at ages 1 to 4 and codes used on the validation split."""
    model.eval()
    totals: dict[str, float] = {}
    right, seen = np.zeros(data.num_ages), np.zeros(data.num_ages)
    codes: set[int] = set()
    groups = [data.rows_of_scene[start : start + 8] for start in range(0, data.num_scenes, 8)]
    for group in groups:
        batch = data.whole(torch.cat(group)).to(next(model.parameters()).device)
        losses = training_losses(model, batch, config)
        for name, value in losses.items():
            totals[name] = totals.get(name, 0.0) + float(value) / len(groups)
        inputs = batch.inputs
        if model.config.evidence.uses_pixels:
            z, _ = model.extractor.latents(batch.crops)
            inputs = with_features(inputs, quantize(z).flatten(2))
            codes |= set(code_index(quantize(z))[batch.inputs.is_valid].flatten().tolist())
        output, _ = model.evidence(inputs, shown_until=batch.shown_until)
        is_right = (output.evidence > 0) == (batch.is_persistent[:, None] > 0)
        right += (is_right & inputs.is_valid).sum(0).cpu().numpy()
        seen += inputs.is_valid.sum(0).cpu().numpy()
    model.train()
    row = {f"validation_{name}": value for name, value in totals.items()}
    row |= {f"validation_accuracy_age_{age}": float(right[age - 1] / max(seen[age - 1], 1)) for age in (1, 2, 3, 4)}
    return row | {"validation_codes_used": float(len(codes))}
