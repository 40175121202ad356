"""The streaming state of the tracks that are still looked at: which slot each has, its hits and misses, its crops.

What gives evidence, a network or a forest, is a `SlotEvidence`; all else is the same for both. Numpy only. Does not
know what is decided, or why a track is opened or closed.
"""

from __future__ import annotations

import heapq
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float, Int, UInt8

from perdure.evidence.lifetime import LifetimeModel
from perdure.gate.results import GateCost
from perdure.rewind import Rewindable
from perdure.tracking.crops import CropConfig, crop_tracks
from perdure.types import TrackFrame

MIN_CAPACITY = 8
"""Rows of a table that is in use at all; fewer would only mean growing more often."""


class SlotTable(Rewindable):
    """Gives every key a row number, re-using freed rows, lowest first."""

    def __init__(self) -> None:
        self._slot_of: dict[int, int] = {}
        self._free: list[int] = []
        self.capacity = 0

    def __len__(self) -> int:
        return len(self._slot_of)

    def __contains__(self, key: int) -> bool:
        return key in self._slot_of

    def add(self, keys: Iterable[int]) -> list[int]:
        """Returns the slots of new keys; `capacity` has doubled where there were too few free ones.

        Raises:
            ValueError: a key has a slot already.
        """
        slots = []
        for key in keys:
            if key in self._slot_of:
                raise ValueError(f"slot: {key} has one already")
            if not self._free:
                grown = max(MIN_CAPACITY, 2 * self.capacity)
                self._free = list(range(self.capacity, grown))
                self.capacity = grown
            self._slot_of[key] = heapq.heappop(self._free)
            slots.append(self._slot_of[key])
        return slots

    def release(self, key: int) -> int:
        """Frees and returns the slot of a key."""
        slot = self._slot_of.pop(key)
        heapq.heappush(self._free, slot)
        return slot

    def shrink(self) -> None:
        """Halves the capacity for as long as three quarters of it lie empty above the last slot in use.

        Capacity would otherwise stay where the largest crowd has put it, and every later frame would pay for that.
        """
        num_used = max(self._slot_of.values(), default=-1) + 1
        while self.capacity > MIN_CAPACITY and 4 * num_used <= self.capacity:
            self.capacity //= 2
        self._free = [slot for slot in self._free if slot < self.capacity]
        heapq.heapify(self._free)

    def rows(self, keys: Iterable[int]) -> list[int]:
        """Returns the slots of keys, in their order."""
        return [self._slot_of[key] for key in keys]

    def to_rows(self) -> list[tuple[int, int]]:
        """Returns (key, slot) of all keys, in order of arrival; `from_rows` makes the same table."""
        return list(self._slot_of.items())

    @classmethod
    def from_rows(cls, rows: Iterable[tuple[int, int]], capacity: int) -> SlotTable:
        """Returns the table that `to_rows` described."""
        table = cls()
        table._slot_of, table.capacity = dict(rows), capacity
        taken = set(table._slot_of.values())
        table._free = [slot for slot in range(capacity) if slot not in taken]
        return table


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotStep:
    """One more frame of n tracks.

    Args:
        slots: of the tracks.
        rows: of the tracks in the frame that was seen last.
        age: frames since each track was opened, 1 at first.
        lifetime: closed-form evidence of hits and misses, nats.
        crops: windows around them; None where no pixels are read.
    """

    slots: Int[np.ndarray, " n"]
    rows: list[int]
    age: Int[np.ndarray, " n"]
    lifetime: Float[np.ndarray, " n"]
    crops: UInt8[np.ndarray, "n size size 3"] | None


@runtime_checkable
class SlotEvidence(Protocol):
    """Gives evidence, and remembers what it needs for that: a state a slot, and what it likes of the stream."""

    def resize(self, num: int) -> None:
        """Has so many slots from now on: fresh ones at the end, or those at the end forgotten."""

    def reset(self, slots: Int[np.ndarray, " n"]) -> None:
        """Makes slots fresh."""

    def see(self, tracks: TrackFrame, image_size: tuple[int, int] | None, rows: Int[np.ndarray, " n"]) -> None:
        """Takes in all tracks of a frame, decided ones too, before those of some rows are advanced."""

    def step(self, step: SlotStep, cost: GateCost) -> Float[np.ndarray, " n"]:
        """Returns the evidence of tracks after one more frame; all other slots stay as they are.

        Args:
            step: of the frame that was seen last.
            cost: seconds and operations are added here.
        """

    def to_arrays(self) -> dict[str, np.ndarray]:
        """Returns the state by name, ready to be stored."""

    def set_arrays(self, arrays: dict[str, np.ndarray]) -> None:
        """Continues from a state of `to_arrays` of the same model."""


class TrackStreams(Rewindable):
    """Gathers evidence on the tracks that are open.

    Args:
        lifetime: fitted law of hits and misses.
        evidence: of a stream before its first frame.
        crop: windows that it looks at; None where it reads detections alone.
    """

    def __init__(self, lifetime: LifetimeModel, evidence: SlotEvidence, crop: CropConfig | None) -> None:
        self.evidence = evidence
        self._law, self._crop = lifetime, crop
        self._slots, self._lifetime = SlotTable(), lifetime.init_state(0)

    def __len__(self) -> int:
        return len(self._slots)

    def __contains__(self, track_id: int) -> bool:
        return track_id in self._slots

    def open(self, track_ids: Iterable[int]) -> None:
        """Gives each track a fresh slot."""
        self._slots.add(track_ids)
        self._fit()

    def close(self, track_ids: Iterable[int]) -> None:
        """Frees slots and forgets what is in them, so that no other track sees it any more."""
        slots = np.array([self._slots.release(track_id) for track_id in track_ids], dtype=np.int64)
        if not len(slots):
            return
        self.evidence.reset(slots)
        self._lifetime = self._lifetime.reset(slots)
        self._slots.shrink()
        self._fit()

    def _fit(self) -> None:
        if len(self._lifetime.age) != self._slots.capacity:
            self._lifetime = self._lifetime.resized(self._slots.capacity)
            self.evidence.resize(self._slots.capacity)

    def advance(
        self,
        frame: UInt8[np.ndarray, "h w 3"] | None,
        tracks: TrackFrame,
        rows: list[int],
        *,
        age: Int[np.ndarray, " n"],
        cost: GateCost,
    ) -> Float[np.ndarray, " n"]:
        """Returns the evidence of open tracks after the frame that `evidence` has seen last.

        Args:
            frame: its pixels.
            tracks: all tracks of it.
            rows: of the tracks to be advanced.
            age: frames since each of these was opened, 1 at first.
            cost: seconds, operations and track-frames are added here.

        Raises:
            ValueError: the frame is missing though pixels are read.
        """
        start = time.perf_counter()
        crops = None if self._crop is None else _crops(frame, tracks, rows, self._crop)
        cropped = time.perf_counter()
        slots = np.array(self._slots.rows(tracks.track_id[rows].tolist()))
        lifetime, self._lifetime = self._law.step(self._lifetime, slots, tracks.is_hit[rows])
        cost.crop_s += cropped - start
        cost.evidence_s += time.perf_counter() - cropped
        cost.track_frames += len(rows)
        return self.evidence.step(SlotStep(slots=slots, rows=rows, age=age, lifetime=lifetime, crops=crops), cost)

    def to_arrays(self) -> dict[str, np.ndarray]:
        """Returns the state by name, ready to be stored."""
        return {
            "slots": np.array(self._slots.to_rows(), dtype=np.int64).reshape(-1, 2),
            "capacity": np.array(self._slots.capacity),
            **{f"lifetime.{name}": value for name, value in self._lifetime.to_arrays().items()},
            **self.evidence.to_arrays(),
        }

    def set_arrays(self, arrays: dict[str, np.ndarray]) -> None:
        """Continues from a state of `to_arrays` of the same model.

        Raises:
            ValueError: there are more slots than states of them; checked before so many are made.
        """
        rows, num = [(int(key), int(slot)) for key, slot in arrays["slots"].tolist()], int(arrays["capacity"])
        if num != len(arrays["lifetime.age"]) or any(not 0 <= slot < num for _, slot in rows):
            raise ValueError(
                f"slots: got {num}, expected {len(arrays['lifetime.age'])}, those that states are stored of"
            )
        self._slots = SlotTable.from_rows(rows, num)
        self._lifetime = self._lifetime.filled(arrays, "lifetime.")
        self.evidence.set_arrays(arrays)


def _crops(
    frame: UInt8[np.ndarray, "h w 3"] | None, tracks: TrackFrame, rows: list[int], crop: CropConfig
) -> UInt8[np.ndarray, "n size size 3"]:
    if frame is None:
        raise ValueError(
            f"frame {tracks.frame_index}: got None, expected pixels since these weights read them; "
            "give frames, or weights trained with uses_pixels = false"
        )
    return crop_tracks(frame, tracks.xyxy_px[rows], size_px=crop.size_px, context=crop.context)
