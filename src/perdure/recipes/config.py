"""The complete configuration of a run: every part's settings in one value; loads no torch."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from perdure.data.config import SPLITS, DataConfig
from perdure.evaluation.config import EvaluationConfig
from perdure.evidence.config import ModelConfig
from perdure.gate.operation import Operation
from perdure.runs.settings import RunSettings
from perdure.training.config import TrainingConfig


@dataclass(frozen=True, kw_only=True, slots=True)
class CalibrationConfig:
    """What the bounds of the stopping rule must guarantee."""

    max_false_confirm: float = 0.02
    """Largest share of transient tracks that may be called persistent."""
    max_miss: float = 0.02
    """Largest share of persistent tracks that may be called transient."""
    delta: float = 0.05
    """Probability, over the choice of calibration clips, with which a bound may fail to keep its rate."""

    def __post_init__(self) -> None:
        for name in ("max_false_confirm", "max_miss", "delta"):
            if not 0 < getattr(self, name) < 1:
                raise ValueError(f"{name}: got {getattr(self, name)}, expected above 0 and below 1")

    @property
    def least_clips(self) -> int:
        """Calibration clips without which no exact bound exists: even no error at all in fewer proves too little."""
        rate = min(self.max_false_confirm, self.max_miss)
        return math.ceil(math.log(self.delta) / math.log1p(-rate))


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
    calibration: CalibrationConfig = field(default_factory=CalibrationConfig)
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
        num, rates = self.data.num_calibration, self.calibration
        if num < rates.least_clips:
            name = "max_miss" if rates.max_miss <= rates.max_false_confirm else "max_false_confirm"
            raise ValueError(
                f"data.num_calibration: got {num} clips, need at least {rates.least_clips} for calibration.{name} "
                f"{getattr(rates, name)} at calibration.delta {rates.delta}; add clips or raise {name}"
            )
