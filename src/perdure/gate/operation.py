"""How a model is to be run; loads no torch, so that a command line can show it quickly."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal

from perdure.calibration.needed import num_tracks_needed
from perdure.tracking.crops import CropConfig
from perdure.tracking.tracker import TrackerConfig

RATE_NAMES = ("max_false_confirm", "max_miss")
"""The two error rates: of transient and of persistent tracks."""


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


@dataclass(frozen=True, kw_only=True, slots=True)
class Rates:
    """Error rates that bounds must keep, and how surely."""

    max_false_confirm: float | None = None
    """Largest share of transient tracks that may be called persistent; left out, nothing is confirmed early."""
    max_miss: float | None = None
    """Largest share of persistent tracks that may be called transient; left out, nothing is rejected early."""
    delta: float = 0.05
    """Probability, over the choice of calibration tracks, with which a bound may fail to keep its rate."""

    def __post_init__(self) -> None:
        for name in RATE_NAMES:
            value = getattr(self, name)
            if value is not None and not 0 < value < 1:
                raise ValueError(f"{name}: got {value}, expected above 0 and below 1, or none")
        if not 0 < self.delta < 1:
            raise ValueError(f"delta: got {self.delta}, expected above 0 and below 1")

    @property
    def spent(self) -> float:
        """Part of delta that is spent on each bound: half of it where there are two."""
        return self.delta if None in (self.max_false_confirm, self.max_miss) else self.delta / 2

    def tracks_needed(self, name: str) -> int:
        """Returns how many independent tracks of its class a rate needs: fewer prove nothing, even without an error."""
        rate = getattr(self, name)
        return 0 if rate is None else num_tracks_needed(rate, self.spent)


DEFAULT_RATES = Rates(max_false_confirm=0.02, max_miss=0.02)
"""Rates of weights that say none."""
