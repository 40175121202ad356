"""One scale for all that training does: a thirtieth for cutting out tracks, as it takes, the rest for the steps."""

from __future__ import annotations

from typing import Any, Protocol


class TrainingLog(Protocol):
    """Where training reports to."""

    def metrics(self, row: dict[str, Any]) -> None:
        """Takes one row of numbers."""

    def progress(self, done: int, total: int, detail: str) -> None:
        """Takes the number of finished steps."""


class PreparedSteps:
    """Passes progress on so that it never goes back: preparation first, then steps.

    Args:
        log: where it goes.
        num_parts: parts of the preparation, of equal weight.
        num_steps: steps that follow.
    """

    def __init__(self, log: TrainingLog, *, num_parts: int, num_steps: int) -> None:
        self._log, self._num_parts, self._num_steps = log, num_parts, num_steps
        self._preparation, self._part = max(1, num_steps // 30), 0

    def prepare(self, done: int, total: int, detail: str) -> None:
        """Takes the progress of one part of the preparation; a part ends when `done` reaches `total`."""
        share = (self._part + done / max(total, 1)) / self._num_parts
        self.progress(int(share * self._preparation) - self._preparation, self._num_steps, detail)
        self._part += int(done == total)

    def metrics(self, row: dict[str, Any]) -> None:
        """Passes a row of numbers on."""
        self._log.metrics(row)

    def progress(self, done: int, total: int, detail: str) -> None:
        """Passes the number of finished steps on, preparation counted in."""
        self._log.progress(self._preparation + done, self._preparation + total, detail)
