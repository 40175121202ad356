"""The complete configuration of a run on real tracks; loads no torch."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

from perdure.data.config import DataConfig
from perdure.evidence.config import ModelConfig
from perdure.gate.operation import Operation, Rates
from perdure.runs.settings import RunSettings
from perdure.tracks.tracks_config import RealData
from perdure.training.config import TrainingConfig
from perdure.training.track_fit import TrackTrainingConfig


@dataclass(frozen=True, kw_only=True, slots=True)
class TracksDataConfig(RealData):
    """Labelled sequences, and which of their tracks are taken."""

    path: str = ""
    """Folder of MOT folders (seqinfo.ini, det/, gt/gt.txt); must be given, but for synthetic detections."""
    num_streets: int = 0
    """Synthetic scenes to take instead of a folder: every one with a camera, a detector and clutter of its own."""
    folds: int = 8
    """Largest number of parts that are left out in turn; more sequences than that share parts, neighbours together."""
    uses_pixels: bool = False
    """Look at crops as well, with a tokenizer that is trained on synthetic clips first; needs sequences with video."""

    def __post_init__(self) -> None:
        RealData.__post_init__(self)  # super() does not work in dataclasses with slots
        if self.num_streets and (self.path or self.uses_pixels or self.num_streets < 2):
            raise ValueError(f"num_streets: got {self.num_streets}, expected 0, or at least 2 without path and pixels")

    @property
    def name(self) -> str:
        """What the data is called."""
        return "streets" if self.num_streets else self.folder.name

    @property
    def folder(self) -> Path:
        """The folder.

        Raises:
            ValueError: none is given.
            FileNotFoundError: there is no such folder.
        """
        if not self.path:
            raise ValueError("data.path: got none, expected a folder of labelled sequences; give --data.path DIR")
        folder = Path(self.path)
        if not folder.is_dir():
            raise FileNotFoundError(f"data.path: {folder} is no folder; give one of MOT folders")
        return folder


@dataclass(frozen=True, kw_only=True, slots=True)
class PretrainingConfig:
    """The synthetic training that a tokenizer comes from, where pixels are used."""

    data: DataConfig = field(default_factory=lambda: DataConfig(num_validation=1, num_calibration=1, num_test=1))
    """Synthetic clips; only those of the training split are used."""
    model: ModelConfig = field(default_factory=ModelConfig)
    """Sizes of the networks."""
    training: TrainingConfig = field(default_factory=TrainingConfig)
    """How long they are trained."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TracksEvaluationConfig:
    """What is measured on the sequences that are left out."""

    early_stop_frame: int = 4
    """A decision at this age or earlier counts as early."""
    num_resamples: int = 2000
    """Bootstrap resamples of every interval over sequences."""
    num_evidence_figures: int = 12
    """Sequences whose evidence is drawn."""
    inner_folds: int = 4
    """Parts of the training sequences that are left out in turn to calibrate the gate of each fold."""

    def __post_init__(self) -> None:
        for name, least in (
            ("early_stop_frame", 1),
            ("num_resamples", 100),
            ("num_evidence_figures", 1),
            ("inner_folds", 2),
        ):
            if getattr(self, name) < least:
                raise ValueError(f"{name}: got {getattr(self, name)}, expected at least {least}")


@dataclass(frozen=True, kw_only=True, slots=True)
class TracksRunConfig(RunSettings):
    """Everything that a run on real tracks depends on."""

    data: TracksDataConfig = field(default_factory=TracksDataConfig)
    """Sequences, and which of their tracks are taken."""
    pretraining: PretrainingConfig = field(default_factory=PretrainingConfig)
    """Where the tokenizer comes from; not used without pixels."""
    training: TrackTrainingConfig = field(default_factory=TrackTrainingConfig)
    """How evidence is fitted."""
    calibration: Rates = field(default_factory=Rates)
    """Error rates that bounds must keep on tracks like those of the training sequences."""
    evaluation: TracksEvaluationConfig = field(default_factory=TracksEvaluationConfig)
    """What is measured."""

    @property
    def needs(self) -> tuple[str, ...]:
        """Trees are grown by scikit-learn."""
        return ("sklearn.ensemble",)

    @property
    def disk_bytes(self) -> int:
        """Size of the synthetic clips."""
        return self.pretraining.data.num_clips * self.pretraining.data.bytes_per_clip if self.data.uses_pixels else 0

    @property
    def source_folder(self) -> Path | None:
        """Folder of the sequences; None for made-up scenes.

        Raises:
            ValueError: none is given.
            FileNotFoundError: there is no such folder.
        """
        return None if self.data.num_streets else self.data.folder.resolve()

    def reading(self, folder: str) -> TracksRunConfig:
        """Returns the same settings with their sequences in another folder."""
        return replace(self, data=replace(self.data, path=folder))

    @property
    def operation(self) -> Operation:
        """How tracks and crops of the synthetic clips are made."""
        return Operation()
