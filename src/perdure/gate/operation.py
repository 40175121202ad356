"""How a model is to be run; loads no torch, so that a command line can show it quickly."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal

from perdure.tracking.crops import CropConfig
from perdure.tracking.tracker import TrackerConfig


@dataclass(frozen=True, kw_only=True, slots=True)
class Operation:
    """Everything that must be the same in training, calibration and use."""

    crop: CropConfig = field(default_factory=CropConfig)
    """Windows around tracks."""
    tracker: TrackerConfig = field(default_factory=TrackerConfig)
    """Linking and deletion of tracks."""
    horizon: int = 16
    """Age in frames at which a decision is forced."""
    on_timeout: Literal["persistent", "transient"] = "persistent"
    """What a forced decision says."""
    frame_rate_hz: float = 30.0
    """Frame rate of the training data."""
    frame_rate_range_hz: tuple[float, float] | None = None
    """Lowest and highest frame rate of training data that had several; no rate between them counts as drift."""
    reopen_hits: int = 6
    """A track called transient is opened again when it was hit this often in its last `reopen_window` frames."""
    reopen_window: int = 8
    """Frames over which the hits of a rejected track are counted."""
    start_nats: tuple[float, float, float] = (0.5, 0.9, 1.5)
    """Evidence that confirms at the start of a stream on which the gate is to be as strict as two, three or five
    detections in a row; the stream itself moves it from there."""

    def __post_init__(self) -> None:
        if self.on_timeout not in ("persistent", "transient"):
            raise ValueError(f"on_timeout: got '{self.on_timeout}', expected persistent or transient")
        if self.horizon < 2:
            raise ValueError(f"horizon: got {self.horizon}, expected at least 2 frames")
        if not all(math.isfinite(nats) for nats in self.start_nats):
            raise ValueError(f"start_nats: got {self.start_nats}, expected three finite numbers")
        if not 1 <= self.reopen_hits <= self.reopen_window <= 64:
            raise ValueError(
                f"reopen_hits: got {self.reopen_hits} in {self.reopen_window} frames, "
                "expected 1 <= reopen_hits <= reopen_window <= 64"
            )
