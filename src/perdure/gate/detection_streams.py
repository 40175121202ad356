"""The streaming state of a gate whose evidence is a forest: features and lifetime evidence of each track.

Where crops are looked at as well, a `Looker` adds what it sees of them. Numpy only. Does not know what is decided, or
why a track is opened or closed.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float, Int, UInt8

from perdure.evidence.lifetime import LifetimeState
from perdure.evidence.score_scale import StreamScale
from perdure.evidence.track_evidence import TrackEvidence
from perdure.evidence.track_features import FeatureStream
from perdure.gate.results import GateCost
from perdure.gate.slots import SlotTable
from perdure.types import TrackFrame


@runtime_checkable
class Looker(Protocol):
    """Looks at the crops of tracks and remembers what it saw, a row each."""

    @property
    def flops_per_frame(self) -> int:
        """Floating-point operations of one crop."""

    def grow(self, extra: int) -> None:
        """Adds fresh rows at the end."""

    def reset(self, rows: Int[np.ndarray, " n"]) -> None:
        """Forgets what was seen in some rows."""

    def look(
        self, rows: Int[np.ndarray, " n"], crops: UInt8[np.ndarray, "n size size 3"]
    ) -> Float[np.ndarray, "n feature"]:
        """Returns what is seen on one more crop of each of some rows."""

    def to_arrays(self) -> dict[str, np.ndarray]:
        """Returns the memory by name, ready to be stored."""

    def set_arrays(self, arrays: dict[str, np.ndarray]) -> None:
        """Continues from a memory of `to_arrays`."""


class DetectionStreams:
    """Gives evidence on the tracks that are open; the feature stream sees all tracks.

    Args:
        evidence: forest and what belongs to it.
        looker: what looks at crops; None where the forest reads detections alone.
        known_scores: of the same detector, that scores are ranked among; None ranks among those of the stream so far.
    """

    def __init__(
        self,
        evidence: TrackEvidence,
        looker: Looker | None = None,
        known_scores: Float[np.ndarray, " k"] | None = None,
    ) -> None:
        self.evidence, self.looker = evidence, looker
        self._scale = StreamScale.given(known_scores)
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
            if self.looker is not None:
                self.looker.grow(extra)

    def close(self, track_ids: Iterable[int]) -> None:
        """Forgets tracks; what they looked like stays in the memory of the scene."""
        slots = [self._slots.release(track_id) for track_id in track_ids]
        if slots:
            self._lifetime = self._lifetime.reset(np.array(slots))
            if self.looker is not None:
                self.looker.reset(np.array(slots))

    def see(self, tracks: TrackFrame, image_size: tuple[int, int] | None) -> None:
        """Takes in all tracks of a frame.

        Raises:
            ValueError: the size of the picture is not known.
        """
        if self._features is None:
            if image_size is None:
                raise ValueError("image_size: got None, expected (width, height) in pixels since there are no frames")
            self._features = FeatureStream(image_size=image_size, scale=self._scale)
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
        """Returns the evidence of open tracks on the frame that was seen last."""
        start = time.perf_counter()
        slots = np.array(self._slots.rows(track_ids))
        seen = None
        if self.looker is not None and crops is not None:
            seen = self.looker.look(slots, crops)
            cost.flops += len(track_ids) * self.looker.flops_per_frame
        looked = time.perf_counter()
        rows = [self._rows[track_id] for track_id in track_ids]
        lifetime, self._lifetime = self._lifetime.advanced(slots, self._is_hit[rows])
        evidence = self.evidence.evidence(self._seen[rows], lifetime, seen)
        cost.extractor_s += looked - start
        cost.evidence_s += time.perf_counter() - looked
        cost.track_frames += len(track_ids)
        return evidence

    def to_arrays(self) -> dict[str, np.ndarray]:
        """Returns the state by name, ready to be stored."""
        features = {} if self._features is None else self._features.to_arrays()
        looks = {} if self.looker is None else self.looker.to_arrays()
        return {
            "slots": np.array(self._slots.to_rows(), dtype=np.int64).reshape(-1, 2),
            "capacity": np.array(self._slots.capacity),
            "lifetime.log_ratio": self._lifetime.log_ratio,
            "lifetime.age": self._lifetime.age,
            **{f"features.{name}": value for name, value in features.items()},
            **{f"looks.{name}": value for name, value in looks.items()},
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
        stored = _under("features.", arrays)
        self._features = FeatureStream.from_arrays(stored) if stored else None
        if self.looker is not None:
            self.looker.set_arrays(_under("looks.", arrays))


def _under(prefix: str, arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {name.removeprefix(prefix): value for name, value in arrays.items() if name.startswith(prefix)}
