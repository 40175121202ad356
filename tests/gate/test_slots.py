"""The table of slots: lowest first, nobody twice, and as large as it must be."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perdure.gate.streams import MIN_CAPACITY, SlotTable


def keys(*numbers: int) -> np.ndarray:
    return np.array(numbers, dtype=np.int64)


def test_slots_are_given_lowest_first_and_used_again() -> None:
    table = SlotTable()
    assert table.add(np.arange(5)).tolist() == [0, 1, 2, 3, 4]
    assert table.release(keys(3, 7, 0, 1)).tolist() == [3, 0, 1], "7 has none"
    assert table.add(keys(10, 11, 12, 13)).tolist() == [0, 1, 3, 5]
    assert table.rows(keys(13, 2, 10)).tolist() == [5, 2, 0]
    assert table.has(keys(3, 10)).tolist() == [False, True]
    assert len(table) == 6


def test_capacity_doubles() -> None:
    table = SlotTable()
    assert table.capacity == 0
    table.add(np.arange(8))
    assert table.capacity == MIN_CAPACITY == 8
    table.add(keys(8))
    assert table.capacity == 16
    assert table.add(np.arange(9, 20)).tolist() == list(range(9, 20))
    assert table.capacity == 32


def test_a_key_has_one_slot() -> None:
    table = SlotTable()
    table.add(keys(4))
    with pytest.raises(ValueError, match="slot: 4 has one already"):
        table.add(keys(3, 4))
    assert len(table) == 1


def test_shrinks_when_three_quarters_are_empty_at_the_end() -> None:
    table = SlotTable()
    table.add(np.arange(40))
    assert table.capacity == 64
    table.release(np.arange(17, 40))
    table.shrink()
    assert table.capacity == 64
    table.release(keys(16))
    table.shrink()
    assert table.capacity == 32
    table.release(np.arange(16))
    table.shrink()
    assert table.capacity == MIN_CAPACITY
    assert table.add(np.arange(50, 59)).tolist() == list(range(9))


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 30)), max_size=80))
def test_any_history_can_be_stored(steps: list[tuple[bool, int]]) -> None:
    table = SlotTable()
    for is_added, key in steps:
        if is_added and not table.has(keys(key)).any():
            table.add(keys(key))
        elif not is_added:
            table.release(keys(key))
            table.shrink()
    copy, own = SlotTable.from_rows(table.to_rows(), table.capacity), table.to_rows()[:, 0]
    slots = table.rows(own).tolist()
    assert len(set(slots)) == len(slots)
    assert all(0 <= slot < table.capacity for slot in slots)
    assert copy.rows(own).tolist() == slots
    assert copy.add(np.arange(100, 120)).tolist() == table.add(np.arange(100, 120)).tolist()
    assert copy.capacity == table.capacity
