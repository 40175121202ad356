"""The two threads: order, errors in both directions, bounded queues, and no thread left behind."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from perdure.live.stages import QUEUE_LENGTH, Prefetch, Sink


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    before = threading.active_count()
    yield
    assert threading.active_count() == before


def test_items_come_in_order() -> None:
    with Prefetch(iter(range(100))) as items:
        assert list(items) == list(range(100))
    done: list[int] = []
    with Sink[int](done.append) as sink:
        for index in range(100):
            sink.put(index)
    assert done == list(range(100))


def test_an_error_of_the_iterator_is_raised_after_what_came_before() -> None:
    def items() -> Iterator[int]:
        yield from (1, 2)
        raise ValueError("broken source")

    seen = []
    with pytest.raises(ValueError, match="broken source"), Prefetch(items()) as prefetched:
        seen.extend(iter(prefetched))
    with Prefetch(items()) as prefetched:
        got = iter(prefetched)
        assert [next(got), next(got)] == [1, 2]
        with pytest.raises(ValueError, match="broken source"):
            next(got)


def test_the_iterator_runs_only_a_few_items_ahead() -> None:
    num_made, is_full = 0, threading.Event()

    def items() -> Iterator[int]:
        nonlocal num_made
        for index in range(10_000):
            num_made += 1
            if num_made == QUEUE_LENGTH + 1:
                is_full.set()
            yield index

    with Prefetch(items()) as prefetched:
        assert is_full.wait(10)
        assert num_made == QUEUE_LENGTH + 1
        assert next(iter(prefetched)) == 0
    assert num_made <= QUEUE_LENGTH + 3  # leaving the block stopped it


def test_who_waits_is_called_until_an_item_comes_and_may_end_the_waiting() -> None:
    go_on, num_calls = threading.Event(), 0

    def items() -> Iterator[int]:
        yield 1
        go_on.wait(10)
        yield 2
        go_on.wait(10)

    def on_wait() -> None:
        nonlocal num_calls
        num_calls += 1
        if num_calls == 3:
            go_on.set()

    with Prefetch(items(), on_wait=on_wait) as prefetched:
        assert list(prefetched) == [1, 2]
    assert num_calls >= 3
    go_on.clear()

    def stop() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), Prefetch(items(), on_wait=stop) as prefetched:
        try:
            list(prefetched)
        finally:
            go_on.set()


def test_fewer_items_may_wait() -> None:
    num_made, is_full = 0, threading.Event()

    def items() -> Iterator[int]:
        nonlocal num_made
        for index in range(100):
            num_made += 1
            if num_made == 2:
                is_full.set()
            yield index

    with Prefetch(items(), length=1) as prefetched:
        assert is_full.wait(10)
        assert num_made == 2
        assert next(iter(prefetched)) == 0


def test_an_error_of_the_work_is_raised_and_the_rest_is_dropped() -> None:
    done = []

    def work(item: int) -> None:
        if item == 3:
            raise OSError("disk full")
        done.append(item)

    with pytest.raises(OSError, match="disk full"), Sink[int](work) as sink:
        for index in range(1000):
            sink.put(index)
    assert done == [0, 1, 2]


def test_an_error_at_the_last_item_is_not_lost() -> None:
    def work(item: int) -> None:
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"), Sink[int](work) as sink:
        sink.put(1)


def test_leaving_by_an_error_does_not_wait_for_the_queue() -> None:
    done = []

    def work(item: int) -> None:
        time.sleep(0.3)  # long enough for the block to be left meanwhile
        done.append(item)

    with pytest.raises(RuntimeError, match="stop"), Sink[int](work) as sink:
        for index in range(3):
            sink.put(index)
        raise RuntimeError("stop")
    assert done in ([], [0])
