"""`metrics.jsonl`: one row of numbers a line, appended whole; rows of work that is done again are dropped first."""

from __future__ import annotations

import json
import math
import os
from pathlib import Path
from typing import Any

from perdure.files import write_text


class MetricsLog:
    """Appends rows to a file of JSON lines.

    Args:
        path: the file; a half line that a killed process has left at its end is removed.

    Raises:
        OSError: the file cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._checked: set[str] = set()
        path.touch()
        content = path.read_bytes()
        whole = content[: content.rfind(b"\n") + 1]
        if whole != content:
            os.truncate(path, len(whole))

    def append(self, row: dict[str, Any]) -> None:
        """Appends a row with `stage` and, where it has them, `step`; numbers that are not finite become null.

        The first row of a stage in this process drops rows of that stage with the same or a later step: they are
        from before an interruption, and the work they tell of is being done again.
        """
        stage = str(row.get("stage"))
        if stage not in self._checked:
            self._checked.add(stage)
            self.drop(stage, from_step=row.get("step", 0))
        line = json.dumps({name: _finite(value) for name, value in row.items()}, allow_nan=False) + "\n"
        with self._path.open("ab", buffering=0) as file:
            file.write(line.encode())

    def drop(self, stage: str, *, from_step: int = 0) -> None:
        """Removes the rows of a stage from a step on; rows without a step count as step 0."""
        lines = self._path.read_text(encoding="utf-8").splitlines(keepends=True)
        kept = [line for line in lines if not _is_from(json.loads(line), stage, from_step)]
        if len(kept) < len(lines):
            write_text(self._path, "".join(kept))


def _is_from(row: dict[str, Any], stage: str, from_step: int) -> bool:
    return row.get("stage") == stage and row.get("step", 0) >= from_step


def _finite(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value
