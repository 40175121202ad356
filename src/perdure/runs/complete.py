"""`PIPELINE_COMPLETE.txt` and the targets: what was asked, what came out."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from perdure.files import write_text
from perdure.runs.record import RunRecord, timestamp
from perdure.runs.run_folder import RunFolder
from perdure.runs.words import duration_words


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One target of the evaluation.

    Args:
        name: a field of the evaluation metrics.
        target: what was asked, as text or number.
        value: what came out; None if it was not measured.
        is_met: only True counts.
    """

    name: str
    target: Any
    value: Any
    is_met: bool

    @property
    def word(self) -> str:
        """PASS or FAIL."""
        return "PASS" if self.is_met else "FAIL"

    @property
    def value_text(self) -> str:
        """The value with as many digits as it takes."""
        if self.value is None:
            return "not measured"
        return f"{self.value:.4g}" if isinstance(self.value, float) else str(self.value)


def read_targets(run: RunFolder) -> list[Target]:
    """Returns the stored targets.

    Raises:
        FileNotFoundError: the run has not been evaluated.
        ValueError: the file cannot be read.
    """
    path = run.evaluation_metrics
    if not path.is_file():
        raise FileNotFoundError(f"{path}: does not exist; run 'perdure evaluate {run.path}' first")
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))["targets"]
        return [
            Target(name=row["name"], target=row["target"], value=row["value"], is_met=row["met"] is True)
            for row in rows
        ]
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(
            f"{path}: has no valid targets ({error!r}); run 'perdure evaluate {run.path}' again"
        ) from error


def current_targets(run: RunFolder, record: RunRecord | None) -> list[Target]:
    """Returns the stored targets if they are results of the run as it is now; none while evaluation has to run."""
    stage = record.stages.get("evaluate") if record is not None else None
    is_current = stage is None or stage.status == "done"
    return read_targets(run) if is_current and run.evaluation_metrics.is_file() else []


def write_complete(run: RunFolder, record: RunRecord, targets: Sequence[Target]) -> None:
    """Writes the mark that every stage ran."""
    missed = [target.name for target in targets if not target.is_met]
    lines = [
        "exit status: 0",
        f"finished: {timestamp()}",
        f"duration: {duration_words(record.duration_s)} (duration_s: {record.duration_s:.1f})",
        "stages: " + ", ".join(f"{name} {stage.duration_s:.1f} s" for name, stage in record.stages.items()),
        f"targets: {len(targets) - len(missed)} of {len(targets)} met" if targets else "targets: none",
        *(f"{target.word}  {target.name}: {target.value_text} (asked: {target.target})" for target in targets),
    ]
    write_text(run.complete_file, "\n".join(lines) + "\n")
