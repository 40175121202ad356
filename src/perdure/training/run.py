"""From a data set to a trained model: windows, lifetime fit, joint training."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from perdure.data.dataset import ClipDataset
from perdure.evidence.config import ModelConfig
from perdure.evidence.lifetime import fit_lifetime
from perdure.gate.model import PersistenceModel
from perdure.gate.operation import Operation
from perdure.track_table import TrackTable
from perdure.training.batches import WindowTensors
from perdure.training.composites import composite_windows
from perdure.training.config import TrainingConfig
from perdure.training.progress import PreparedSteps, TrainingLog
from perdure.training.train import Trainer, fit
from perdure.training.windows import folder_windows, score_scale, split_windows


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingRequest:
    """All that training depends on beside the data.

    Args:
        model: sizes of the networks.
        operation: how tracks and crops are made.
        training: how long and how fast.
        seed: of initial weights and of batches.
        num_workers: processes that cut out windows.
        device: where the training runs.
    """

    model: ModelConfig
    operation: Operation
    training: TrainingConfig
    seed: int
    num_workers: int = 2
    device: str = "cpu"


def build_model(request: TrainingRequest, windows: TrackTable) -> PersistenceModel:
    """Returns a model with fresh weights, its lifetime evidence and score scale fitted on training tracks."""
    lifetime = fit_lifetime(windows.is_hit, windows.is_valid, windows.is_persistent)
    with torch.random.fork_rng():
        torch.manual_seed(request.seed)
        model = PersistenceModel(
            request.model, operation=request.operation, lifetime=lifetime, score_scale=score_scale(windows)
        )
    return model.to(request.device)


def _other_sources(request: TrainingRequest, steps: PreparedSteps) -> list[TrackTable]:
    """Returns pasted tracks and tracks of real sequences, where they are asked for."""
    config, operation, sources = request.training, request.operation, []
    if config.composites.num_scenes:
        sources.append(
            composite_windows(
                config.composites,
                size_px=operation.crop.size_px,
                context=operation.crop.context,
                num_ages=config.num_ages,
                seed=request.seed,
            )
        )
    if config.sequences is not None:
        sources.append(
            folder_windows(
                config.sequences,
                operation=operation,
                num_ages=config.num_ages,
                held_out_every=config.held_out_every,
                targets=config.sequence_targets,
                on_progress=lambda done, total: steps.prepare(done, total, "cutting out tracks of real sequences"),
            )
        )
    return sources


def train_model(
    dataset: ClipDataset,
    request: TrainingRequest,
    *,
    checkpoint: Path,
    log: TrainingLog,
    should_stop: Callable[[], bool] = lambda: False,
) -> PersistenceModel:
    """Returns a trained model; continues from `checkpoint` where it exists.

    Raises:
        Interrupted: `should_stop` said so; the state is in the checkpoint.
        FloatingPointError: the loss is no longer finite.
    """
    num_parts = 2 + int(request.training.sequences is not None)
    steps = PreparedSteps(log, num_parts=num_parts, num_steps=request.training.num_steps)

    def windows_of(split: str) -> TrackTable:
        return split_windows(
            dataset,
            split,
            operation=request.operation,
            num_ages=request.training.num_ages,
            num_workers=request.num_workers,
            on_progress=lambda done, total: steps.prepare(done, total, f"cutting out {split} tracks"),
        )

    sources, validation = [windows_of("train"), *_other_sources(request, steps)], windows_of("validation")
    model = build_model(request, TrackTable.join(sources))
    trainer = Trainer(model, request.training, seed=request.seed)
    fit(
        trainer,
        WindowTensors(sources, model, is_photometric=request.training.uses_relighting),
        WindowTensors(validation, model),
        checkpoint=checkpoint,
        log=steps,
        should_stop=should_stop,
    )
    model.trained_on = np.concatenate([part.key for part in (*sources, validation)])
    return model.cpu().eval()
