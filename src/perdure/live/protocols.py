"""What a watched stream needs of whoever finds boxes and of whoever decides."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from jaxtyping import UInt8
from numpy import ndarray

from perdure.gate.results import GateResult
from perdure.tracking.tracker import Tracker
from perdure.types import Detections


@runtime_checkable
class Gate(Protocol):
    """What decides; `perdure.gate.gate.PersistenceGate` is one."""

    tracker: Tracker

    def update(
        self, frame: UInt8[ndarray, "h w 3"] | None, detections: Detections, *, time_s: float | None = None
    ) -> GateResult:
        """Returns all live tracks and the new decisions after one more frame."""


class Detector(Protocol):
    """What finds boxes in single frames: `MotionDetector`, or one of `perdure.detectors`."""

    def detect(self, frame: UInt8[ndarray, "h w 3"]) -> Detections:
        """Returns what is found in the next frame (RGB)."""
