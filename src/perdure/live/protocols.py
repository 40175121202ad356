"""What a watched stream needs of whoever finds boxes, decides, and is told."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Any, Protocol, runtime_checkable

from jaxtyping import UInt8
from numpy import ndarray

from perdure.gate.fates import BoundControl
from perdure.gate.results import GateResult
from perdure.tracking.tracker import Tracker
from perdure.types import Detections


@runtime_checkable
class Gate(Protocol):
    """What decides; `perdure.gate.gate.PersistenceGate` is one."""

    tracker: Tracker
    match: BoundControl | None

    def update(
        self, frame: UInt8[ndarray, "h w 3"] | None, detections: Detections, *, time_s: float | None = None
    ) -> GateResult:
        """Returns all live tracks and the new decisions after one more frame."""


class Detector(Protocol):
    """What finds boxes in single frames: `MotionDetector`, or one of `perdure.detectors`."""

    def detect(self, frame: UInt8[ndarray, "h w 3"]) -> Detections:
        """Returns what is found in the next frame (RGB)."""


class Receiver(AbstractContextManager[Any], Protocol):
    """Who is told of decisions as they fall, beside the files; one of `perdure.live.receivers`."""

    def put(self, row: Mapping[str, Any]) -> None:
        """Takes in a row of decisions.jsonl; must neither wait nor raise."""

    @property
    def problems(self) -> tuple[str, ...]:
        """What was not passed on, in one line each; asked for after the block."""
