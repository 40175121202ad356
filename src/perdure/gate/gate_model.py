"""What the gate needs of a model and of its streaming state, whether it reads pixels or detections alone."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float, Int, UInt8

from perdure.calibration.scores import CalibrationScores
from perdure.evidence.lifetime import LifetimeModel
from perdure.gate.operation import Operation, Rates
from perdure.gate.results import GateCost
from perdure.types import TrackFrame


@runtime_checkable
class GateStreams(Protocol):
    """The streaming state of all tracks that are still looked at."""

    def __contains__(self, track_id: int) -> bool:
        """Returns whether a track is looked at."""

    def open(self, track_ids: Iterable[int]) -> None:
        """Begins to gather evidence on tracks."""

    def close(self, track_ids: Iterable[int]) -> None:
        """Forgets tracks."""

    def see(self, tracks: TrackFrame, image_size: tuple[int, int] | None) -> None:
        """Takes in all tracks of a frame, decided ones too, before any is advanced."""

    def advance(
        self,
        track_ids: list[int],
        *,
        crops: np.ndarray | None,
        geometry: Float[np.ndarray, "n geometry"],
        age: Int[np.ndarray, " n"],
        frame_index: int,
        cost: GateCost,
    ) -> Float[np.ndarray, " n"]:
        """Returns the evidence of tracks after one more frame."""

    def to_arrays(self) -> dict[str, np.ndarray]:
        """Returns the state by name, ready to be stored."""

    def set_arrays(self, arrays: dict[str, np.ndarray]) -> None:
        """Continues from a state of `to_arrays` of the same model."""


@runtime_checkable
class GateModel(Protocol):
    """A trained model."""

    operation: Operation
    calibration: CalibrationScores | None
    rates: Rates

    @property
    def lifetime(self) -> LifetimeModel:
        """Fitted law of hits and misses."""

    @property
    def score_scale(self) -> tuple[float, float]:
        """Mean and standard deviation of scores on training data."""

    @property
    def uses_pixels(self) -> bool:
        """Whether frames must be given."""

    def fingerprint(self) -> str:
        """Returns a short hash of all that makes the model."""

    def init_streams(self) -> GateStreams:
        """Returns the state of a stream before its first frame."""


def crops_for(
    model: GateModel, frame: UInt8[np.ndarray, "h w 3"] | None, tracks: TrackFrame, rows: list[int]
) -> UInt8[np.ndarray, "n size size 3"] | None:
    """Returns the windows around some tracks, None for a model that reads detections alone.

    Raises:
        ValueError: the frame is missing though the model reads pixels.
    """
    if not model.uses_pixels:
        return None
    if frame is None:
        raise ValueError(
            f"frame {tracks.frame_index}: got None, expected pixels since these weights read them; "
            "give frames, or weights trained with uses_pixels = false"
        )
    from perdure.tracking.crops import crop_tracks  # loads Pillow, which weights of detections do not need

    crop = model.operation.crop
    return crop_tracks(frame, tracks.xyxy_px[rows], size_px=crop.size_px, context=crop.context)
