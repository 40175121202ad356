"""The streaming state of a gate that reads detections alone: features and lifetime evidence of each track.

Numpy only. Does not know what is decided, or why a track is opened or closed.
"""

from __future__ import annotations

import time
from collections.abc import Iterable

import numpy as np
from jaxtyping import Float, Int

from perdure.engine.results import GateCost
from perdure.engine.slots import SlotTable
from perdure.evidence.lifetime import LifetimeState
from perdure.evidence.track_evidence import TrackEvidence
from perdure.evidence.track_features import FeatureStream
from perdure.types import TrackFrame


class DetectionStreams:
    """Gives evidence on the tracks that are open; the feature stream sees all tracks."""

    def __init__(self, evidence: TrackEvidence) -> None:
        self.evidence = evidence
        self._features: FeatureStream | None = None
        self._slots = SlotTable()
        self._lifetime = evidence.lifetime.init_state(0)
        self._rows: dict[int, int] = {}
        self._seen = np.zeros((0, 0))
        self._is_hit = np.zeros(0, dtype=bool)

    def __contains__(self, track_id: int) -> bool:
        return track_id in self._slots

    def __len__(self) -> int:
        return len(self._slots)

    def open(self, track_ids: Iterable[int]) -> None:
        """Begins to gather evidence on tracks."""
        self._slots.add(track_ids)
        extra = self._slots.capacity - len(self._lifetime.age)
        if extra > 0:
            self._lifetime = self._lifetime.grown(extra)

    def close(self, track_ids: Iterable[int]) -> None:
        """Forgets tracks; what they looked like stays in the memory of the scene."""
        slots = [self._slots.release(track_id) for track_id in track_ids]
        if slots:
            self._lifetime = self._lifetime.reset(np.array(slots))

    def see(self, tracks: TrackFrame, image_size: tuple[int, int] | None) -> None:
        """Takes in all tracks of a frame.

        Raises:
            ValueError: the size of the picture is not known.
        """
        if self._features is None:
            if image_size is None:
                raise ValueError("image_size: got None, expected (width, height) in pixels since there are no frames")
            self._features = FeatureStream(image_size=image_size)
        self._seen = self._features.step(tracks)
        self._is_hit = tracks.is_hit
        self._rows = {track_id: row for row, track_id in enumerate(tracks.track_id.tolist())}

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
        """Returns the evidence of open tracks on the frame that was seen last; pictures are not looked at."""
        start = time.perf_counter()
        rows = [self._rows[track_id] for track_id in track_ids]
        lifetime, self._lifetime = self._lifetime.advanced(np.array(self._slots.rows(track_ids)), self._is_hit[rows])
        evidence = self.evidence.evidence(self._seen[rows], lifetime)
        cost.evidence_s += time.perf_counter() - start
        cost.track_frames += len(track_ids)
        return evidence

    def to_arrays(self) -> dict[str, np.ndarray]:
        """Returns the state by name, ready to be stored."""
        features = {} if self._features is None else self._features.to_arrays()
        return {
            "slots": np.array(self._slots.to_rows(), dtype=np.int64).reshape(-1, 2),
            "capacity": np.array(self._slots.capacity),
            "lifetime.log_ratio": self._lifetime.log_ratio,
            "lifetime.age": self._lifetime.age,
            **{f"features.{name}": value for name, value in features.items()},
        }

    def set_arrays(self, arrays: dict[str, np.ndarray]) -> None:
        """Continues from a state of `to_arrays` of the same model."""
        rows = [(int(key), int(slot)) for key, slot in arrays["slots"].tolist()]
        self._slots = SlotTable.from_rows(rows, int(arrays["capacity"]))
        self._lifetime = LifetimeState(
            model=self.evidence.lifetime,
            log_ratio=arrays["lifetime.log_ratio"].copy(),
            age=arrays["lifetime.age"].copy(),
        )
        stored = {name.removeprefix("features."): value for name, value in arrays.items() if "features." in name}
        self._features = FeatureStream.from_arrays(stored) if stored else None
