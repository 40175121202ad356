"""All that a tracker remembers between frames, and how it is stored."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from perdure.rewind import Rewindable


@dataclass(slots=True, kw_only=True)
class TrackerState(Rewindable):
    """All that a tracker remembers, as arrays with one row a live track (sorted by id)."""

    next_frame_index: int = 0
    next_track_id: int = 0
    track_id: Int[np.ndarray, " n"]
    owner: Int[np.ndarray, " n"]
    age: Int[np.ndarray, " n"]
    num_hits: Int[np.ndarray, " n"]
    num_misses: Int[np.ndarray, " n"]
    class_id: Int[np.ndarray, " n"]
    position: Float[np.ndarray, "n 4"]
    velocity: Float[np.ndarray, "n 4"]
    covariance: Float[np.ndarray, "n 4 3"]
    started_owner: Int[np.ndarray, " k"]

    @classmethod
    def empty(cls) -> TrackerState:
        """Returns the state before the first frame."""
        rows: dict[str, Any] = {name: np.zeros(0, dtype=np.int64) for name in (*_INTEGER_ROWS, "started_owner")}
        rows |= {"position": np.zeros((0, 4)), "velocity": np.zeros((0, 4)), "covariance": np.zeros((0, 4, 3))}
        return cls(**rows)

    def to_arrays(self) -> dict[str, np.ndarray]:
        """Returns a copy of the state as named arrays, ready to be stored."""
        return {item.name: np.array(getattr(self, item.name)) for item in fields(self)}

    @classmethod
    def from_arrays(cls, arrays: dict[str, np.ndarray]) -> TrackerState:
        """Returns the state that `to_arrays` described, as a copy.

        Raises:
            ValueError: an array is missing.
        """
        missing = [item.name for item in fields(cls) if item.name not in arrays]
        if missing:
            raise ValueError(f"tracker state: got no {missing[0]!r}, expected the arrays written by to_arrays")
        values: dict[str, Any] = {item.name: np.array(arrays[item.name]) for item in fields(cls)}
        values |= {name: int(values[name]) for name in ("next_frame_index", "next_track_id")}
        return cls(**values)

    def keep(self, is_kept: np.ndarray) -> None:
        """Drops the rows where `is_kept` is false."""
        for name in (*_INTEGER_ROWS, *_FILTER_ROWS):
            setattr(self, name, getattr(self, name)[is_kept])

    def append(self, rows: dict[str, np.ndarray]) -> None:
        """Adds rows at the end."""
        for name in (*_INTEGER_ROWS, *_FILTER_ROWS):
            setattr(self, name, np.concatenate([getattr(self, name), rows[name]]))


_INTEGER_ROWS = ("track_id", "owner", "age", "num_hits", "num_misses", "class_id")
_FILTER_ROWS = ("position", "velocity", "covariance")
