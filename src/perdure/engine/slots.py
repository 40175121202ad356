"""Which track owns which batch row: a table that grows and shrinks with the scene."""

from __future__ import annotations

from collections.abc import Hashable, Iterable


class SlotTable:
    """Gives every key a row number, re-using freed rows, lowest first."""

    def __init__(self) -> None:
        self._slot_of: dict[Hashable, int] = {}
        self._free: list[int] = []
        self.capacity = 0

    def __len__(self) -> int:
        return len(self._slot_of)

    def __contains__(self, key: Hashable) -> bool:
        return key in self._slot_of

    def __getitem__(self, key: Hashable) -> int:
        return self._slot_of[key]

    def keys(self) -> list[Hashable]:
        """Returns all keys that own a slot, in order of arrival."""
        return list(self._slot_of)

    def add(self, keys: Iterable[Hashable]) -> list[int]:
        """Returns the slots of new keys; `capacity` has grown where there were too few free ones."""
        slots = []
        for key in keys:
            if key in self._slot_of:
                raise ValueError(f"slot: {key!r} has one already")
            if not self._free:
                grown = max(8, 2 * self.capacity)
                self._free = list(range(grown - 1, self.capacity - 1, -1))
                self.capacity = grown
            self._slot_of[key] = self._free.pop()
            slots.append(self._slot_of[key])
        return slots

    def release(self, key: Hashable) -> int:
        """Frees and returns the slot of a key."""
        slot = self._slot_of.pop(key)
        self._free.append(slot)
        return slot

    def rows(self, keys: Iterable[Hashable]) -> list[int]:
        """Returns the slots of keys, in their order."""
        return [self._slot_of[key] for key in keys]

    def to_rows(self) -> list[tuple[int, int]]:
        """Returns (key, slot) of integer keys, in order of arrival; `from_rows` makes the same table."""
        return [(int(str(key)), slot) for key, slot in self._slot_of.items()]

    @classmethod
    def from_rows(cls, rows: Iterable[tuple[int, int]], capacity: int) -> SlotTable:
        """Returns the table that `to_rows` described; free slots are re-used lowest first."""
        table = cls()
        table._slot_of, table.capacity = dict(rows), capacity
        taken = set(table._slot_of.values())
        table._free = [slot for slot in range(capacity - 1, -1, -1) if slot not in taken]
        return table
