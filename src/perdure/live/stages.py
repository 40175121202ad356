"""Two threads beside the main one, so that decoding and encoding run while the gate decides.

Both hand over through short queues: memory does not grow, and order is kept. An error in a thread is raised where
its work is asked for.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Generic, TypeVar

ItemT = TypeVar("ItemT")

QUEUE_LENGTH = 4
"""Frames that may wait at each hand-over: enough to even out slow frames."""
POLL_S = 0.1
"""Seconds after which a waiting thread looks whether it should stop."""
IDLE_S = 0.02
"""Seconds between calls of `on_wait`: a key that was pressed is answered at once."""


class _End:
    """Marks the end of a queue, and carries the error that caused it."""

    def __init__(self, error: BaseException | None) -> None:
        self.error = error


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
        self._items, self._on_wait = items, on_wait
        self._queue: queue.Queue[ItemT | _End] = queue.Queue(maxsize=length)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="prefetch", daemon=True)

    def __enter__(self) -> Prefetch[ItemT]:
        self._thread.start()
        return self

    def __iter__(self) -> Iterator[ItemT]:
        """Yields the items in order."""
        while True:
            item = self._next()
            if isinstance(item, _End):
                if item.error is not None:
                    raise item.error
                return
            yield item

    def _next(self) -> ItemT | _End:
        if self._on_wait is None:
            return self._queue.get()
        while True:
            try:
                return self._queue.get(timeout=IDLE_S)
            except queue.Empty:
                self._on_wait()

    def _run(self) -> None:
        error: BaseException | None = None
        try:
            for item in self._items:
                if not self._put(item):
                    break
        except BaseException as caught:  # noqa: BLE001 - it is raised again in the main thread
            error = caught
        self._put(_End(error))

    def _put(self, item: ItemT | _End) -> bool:
        """Waits for room; returns False if nobody reads any more."""
        while not self._stop.is_set():
            try:
                self._queue.put(item, timeout=POLL_S)
                return True
            except queue.Full:
                continue
        return False

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()


class Sink(Generic[ItemT]):
    """Gives every item to a function, in order, in a thread of its own.

    Use it in a `with` block: leaving it waits until all items are worked off; leaving it by an error drops them.

    Raises:
        BaseException: whatever the function raised, at the next `put` or at the end of the block.
    """

    def __init__(self, work: Callable[[ItemT], None]) -> None:
        self._work = work
        self._queue: queue.Queue[ItemT | _End] = queue.Queue(maxsize=QUEUE_LENGTH)
        self._is_cancelled = threading.Event()
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="sink", daemon=True)

    def __enter__(self) -> Sink[ItemT]:
        self._thread.start()
        return self

    def put(self, item: ItemT) -> None:
        """Hands an item over; waits while the queue is full."""
        if self._error is not None:
            raise self._error
        self._queue.put(item)

    def _run(self) -> None:
        while True:
            item = self._queue.get()
            if isinstance(item, _End):
                return
            if self._error is not None or self._is_cancelled.is_set():
                continue  # goes on emptying the queue, so that nobody waits for room in it
            try:
                self._work(item)
            except BaseException as caught:  # noqa: BLE001 - it is raised again in the main thread
                self._error = caught

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            self._is_cancelled.set()
        self._queue.put(_End(None))
        self._thread.join()
        if kind is None and self._error is not None:
            raise self._error
