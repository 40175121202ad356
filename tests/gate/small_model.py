"""A model with few weights and a data set with few clips, made once and shared by the tests of three packages."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from functools import cache
from pathlib import Path

import torch

from perdure.data.config import DataConfig
from perdure.data.dataset import ClipDataset
from perdure.data.generate import generate_dataset
from perdure.evidence.config import EvidenceConfig, ModelConfig
from perdure.evidence.lifetime import LifetimeModel
from perdure.gate.model import PersistenceModel
from perdure.gate.operation import Operation
from perdure.tokenizer.config import QuantizerConfig, TokenizerConfig
from perdure.track_table import TrackTable
from perdure.tracking.crops import CropConfig
from perdure.training.windows import split_windows
from perdure.world.config import WorldConfig

HORIZON = 8
OPERATION = Operation(horizon=HORIZON, crop=CropConfig(size_px=16))
SMALL = ModelConfig(
    tokenizer=TokenizerConfig(crop_px=16, num_channels=(8, 16), quantizer=QuantizerConfig(num_bits=6)),
    evidence=EvidenceConfig(width=16, num_layers=1, num_heads=2, memory_frames=6),
)
DATA = DataConfig(
    world=WorldConfig(num_frames=18, horizon=HORIZON, frame_width_px=80, frame_height_px=80, max_objects=4),
    num_train=10,
    num_validation=2,
    num_calibration=6,
    num_test=6,
    clips_per_shard=8,
)
LIFETIME = LifetimeModel(hit_alive=0.9, hit_dead=0.05, pmf=(1 / 3, 1 / 3, 1 / 3))
_FOLDER = tempfile.TemporaryDirectory(prefix="perdure-tests-")


def small_model(*, seed: int = 0, operation: Operation = OPERATION, **evidence: object) -> PersistenceModel:
    """Returns a model with random weights, its head enlarged so that pictures move the evidence by nats.

    Args:
        seed: of the weights.
        operation: how tracks and crops are made.
        evidence: settings of the evidence model that differ from `SMALL`.
    """
    config = replace(SMALL, evidence=replace(SMALL.evidence, **evidence))  # type: ignore[arg-type]
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = PersistenceModel(config, operation=operation, lifetime=LIFETIME, score_scale=(0.5, 0.2)).eval()
        with torch.no_grad():
            for block in model.evidence.blocks:
                block.attention.bias.normal_()  # type: ignore[union-attr, operator]
            model.evidence.head[-1].weight *= 4.0  # type: ignore[operator]
    return model


def blind_to_others(model: PersistenceModel) -> PersistenceModel:
    """Returns the model after tokens of other tracks got exactly zero attention: each track is alone."""
    with torch.no_grad():
        for block in model.evidence.blocks:
            block.attention.bias[:, model.config.evidence.memory_frames :] = -1e4  # type: ignore[union-attr, index]
    return model


@cache
def small_dataset() -> ClipDataset:
    """Returns 24 clips; read only."""
    return generate_dataset(DATA, Path(_FOLDER.name) / "set", seed=7, num_workers=1)


@cache
def windows_of(split: str, num_ages: int = HORIZON) -> TrackTable:
    """Returns the tracks of a split of the small data set; read only."""
    return split_windows(small_dataset(), split, operation=OPERATION, num_ages=num_ages, num_workers=1)
