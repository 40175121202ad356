"""The training stage: trains with a configuration, stores its state as it goes, and leaves the weights."""

from __future__ import annotations

import shutil

from perdure.data.dataset import ClipDataset
from perdure.recipes.config import RunConfig
from perdure.runs.stage import StageContext, Stopped
from perdure.training.run import TrainingRequest, train_model
from perdure.training.train import Interrupted

TRAINED = "checkpoints/trained.safetensors"
"""Weights before calibration, inside the run folder."""


def train(context: StageContext) -> None:
    """Trains tokenizer and evidence model together on the training split."""
    train_as(training_request(context.config, context), context, TRAINED)


def training_request(config: RunConfig, context: StageContext) -> TrainingRequest:
    """Returns what a configuration says about training."""
    return TrainingRequest(
        model=config.model,
        operation=config.operation,
        training=config.training,
        seed=config.seed,
        num_workers=context.num_workers,
        device=config.device,
    )


def train_as(request: TrainingRequest, context: StageContext, output: str) -> None:
    """Trains on the data set of the run and stores the weights at `output`, a path inside the run folder."""
    checkpoint = context.work / "state.safetensors"
    try:
        model = train_model(
            ClipDataset.open(context.dataset_folder),
            request,
            checkpoint=checkpoint,
            log=context.log,
            should_stop=context.should_stop,
        )
    except Interrupted as error:
        raise Stopped(str(error)) from error
    model.save(context.run.path / output)
    shutil.rmtree(context.work, ignore_errors=True)
