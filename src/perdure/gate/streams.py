"""The streaming state of the tracks that are still looked at: which slot each has, its hits and misses, its crops.

What gives evidence, a network or a forest, is a `SlotEvidence`; all else is the same for both. Numpy only. Does not
know what is decided, or why a track is opened or closed.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, Float, Int, UInt8

from perdure.evidence.lifetime import LifetimeModel
from perdure.gate.results import GateCost, GateResult
from perdure.rewind import Rewindable
from perdure.rows import places_of
from perdure.tracking.crops import CropConfig, crop_tracks, load_cropper
from perdure.types import TrackFrame

MIN_CAPACITY = 8
"""Rows of a table that is in use at all; fewer would only mean growing more often."""


class SlotTable(Rewindable):
    """Gives every key a row number, re-using freed rows, lowest first."""

    def __init__(self) -> None:
        self._key, self._slot = np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
        self.capacity = 0

    def __len__(self) -> int:
        return len(self._key)

    def has(self, keys: Int[np.ndarray, " n"]) -> Bool[np.ndarray, " n"]:
        """Returns which keys have a slot."""
        return places_of(self._key, keys)[1]

    def add(self, keys: Int[np.ndarray, " n"]) -> Int[np.ndarray, " n"]:
        """Returns the slots of new keys; `capacity` has doubled where there were too few free ones.

        Raises:
            ValueError: a key has a slot already.
        """
        if (again := self.has(keys)).any():
            raise ValueError(f"slot: {keys[again][0]} has one already")
        while len(self) + len(keys) > self.capacity:
            self.capacity = max(MIN_CAPACITY, 2 * self.capacity)
        is_free = np.ones(self.capacity, dtype=bool)
        is_free[self._slot] = False
        slots = np.flatnonzero(is_free)[: len(keys)]
        self._key, self._slot = np.concatenate([self._key, keys]), np.concatenate([self._slot, slots])
        return slots

    def release(self, keys: Int[np.ndarray, " n"]) -> Int[np.ndarray, " m"]:
        """Frees and returns the slots of those keys that have one."""
        place, is_known = places_of(self._key, keys)
        slots, is_kept = self._slot[place[is_known]], np.ones(len(self), dtype=bool)
        is_kept[place[is_known]] = False
        self._key, self._slot = self._key[is_kept], self._slot[is_kept]
        return slots

    def shrink(self) -> None:
        """Halves the capacity for as long as three quarters of it lie empty above the last slot in use.

        Capacity would otherwise stay where the largest crowd has put it, and every later frame would pay for that.
        """
        num_used = int(self._slot.max(initial=-1)) + 1
        while self.capacity > MIN_CAPACITY and 4 * num_used <= self.capacity:
            self.capacity //= 2

    def rows(self, keys: Int[np.ndarray, " n"]) -> Int[np.ndarray, " n"]:
        """Returns the slots of keys that have one, in their order."""
        return self._slot[places_of(self._key, keys)[0]]

    def to_rows(self) -> Int[np.ndarray, "n 2"]:
        """Returns key and slot of all keys, in order of arrival; `from_rows` makes the same table."""
        return np.stack([self._key, self._slot], axis=1)

    @classmethod
    def from_rows(cls, rows: Int[np.ndarray, "n 2"], capacity: int) -> SlotTable:
        """Returns the table that `to_rows` described."""
        table = cls()
        table._key, table._slot, table.capacity = rows[:, 0].copy(), rows[:, 1].copy(), capacity
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
    rows: Int[np.ndarray, " n"]
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


Observing = Generator[SlotStep, Float[np.ndarray, " n"], GateResult]
"""A frame that is being observed: it yields what it asks evidence of, wants that, and returns its result."""


def answered(observing: Observing, evidence: SlotEvidence, cost: GateCost) -> GateResult:
    """Returns the result of a frame whose questions one source of evidence answers."""
    try:
        step = next(observing)
        while True:
            step = observing.send(evidence.step(step, cost))
    except StopIteration as end:
        return end.value


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
        if crop is not None:
            load_cropper()  # with the model, since the first frame would wait for it
        self._slots, self._lifetime = SlotTable(), lifetime.init_state(0)

    def __len__(self) -> int:
        return len(self._slots)

    def is_open(self, track_ids: Int[np.ndarray, " n"]) -> Bool[np.ndarray, " n"]:
        """Returns which tracks have a slot."""
        return self._slots.has(track_ids)

    def open(self, track_ids: Int[np.ndarray, " n"]) -> None:
        """Gives each track a fresh slot."""
        if len(track_ids):
            self._slots.add(track_ids)
            self._fit()

    def close(self, track_ids: Int[np.ndarray, " n"]) -> None:
        """Frees the slots of those that are open and forgets what is in them, so that no other track sees it."""
        if len(track_ids) and len(slots := self._slots.release(track_ids)):
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
        rows: Int[np.ndarray, " n"],
        *,
        age: Int[np.ndarray, " n"],
        cost: GateCost,
    ) -> SlotStep:
        """Returns what `evidence` has to be asked about open tracks, after the frame that it has seen last.

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
        slots = self._slots.rows(tracks.track_id[rows])
        lifetime, self._lifetime = self._law.step(self._lifetime, slots, tracks.is_hit[rows])
        cost.crop_s += cropped - start
        cost.evidence_s += time.perf_counter() - cropped
        cost.track_frames += len(rows)
        return SlotStep(slots=slots, rows=rows, age=age, lifetime=lifetime, crops=crops)

    def relearn(self, lifetime: LifetimeModel, hits: Mapping[int, Sequence[bool]]) -> None:
        """Goes on with another law of hits and misses, as if it had been there from the birth of each open track.

        Args:
            lifetime: the other law.
            hits: of every open track, frame by frame since it was opened.
        """
        self._law, self._lifetime = lifetime, lifetime.init_state(self._slots.capacity)
        for track_id, slot in self._slots.to_rows().tolist():
            for is_hit in hits[track_id]:
                _, self._lifetime = lifetime.step(self._lifetime, np.array([slot]), np.array([is_hit]))

    def to_arrays(self) -> dict[str, np.ndarray]:
        """Returns the state by name, ready to be stored."""
        return {
            "slots": self._slots.to_rows(),
            "capacity": np.array(self._slots.capacity),
            **{f"lifetime.{name}": value for name, value in self._lifetime.to_arrays().items()},
            **self.evidence.to_arrays(),
        }

    def set_arrays(self, arrays: dict[str, np.ndarray]) -> None:
        """Continues from a state of `to_arrays` of the same model.

        Raises:
            ValueError: there are more slots than states of them; checked before so many are made.
        """
        rows, num = arrays["slots"].reshape(-1, 2), int(arrays["capacity"])
        slots = rows[:, 1]
        if num != len(arrays["lifetime.age"]) or slots.min(initial=0) < 0 or slots.max(initial=-1) >= num:
            raise ValueError(
                f"slots: got {num}, expected {len(arrays['lifetime.age'])}, those that states are stored of"
            )
        self._slots = SlotTable.from_rows(rows, num)
        self._lifetime = self._lifetime.filled(arrays, "lifetime.")
        self.evidence.set_arrays(arrays)


def _crops(
    frame: UInt8[np.ndarray, "h w 3"] | None, tracks: TrackFrame, rows: Int[np.ndarray, " n"], crop: CropConfig
) -> UInt8[np.ndarray, "n size size 3"]:
    if frame is None:
        raise ValueError(
            f"frame {tracks.frame_index}: got None, expected pixels since these weights read them; "
            "give frames, or weights trained with uses_pixels = false"
        )
    return crop_tracks(frame, tracks.xyxy_px[rows], size_px=crop.size_px, context=crop.context)
