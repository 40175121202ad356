"""Ids of another tracker as numbers, and boxes that it reports before it gives them an id.

Knows ids and boxes of the frames so far. Does not know what is decided about a track.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import numpy as np
from jaxtyping import Bool, Float, Int

from perdure.geometry import grow_boxes
from perdure.rewind import Rewindable
from perdure.tracking.association import NO_DETECTION, match_by_overlap
from perdure.tracking.tracker import TrackerConfig
from perdure.types import NO_OWNER


def key_of(tracker_id: object) -> Hashable | None:
    """Returns what stands for an id; None for a row without a track, which None, NaN, -1 and an empty text say.

    >>> [key_of(value) for value in (7, 7.0, "a1", -1, float("nan"), None, "")]
    [7, 7, 'a1', None, None, None, None]

    Raises:
        ValueError: the id cannot be told from others, as a list cannot.
    """
    value = tracker_id.item() if isinstance(tracker_id, np.generic) else tracker_id
    if isinstance(value, float):
        if math.isnan(value):
            return None
        value = int(value) if value.is_integer() else value
    if value is None or value == NO_OWNER or value == "":
        return None
    if not isinstance(value, Hashable):
        raise ValueError(f"tracker_id: got {value!r} of type {type(value).__name__}, expected numbers, texts or UUIDs")
    return value


_KINDS: dict[str, Callable[[str], Hashable]] = {"int": int, "float": float, "str": str, "UUID": UUID}
"""Ids that can be stored, by the names of their types."""


def _stored(key: Hashable) -> tuple[str, str]:
    """Returns type and text of an id."""
    name = type(key).__name__
    if name not in _KINDS:
        raise ValueError(f"tracker_id: got {key!r} of type {name}, expected {', '.join(_KINDS)} to store it")
    return name, str(key)


@dataclass(slots=True)
class IdBook(Rewindable):
    """Gives every track of another tracker a number of its own, also before it has an id.

    Some trackers report the first box of a track without an id (`trackers` 2.6 does so even when it is told to confirm
    at once). Such boxes are held under a number; the new id that goes on where one lies gets that number, so that its
    track is known from birth on.

    Args:
        config: how far boxes may lie apart and still go on; those of the gate's own tracker.
        numbers: number of each id.
        last_seen: frame on which each number was last seen.
        held: latest box of each number that has no id yet.
        next_number: that nobody has.
    """

    config: TrackerConfig
    numbers: dict[Hashable, int] = field(default_factory=dict)
    last_seen: dict[int, int] = field(default_factory=dict)
    held: dict[int, list[float]] = field(default_factory=dict)
    next_number: int = 0

    def owners(
        self,
        keys: Sequence[Hashable | None],
        xyxy_px: Float[np.ndarray, "n 4"],
        is_valid: Bool[np.ndarray, " n"],
        frame_index: int,
    ) -> Int[np.ndarray, " n"]:
        """Returns the number of each row of a frame, `NO_OWNER` where it is not valid."""
        owner = np.full(len(keys), NO_OWNER, dtype=np.int64)
        rows = np.flatnonzero(is_valid).tolist()
        new = [row for row in rows if keys[row] is not None and keys[row] not in self.numbers]
        for row, number in zip(new, self._continued(xyxy_px[new]), strict=True):
            key = keys[row]
            if key not in self.numbers:  # two boxes of a frame may have one id
                self.numbers[key] = self._fresh() if number == NO_OWNER else number
        for row in rows:
            if keys[row] is not None:
                owner[row] = self.numbers[keys[row]]
        without = [row for row in rows if keys[row] is None]
        for row, number in zip(without, self._continued(xyxy_px[without]), strict=True):
            owner[row] = self._fresh() if number == NO_OWNER else number
            self.held[int(owner[row])] = xyxy_px[row].tolist()
        self.last_seen.update(dict.fromkeys(owner[rows].tolist(), frame_index))
        return owner

    def hold(self, numbers: Sequence[int], xyxy_px: Float[np.ndarray, "n 4"]) -> None:
        """Takes over tracks whose ids are not known, by number: what goes on from where their boxes lie is they."""
        self.held = dict(zip(numbers, xyxy_px.tolist(), strict=True))
        self.last_seen.update(dict.fromkeys(numbers, 0))
        self.next_number = max([self.next_number - 1, *numbers]) + 1

    def forget(self, is_kept: set[int], oldest_frame: int) -> None:
        """Forgets held boxes and ids that are not among the given numbers; ids only if last seen before a frame."""
        self.held = {number: box for number, box in self.held.items() if number in is_kept}
        self.last_seen = {
            number: frame for number, frame in self.last_seen.items() if number in is_kept or frame >= oldest_frame
        }
        self.numbers = {key: number for key, number in self.numbers.items() if number in self.last_seen}

    def to_dict(self) -> dict[str, Any]:
        """Returns all that is remembered, ready for JSON.

        Raises:
            ValueError: an id is neither a number nor a text nor a UUID.
        """
        return {
            "numbers": [[*_stored(key), number, self.last_seen[number]] for key, number in self.numbers.items()],
            "held": [[number, self.last_seen[number], box] for number, box in self.held.items()],
            "next_number": self.next_number,
        }

    @classmethod
    def from_dict(cls, config: TrackerConfig, values: dict[str, Any]) -> IdBook:
        """Returns the book that `to_dict` described."""
        book = cls(config, next_number=values["next_number"])
        for kind, text, number, frame in values["numbers"]:
            book.numbers[_KINDS[kind](text)] = number
            book.last_seen[number] = frame
        for number, frame, box in values["held"]:
            book.held[number], book.last_seen[number] = box, frame
        return book

    def _fresh(self) -> int:
        self.next_number += 1
        return self.next_number - 1

    def _continued(self, xyxy_px: Float[np.ndarray, "n 4"]) -> list[int]:
        """Returns the held number that each box goes on from, `NO_OWNER` where none; numbers found are held no more."""
        found = [NO_OWNER] * len(xyxy_px)
        numbers = list(self.held)
        if not numbers or not found:
            return found
        growth = {"factor": self.config.box_growth, "margin_px": self.config.box_growth_px}
        before = grow_boxes(np.array([self.held[number] for number in numbers], np.float64), **growth)
        matched = match_by_overlap(before, grow_boxes(xyxy_px, **growth), min_iou=self.config.min_iou)
        for number, row in zip(numbers, matched.tolist(), strict=True):
            if row != NO_DETECTION:
                found[row] = number
                del self.held[number]
        return found
