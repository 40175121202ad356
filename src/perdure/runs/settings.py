"""What every run depends on, whatever it trains on; loads no torch."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

_DEVICE = re.compile(r"cpu|mps|cuda(:\d+)?")


@dataclass(frozen=True, kw_only=True, slots=True)
class RunSettings:
    """What every run has, whatever it trains on; a stage that is the same in all of them reads no more than this."""

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
    def needs(self) -> tuple[str, ...]:
        """Modules of optional libraries that its stages need."""
        return ()

    @property
    def disk_bytes(self) -> int:
        """What its data takes on a disk."""
        return 0

    @property
    def source_folder(self) -> Path | None:
        """Folder outside of the run folder that it reads; None where it makes all of its data."""
        return None

    def reading(self, folder: str) -> RunSettings:
        """Returns the same settings with their sources in another folder, such as one on another machine."""
        return self

    @property
    def extractor_name(self) -> str:
        """Extractor that must be there; empty where the configuration names none."""
        return ""
