"""Work on many things in several processes, results in order."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import TypeVar

ThingT = TypeVar("ThingT")
ResultT = TypeVar("ResultT")


def mapped(work: Callable[[ThingT], ResultT], things: Sequence[ThingT], num_workers: int) -> Iterator[ResultT]:
    """Yields the results in order; what has not begun is dropped when the reader stops or something fails."""
    with ProcessPoolExecutor(num_workers, mp_context=get_context("spawn")) as pool:
        try:
            yield from pool.map(work, things)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
