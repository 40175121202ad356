"""The complete configuration of a run: every part's settings in one value; loads no torch."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from scipy.special import nbdtrik

from perdure.data.config import SPLITS, DataConfig
from perdure.evaluation.config import EvaluationConfig
from perdure.evidence.config import ModelConfig
from perdure.gate.operation import DEFAULT_RATES, RATE_NAMES, Operation, Rates
from perdure.runs.settings import RunSettings
from perdure.training.config import TrainingConfig
from perdure.world.config import WorldConfig

SURE = 0.999
"""Probability with which a data set that is accepted holds enough tracks of each class for calibration."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RunConfig(RunSettings):
    """Everything that a run on the synthetic world depends on."""

    data: DataConfig = field(default_factory=DataConfig)
    """The data set."""
    operation: Operation = field(default_factory=Operation)
    """How tracks and crops are made and when a decision is forced."""
    model: ModelConfig = field(default_factory=ModelConfig)
    """Sizes of the networks."""
    training: TrainingConfig = field(default_factory=TrainingConfig)
    """How long and how fast the networks are trained."""
    calibration: Rates = DEFAULT_RATES
    """Error rates that the stopping rule must keep."""
    evaluation: EvaluationConfig = field(default_factory=EvaluationConfig)
    """What is measured."""

    def __post_init__(self) -> None:
        RunSettings.__post_init__(self)  # super() does not work in dataclasses with slots
        for split in SPLITS:
            if getattr(self.data, f"num_{split}") < 1:
                raise ValueError(f"data.num_{split}: got 0 clips, expected at least 1; every split is used in a run")
        self._check_agreement()
        self._check_calibration()

    @property
    def num_clips_in_memory(self) -> int:
        """Clips of the larger one of the splits that are held whole."""
        return max(self.data.num_calibration, self.data.num_test)

    @property
    def disk_bytes(self) -> int:
        """Size of all clips."""
        return self.data.num_clips * self.data.bytes_per_clip

    @property
    def extractor_name(self) -> str:
        """Extractor of the model."""
        return self.model.extractor

    def _check_agreement(self) -> None:
        """Refuses two settings of one thing that differ."""
        world, operation = self.data.world, self.operation
        pairs = (
            ("operation.frame_rate_hz", operation.frame_rate_hz, "data.world.frame_rate_hz", world.frame_rate_hz),
            ("operation.crop.size_px", operation.crop.size_px, "model.tokenizer.crop_px", self.model.tokenizer.crop_px),
        )
        for name, value, other_name, other in pairs:
            if value != other:
                raise ValueError(f"{name}: got {value}, expected the same as {other_name} ({other})")
        if operation.horizon > world.horizon:
            raise ValueError(
                f"operation.horizon: got {operation.horizon}, expected at most data.world.horizon ({world.horizon}): "
                "tracks are observed no longer"
            )

    def _check_calibration(self) -> None:
        """Refuses a calibration split that is too small, which would be found out after the whole training."""
        for name in RATE_NAMES:
            if getattr(self.calibration, name) is None:
                raise ValueError(f"calibration.{name}: got none, expected a rate; a run on clips keeps both")
            needed = self.calibration.tracks_needed(name)
            num, least = self.data.num_calibration, least_clips(self.data.world, needed, name)
            if num < least:
                raise ValueError(
                    f"data.num_calibration: got {num} clips, need at least {least} for calibration.{name} "
                    f"{getattr(self.calibration, name)} at calibration.delta {self.calibration.delta}, which takes "
                    f"{needed} tracks from clips of their own; add clips or raise {name}"
                )


def least_clips(world: WorldConfig, num_tracks: int, name: str) -> float:
    """Returns the fewest clips that almost surely hold so many with a track of the class that a rate is about.

    Args:
        world: that the clips are of.
        num_tracks: clips of that kind that are needed.
        name: `max_miss` is about persistent tracks, `max_false_confirm` about transient ones.
    """
    share = world.share_of_clips(is_persistent=name == "max_miss")
    return num_tracks + math.ceil(nbdtrik(SURE, num_tracks, share)) if share > 0 else math.inf
