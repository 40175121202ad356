"""The table of slots: lowest first, nobody twice, and as large as it must be."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perdure.gate.streams import MIN_CAPACITY, SlotTable


def test_slots_are_given_lowest_first_and_used_again() -> None:
    table = SlotTable()
    assert table.add(range(5)) == [0, 1, 2, 3, 4]
    assert [table.release(key) for key in (3, 0, 1)] == [3, 0, 1]
    assert table.add([10, 11, 12, 13]) == [0, 1, 3, 5]
    assert table.rows([13, 2, 10]) == [5, 2, 0]
    assert 3 not in table
    assert 10 in table
    assert len(table) == 6


def test_capacity_doubles() -> None:
    table = SlotTable()
    assert table.capacity == 0
    table.add(range(8))
    assert table.capacity == MIN_CAPACITY == 8
    table.add([8])
    assert table.capacity == 16
    assert table.add(range(9, 20)) == list(range(9, 20))
    assert table.capacity == 32


def test_a_key_has_one_slot() -> None:
    table = SlotTable()
    table.add([4])
    with pytest.raises(ValueError, match="slot: 4 has one already"):
        table.add([4])


def test_shrinks_when_three_quarters_are_empty_at_the_end() -> None:
    table = SlotTable()
    table.add(range(40))
    assert table.capacity == 64
    for key in range(17, 40):
        table.release(key)
    table.shrink()
    assert table.capacity == 64
    table.release(16)
    table.shrink()
    assert table.capacity == 32
    for key in range(16):
        table.release(key)
    table.shrink()
    assert table.capacity == MIN_CAPACITY
    assert table.add(range(50, 59)) == list(range(9))


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 30)), max_size=80))
def test_any_history_can_be_stored(steps: list[tuple[bool, int]]) -> None:
    table = SlotTable()
    for is_added, key in steps:
        if is_added and key not in table:
            table.add([key])
        elif not is_added and key in table:
            table.release(key)
            table.shrink()
    copy = SlotTable.from_rows(table.to_rows(), table.capacity)
    keys = [key for key, _ in table.to_rows()]
    slots = table.rows(keys)
    assert len(set(slots)) == len(slots)
    assert all(0 <= slot < table.capacity for slot in slots)
    assert copy.rows(keys) == slots
    assert copy.add(range(100, 120)) == table.add(range(100, 120))
    assert copy.capacity == table.capacity
