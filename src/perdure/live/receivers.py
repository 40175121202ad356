"""Who is told of decisions as they fall: the next program of a pipeline, a webhook, an MQTT broker."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Mapping
from types import TracebackType
from typing import Any

from perdure.live.delivery import Delivery
from perdure.live.protocols import Receiver


class JsonLines:
    """Prints every row as a line of JSON on the standard output.

    Where its reader has left, the stream goes on: the files are kept for whoever comes later.
    """

    def __init__(self) -> None:
        self._num_taken, self._num_written = 0, 0

    def __enter__(self) -> JsonLines:
        return self

    def put(self, row: Mapping[str, Any]) -> None:
        """Prints one row."""
        self._num_taken += 1
        if self._num_written < self._num_taken - 1:
            return
        try:
            sys.stdout.write(json.dumps(row, allow_nan=False) + "\n")
            sys.stdout.flush()
            self._num_written += 1
        except BrokenPipeError:
            # What is left in the buffer must not fail once more when the process ends.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Does nothing: the output is not ours to close."""

    @property
    def problems(self) -> tuple[str, ...]:
        """A line on what nobody has read, empty if all was."""
        num = self._num_taken - self._num_written
        return (f"stdout: its reader has left, {num} decision(s) were not printed",) if num else ()


def receivers_of(*, prints: bool, addresses: tuple[str, ...]) -> Iterator[Receiver]:
    """Yields whoever is to be told.

    Args:
        prints: lines of JSON on the standard output.
        addresses: of webhooks and MQTT topics.

    Raises:
        ValueError: an address is neither.
    """
    if prints:
        yield JsonLines()
    yield from map(Delivery, addresses)
