"""Curves of numbers in constant memory: long ones are kept as buckets of mean, lowest and highest value."""

from __future__ import annotations

import json
import math
import threading
from array import array
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from perdure.monitor.inside import Mark, is_continued, new_lines, opened_inside

MOST_BUCKETS = 512
"""Of one curve; with as many, neighbours are joined."""
MOST_CURVES = 120
"""Of one run."""
CHUNK_BYTES = 1 << 20
"""Read at once: what waits for the reader gets its turn in between."""


class Curve:
    """One curve. Depends on the points alone, not on how many came at once."""

    def __init__(self) -> None:
        self.stride, self._num_in_last = 1, 0
        self.x, self.mean, self.low, self.high = (array("d") for _ in range(4))

    def add(self, x: float, y: float) -> None:
        """Takes in a point; one that does not lie after the last one is left out.

        Args:
            x: where it lies, such as a step.
            y: its value.
        """
        if self.x and x <= self.x[-1]:
            return
        if self._num_in_last in (0, self.stride):
            if len(self.x) == MOST_BUCKETS:
                self._join()
            for column, value in zip((self.x, self.mean, self.low, self.high), (x, y, y, y), strict=True):
                column.append(value)
            self._num_in_last = 1
            return
        self._num_in_last += 1
        self.x[-1] = x
        self.mean[-1] += (y - self.mean[-1]) / self._num_in_last
        self.low[-1], self.high[-1] = min(self.low[-1], y), max(self.high[-1], y)

    def _join(self) -> None:
        """Joins neighbours two by two; all buckets are full then."""
        self.x = self.x[1::2]
        self.mean = array("d", [(a + b) / 2 for a, b in zip(self.mean[::2], self.mean[1::2], strict=True)])
        self.low = array("d", map(min, self.low[::2], self.low[1::2]))
        self.high = array("d", map(max, self.high[::2], self.high[1::2]))
        self.stride *= 2

    def to_lists(self) -> list[list[float]]:
        """Returns the columns x, mean, lowest, highest, to six digits."""
        return [[_short(value) for value in column] for column in (self.x, self.mean, self.low, self.high)]


def _short(value: float) -> float:
    return float(f"{value:.6g}") if value != int(value) or abs(value) > 1e15 else int(value)


@dataclass(slots=True)
class Rows:
    """What rows of numbers say so far.

    Args:
        curves: by stage and name.
        num_rows: rows that were read.
        num_torn: lines that are none.
        counts: rows of each stage, which place those that name no step.
    """

    curves: dict[str, Curve] = field(default_factory=dict)
    num_rows: int = 0
    num_torn: int = 0
    counts: dict[str, int] = field(default_factory=dict)

    def add(self, lines: Iterable[bytes]) -> None:
        """Takes in lines."""
        for line in lines:
            row = parsed_row(line)
            if row is None:
                self.num_torn += 1
                continue
            self.num_rows += 1
            stage, values = row
            self.counts[stage] = self.counts.get(stage, 0) + 1
            x = values.pop("step", None)
            for name, value in values.items():
                self._curve(f"{stage}/{name}", self.counts[stage] if x is None else x, value)

    def _curve(self, key: str, x: float, value: float) -> None:
        curve = self.curves.get(key)
        if curve is None:
            if len(self.curves) == MOST_CURVES:
                return
            curve = self.curves[key] = Curve()
        curve.add(x, value)


def parsed_row(line: bytes) -> tuple[str, dict[str, float]] | None:
    """Returns the stage and the finite numbers of a line of metrics.jsonl, None if it is none.

    >>> parsed_row(b'{"stage": "train", "step": 3, "loss": 0.5, "bad": null, "time": "2025-01-31"}')
    ('train', {'step': 3, 'loss': 0.5})
    >>> parsed_row(b'{"stage": "train", "st') is None
    True
    """
    try:
        row: Any = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(row, dict):
        return None
    values = {str(name)[:80]: value for name, value in row.items() if _is_number(value)}
    return str(row.get("stage", "run"))[:40], values


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and abs(value) < 1e300 and math.isfinite(value)


class MetricsReader:
    """Reads the rows of one run once, for all who look at it.

    Args:
        folder: of the run.
        name: of the file in it.
    """

    def __init__(self, folder: Path, name: str) -> None:
        self.folder, self.name = folder, name
        self._lock = threading.Lock()
        self.mark, self.rows, self.share = Mark(), Rows(), 0.0

    def advance(self) -> bool:
        """Reads one chunk more and returns whether all is read; from the start if the file was replaced."""
        with self._lock:
            try:
                with opened_inside(self.folder, self.name) as file:
                    if not is_continued(file, self.mark):
                        self.mark, self.rows = Mark(), Rows()
                    lines, after = new_lines(file, self.mark, most_bytes=CHUNK_BYTES)
                    size = file.seek(0, 2)
            except FileNotFoundError:
                self.mark, self.rows, self.share = Mark(), Rows(), 1.0
                return True
            self.rows.add(lines)
            is_done = size - self.mark.position <= CHUNK_BYTES  # half a line may be left
            self.mark, self.share = after, min(1.0, after.position / size) if size else 1.0
            return is_done

    def snapshot(self) -> tuple[Mark, dict[str, Any]]:
        """Returns how far was read and all curves up to there."""
        with self._lock:
            curves = {key: curve.to_lists() for key, curve in self.rows.curves.items()}
            values = {"curves": curves, "counts": dict(self.rows.counts), "share": round(self.share, 3)}
            return self.mark, values | {"num_rows": self.rows.num_rows, "num_torn": self.rows.num_torn}
