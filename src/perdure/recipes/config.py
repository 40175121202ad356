"""The complete configuration of a run: a source of tracks, what gathers evidence on them, rates, and what is measured.

Loads no torch.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from perdure.binomial import failures_before
from perdure.calibration.rates import DEFAULT_RATES, RATE_NAMES, Rates
from perdure.data.config import SPLITS, DataConfig
from perdure.evaluation.config import EvaluationConfig
from perdure.evidence.config import ModelConfig
from perdure.gate.operation import Operation
from perdure.runs.settings import RunSettings
from perdure.tracks.tracks_config import RealData
from perdure.training.config import TrainingConfig
from perdure.training.track_fit import TrackTrainingConfig
from perdure.world.config import WorldConfig

SURE = 0.999
"""Probability with which a data set that is accepted holds enough tracks of each class for calibration."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SequencesConfig(RealData):
    """Labelled sequences, and which of their tracks are taken."""

    path: str = ""
    """Folder of MOT folders (seqinfo.ini, det/, gt/gt.txt); must be given, but for synthetic detections."""
    num_streets: int = 0
    """Synthetic scenes to take instead of a folder: every one with a camera, a detector and clutter of its own."""
    folds: int = 8
    """Largest number of parts that are left out in turn; more sequences than that share parts, neighbours together."""
    uses_pixels: bool = False
    """Look at crops as well; needs sequences with video. A forest then gets a tokenizer of synthetic clips."""

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
class RunConfig(RunSettings):
    """Everything that a run depends on."""

    evidence: Literal["network", "forest"] = "network"
    """What gathers evidence: a network trained on synthetic clips, or a forest fitted on tracks of the source."""
    data: DataConfig | SequencesConfig = field(default_factory=DataConfig)
    """The source: clips of the synthetic world, or labelled sequences."""
    clips: DataConfig = field(default_factory=lambda: DataConfig(num_validation=1, num_calibration=1, num_test=1))
    """Synthetic clips that networks are trained on where the source is labelled sequences."""
    operation: Operation = field(default_factory=Operation)
    """How tracks and crops of clips are made and when a decision on them is forced."""
    model: ModelConfig = field(default_factory=ModelConfig)
    """Sizes of the networks."""
    training: TrainingConfig = field(default_factory=TrainingConfig)
    """How long and how fast the networks are trained."""
    forest: TrackTrainingConfig = field(default_factory=TrackTrainingConfig)
    """How a forest is fitted."""
    calibration: Rates = DEFAULT_RATES
    """Error rates that the stopping rule must keep."""
    evaluation: EvaluationConfig = field(default_factory=EvaluationConfig)
    """What is measured."""

    def __post_init__(self) -> None:
        RunSettings.__post_init__(self)  # super() does not work in dataclasses with slots
        if isinstance(self.data, DataConfig):
            for split in SPLITS:
                if getattr(self.data, f"num_{split}") < 1:
                    raise ValueError(
                        f"data.num_{split}: got 0 clips, expected at least 1; every split is used in a run"
                    )
        if self.network_stage is not None:
            self._check_agreement()
        if self.is_network_on_clips:
            self._check_calibration()

    @property
    def sequences(self) -> SequencesConfig | None:
        """The labelled sequences that are the source; None where it is clips."""
        return self.data if isinstance(self.data, SequencesConfig) else None

    @property
    def world_clips(self) -> DataConfig:
        """The clips that are the source.

        Raises:
            ValueError: it is labelled sequences.
        """
        if not isinstance(self.data, DataConfig):
            raise ValueError(f"recipe: '{self.recipe}' is for real tracks, expected one that makes clips, such as cpu")
        return self.data

    @property
    def is_network_on_clips(self) -> bool:
        """Whether the network decides on clips, pixels and all; everything else goes through a table of tracks."""
        return self.evidence == "network" and self.sequences is None

    @property
    def made_clips(self) -> DataConfig | None:
        """The synthetic clips that the run makes; None where it needs none."""
        if isinstance(self.data, DataConfig):
            return self.data
        return None if self.network_stage is None else self.clips

    @property
    def network_stage(self) -> str | None:
        """Stage that trains a network: `train`, `pretrain` where only its tokenizer is used, None where there is none.

        A forest on clips reads detections alone.
        """
        if self.evidence == "network":
            return "train"
        return "pretrain" if self.sequences is not None and self.sequences.uses_pixels else None

    @property
    def network(self) -> ModelConfig:
        """The networks that are trained.

        One that decides on sequences reads pixels if these do, and no scores: those of clips say nothing of a detector.
        """
        if self.evidence == "forest" or self.sequences is None:
            return self.model
        evidence = replace(self.model.evidence, uses_pixels=self.sequences.uses_pixels, uses_score=False)
        return replace(self.model, evidence=evidence)

    @property
    def num_clips_in_memory(self) -> int:
        """Clips of the larger one of the splits that are held whole."""
        return max(self.data.num_calibration, self.data.num_test) if isinstance(self.data, DataConfig) else 0

    @property
    def disk_bytes(self) -> int:
        """Size of all clips."""
        return 0 if self.made_clips is None else self.made_clips.num_clips * self.made_clips.bytes_per_clip

    @property
    def extractor_name(self) -> str:
        """Extractor of the network; empty where there is none."""
        return "" if self.network_stage is None else self.model.extractor

    @property
    def needs(self) -> tuple[str, ...]:
        """Modules of optional libraries: scikit-learn grows trees, also those that a table of tracks is compared on."""
        return () if self.is_network_on_clips else ("sklearn.ensemble",)

    @property
    def source_folder(self) -> Path | None:
        """Folder outside of the run folder that is read; None where all data is made.

        Raises:
            ValueError: none is given.
            FileNotFoundError: there is no such folder.
        """
        sequences = self.sequences
        return None if sequences is None or sequences.num_streets else sequences.folder.resolve()

    def reading(self, folder: str) -> RunConfig:
        """Returns the same settings with the sequences in another folder, such as one on another machine."""
        return self if self.sequences is None else replace(self, data=replace(self.sequences, path=folder))

    def _check_agreement(self) -> None:
        """Refuses two settings of one thing that differ."""
        section = "data" if isinstance(self.data, DataConfig) else "clips"
        world = (self.data if isinstance(self.data, DataConfig) else self.clips).world
        operation, tokenizer = self.operation, self.model.tokenizer
        pairs = (
            ("operation.frame_rate_hz", operation.frame_rate_hz, f"{section}.world.frame_rate_hz", world.frame_rate_hz),
            ("operation.crop.size_px", operation.crop.size_px, "model.tokenizer.crop_px", tokenizer.crop_px),
        )
        for name, value, other_name, other in pairs:
            if value != other:
                raise ValueError(f"{name}: got {value}, expected the same as {other_name} ({other})")
        if operation.horizon > world.horizon:
            raise ValueError(
                f"operation.horizon: got {operation.horizon}, expected at most {section}.world.horizon "
                f"({world.horizon}): tracks are observed no longer"
            )

    def _check_calibration(self) -> None:
        """Refuses a calibration split that is too small, which would be found out after the whole training."""
        clips = self.world_clips
        for name in RATE_NAMES:
            if getattr(self.calibration, name) is None:
                raise ValueError(f"calibration.{name}: got none, expected a rate; a run on clips keeps both")
            needed = self.calibration.tracks_needed(name)
            num, least = clips.num_calibration, least_clips(clips.world, needed, name)
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
    return num_tracks + failures_before(num_tracks, share, sure=SURE) if share > 0 else math.inf
