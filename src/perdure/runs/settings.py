"""What the engine of runs reads of a configuration, whatever the run trains on; loads no torch."""

from __future__ import annotations

import re
from dataclasses import dataclass

_DEVICE = re.compile(r"cpu|mps|cuda(:\d+)?")


@dataclass(frozen=True, kw_only=True, slots=True)
class RunSettings:
    """What every run has; whoever knows what is trained adds the rest."""

    recipe: str = "cpu"
    """Recipe that the other settings started from."""
    seed: int = 0
    """Seed of the data set, of initial weights and of batches."""
    device: str = "cpu"
    """Where the networks run: cpu, cuda, cuda:N or mps."""
    num_workers: int = 0
    """Processes that make clips and cut out tracks; 0 takes one per usable core. Changes no result."""
    num_threads: int = 0
    """Threads of torch; 0 takes one per usable core."""

    def __post_init__(self) -> None:
        for name in ("seed", "num_workers", "num_threads"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name}: got {getattr(self, name)}, expected at least 0")
        if not _DEVICE.fullmatch(self.device):
            raise ValueError(f"device: got '{self.device}', expected cpu, cuda, cuda:N or mps")

    @property
    def num_clips_in_memory(self) -> int:
        """Synthetic clips whose tracks the largest stage holds at once."""
        return 0

    @property
    def extractor_name(self) -> str:
        """Extractor that must be there; empty where the configuration names none."""
        return ""
