"""Settings of a data set."""

from __future__ import annotations

from dataclasses import dataclass, field

from perdure.world.config import WorldConfig

SPLITS = ("train", "validation", "calibration", "test")
"""Names of the splits, in the order of their clips."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DataConfig:
    """How many clips of which world; every split takes its own clips, none is used twice."""

    world: WorldConfig = field(default_factory=WorldConfig)
    """The world that the clips come from."""
    num_train: int = 1500
    """Clips to train on."""
    num_validation: int = 200
    """Clips to watch training on."""
    num_calibration: int = 1200
    """Clips that set the bounds of the stopping rule, and nothing else."""
    num_test: int = 800
    """Clips that results are reported on."""
    clips_per_shard: int = 64
    """Clips in one file; an interrupted generation loses at most this many per worker."""

    def __post_init__(self) -> None:
        for name in ("num_train", "num_validation", "num_calibration", "num_test"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name}: got {getattr(self, name)}, expected at least 0")
        if self.num_clips == 0:
            raise ValueError("num_train, num_validation, num_calibration, num_test: all are 0, expected some clips")
        if self.clips_per_shard < 1:
            raise ValueError(f"clips_per_shard: got {self.clips_per_shard}, expected at least 1")

    @property
    def num_clips(self) -> int:
        """Clips of all splits together."""
        return self.num_train + self.num_validation + self.num_calibration + self.num_test

    @property
    def bytes_per_clip(self) -> int:
        """Size of the frames of one clip."""
        world = self.world
        return world.num_frames * world.frame_height_px * world.frame_width_px * 3

    def split_indices(self) -> dict[str, range]:
        """Returns the clip indices of each split; they follow each other, so no two splits can share a clip."""
        result, start = {}, 0
        for name in SPLITS:
            stop = start + getattr(self, f"num_{name}")
            result[name] = range(start, stop)
            start = stop
        return result
