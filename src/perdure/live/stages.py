"""Two threads beside the main one, so that decoding and encoding run while the gate decides.

Both take in few items ahead: memory does not grow, and order is kept. An error in a thread is raised where its work is
asked for.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from types import TracebackType
from typing import Generic, TypeVar

ItemT = TypeVar("ItemT")

QUEUE_LENGTH = 4
"""Frames that may wait at each hand-over: enough to even out slow frames."""
IDLE_S = 0.02
"""Seconds between calls of `on_wait`: a key that was pressed is answered at once."""


class Prefetch(Generic[ItemT]):
    """The items of an iterator, which runs ahead in a thread of its own.

    Use it in a `with` block: leaving it stops the thread. An error of the iterator is raised after the items that
    came before it.

    Args:
        items: what is worked off ahead.
        length: items that may wait.
        on_wait: called again and again in the thread that waits for an item, which may be long with a silent camera;
            what it raises ends the waiting.
    """

    def __init__(
        self, items: Iterator[ItemT], *, length: int = QUEUE_LENGTH, on_wait: Callable[[], None] | None = None
    ) -> None:
        self._items, self._length, self._on_wait = items, length, on_wait
        self._pool = ThreadPoolExecutor(1, "prefetch")
        self._ahead: deque[Future[tuple[ItemT, ...]]] = deque()

    def __enter__(self) -> Prefetch[ItemT]:
        for _ in range(self._length + 1):
            self._ahead.append(self._pool.submit(self._next))
        return self

    def _next(self) -> tuple[ItemT, ...]:
        """Returns the next item, or nothing at the end."""
        try:
            return (next(self._items),)
        except StopIteration:
            return ()

    def __iter__(self) -> Iterator[ItemT]:
        """Yields the items in order."""
        while True:
            first = self._ahead[0]
            while self._on_wait is not None and not wait([first], timeout=IDLE_S).done:
                self._on_wait()
            found = first.result()
            if not found:
                return
            self._ahead.popleft()
            self._ahead.append(self._pool.submit(self._next))
            yield found[0]

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.shutdown(cancel_futures=True)


class Sink(Generic[ItemT]):
    """Gives every item to a function, in order, in a thread of its own.

    Use it in a `with` block: leaving it waits until all items are worked off; leaving it by an error drops them.

    Raises:
        BaseException: whatever the function raised, at the next `put` or at the end of the block.
    """

    def __init__(self, work: Callable[[ItemT], None]) -> None:
        self._work = work
        self._error: BaseException | None = None
        self._pool, self._room = ThreadPoolExecutor(1, "sink"), threading.Semaphore(QUEUE_LENGTH)

    def __enter__(self) -> Sink[ItemT]:
        return self

    def put(self, item: ItemT) -> None:
        """Hands an item over; waits while too many are waiting."""
        if self._error is not None:
            raise self._error
        self._room.acquire()
        self._pool.submit(self._do, item)

    def _do(self, item: ItemT) -> None:
        try:
            if self._error is None:  # after an error the rest is dropped
                self._work(item)
        except BaseException as caught:  # noqa: BLE001 - it is raised again in the main thread
            self._error = caught
        finally:
            self._room.release()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.shutdown(cancel_futures=kind is not None)
        if kind is None and self._error is not None:
            raise self._error
