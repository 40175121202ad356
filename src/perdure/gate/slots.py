"""Which track owns which batch row: a table that grows and shrinks with the scene."""

from __future__ import annotations

import heapq
from collections.abc import Iterable

MIN_CAPACITY = 8
"""Rows of a table that is in use at all; fewer would only mean growing more often."""


class SlotTable:
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
