"""The record of a run, `run.json`: which stage ran when, from what, and what came out."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import Any, Literal

from perdure.config import from_dict, to_dict
from perdure.files import write_json
from perdure.runs.run_folder import RunFolder

FORMAT_VERSION = 1
"""Version of the run folder; another one is refused."""
MAX_HASHED_BYTES = 8 << 20
"""Outputs up to this size are compared by content, larger ones by size alone."""

StageStatus = Literal["running", "done", "outdated", "stopped", "failed"]
RunStatus = Literal["running", "finished", "partial", "stopped", "failed"]


def timestamp(moment: datetime | None = None) -> str:
    """Returns a moment, now by default, as UTC text to the second."""
    return (moment or datetime.now(UTC)).astimezone(UTC).isoformat(timespec="seconds")


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputRecord:
    """One file that a stage has written.

    Args:
        path: relative to the run folder.
        size_bytes: its size.
        sha256: checksum of its content; None for large files.

    Raises:
        ValueError: the path leads out of the folder: old outputs are removed, and such a one is not ours.
    """

    path: str
    size_bytes: int
    sha256: str | None = None

    def __post_init__(self) -> None:
        place = PurePosixPath(self.path)
        if place.is_absolute() or ".." in place.parts or "\\" in self.path or not place.parts:
            raise ValueError(f"path: got {self.path!r}, expected a file inside of the run folder")

    @classmethod
    def of(cls, root: Path, path: Path) -> OutputRecord:
        """Returns the record of a file as it is now."""
        size = path.stat().st_size
        digest = hashlib.sha256(path.read_bytes()).hexdigest() if size <= MAX_HASHED_BYTES else None
        return cls(path=path.relative_to(root).as_posix(), size_bytes=size, sha256=digest)

    def is_unchanged(self, root: Path) -> bool:
        """Returns whether the file is still there and the same."""
        path = root / self.path
        return path.is_file() and OutputRecord.of(root, path) == self


@dataclass(frozen=True, slots=True, kw_only=True)
class StageRecord:
    """One stage as it ran last.

    Args:
        status: `running` also after the process was killed.
        fingerprint: of settings, version and all stages before it.
        settings: fingerprint of its settings alone.
        version: of the stage.
        started: UTC time.
        ended: UTC time; None while it runs.
        duration_s: seconds of work, those before an interruption included.
        num_starts: how often it was started for this fingerprint.
        outputs: what it wrote.
        error: one line, if it failed.
    """

    status: StageStatus
    fingerprint: str
    settings: str
    version: str
    started: str
    ended: str | None = None
    duration_s: float = 0.0
    num_starts: int = 1
    outputs: tuple[OutputRecord, ...] = ()
    error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessRecord:
    """The process that worked in the run folder last.

    Args:
        status: `running` also after it was killed.
        host: machine it ran on.
        pid: its process id there.
        started: UTC time.
        ended: UTC time; None while it runs.
        exit_status: 0 or 1; None while it runs.
        error: one line, if it failed or was stopped.
    """

    status: RunStatus
    host: str
    pid: int
    started: str
    ended: str | None = None
    exit_status: int | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRecord:
    """A whole run.

    Args:
        name: of the folder.
        recipe: that the settings started from.
        command: line that started it.
        perdure_version: version that worked here last.
        machine: in words.
        created: UTC time.
        process: that worked here last.
        stages: by name, those that were ever started.
    """

    name: str
    recipe: str
    command: str
    perdure_version: str
    machine: str
    created: str
    process: ProcessRecord
    stages: dict[str, StageRecord] = field(default_factory=dict)

    @property
    def duration_s(self) -> float:
        """Seconds of work of all stages."""
        return sum((stage.duration_s for stage in self.stages.values()), 0.0)

    def with_stage(self, name: str, stage: StageRecord) -> RunRecord:
        """Returns the record with one stage replaced."""
        return replace(self, stages={**self.stages, name: stage})

    def ended(self, status: RunStatus, *, error: str | None = None) -> RunRecord:
        """Returns the record of a process that ends now."""
        exit_status = 0 if status in ("finished", "partial") else 1
        process = replace(self.process, status=status, ended=timestamp(), exit_status=exit_status, error=error)
        return replace(self, process=process)

    def save(self, run: RunFolder) -> None:
        """Writes `run.json`."""
        values = {name: getattr(self, name) for name in self.__slots__ if name not in ("process", "stages")}
        write_json(
            run.record_file,
            {
                "format_version": FORMAT_VERSION,
                **values,
                "duration_s": round(self.duration_s, 3),
                "process": to_dict(self.process),
                "stages": {name: to_dict(stage) for name, stage in self.stages.items()},
            },
        )


def read_record(run: RunFolder) -> RunRecord | None:
    """Returns the record of a run, None if nothing was recorded yet.

    Raises:
        ValueError: it cannot be read, or another version wrote it.
    """
    path = run.record_file
    if not path.is_file():
        return None
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        version = content.pop("format_version", None)
    except (ValueError, AttributeError) as error:
        raise ValueError(f"{path}: cannot be read ({error}); choose another --out") from error
    if version != FORMAT_VERSION:
        raise ValueError(
            f"{path}: has format version {version}, expected {FORMAT_VERSION}: "
            "it was written by another version of perdure; choose another --out"
        )
    content.pop("duration_s", None)
    stages = content.pop("stages", {})
    record = from_dict(RunRecord, content, where=str(path))
    for values in stages.values():
        if "code" in values:  # a hash of source, from before stages had versions
            values["version"] = values.pop("code")
    parsed = {name: from_dict(StageRecord, values, where=str(path)) for name, values in stages.items()}
    return replace(record, stages=parsed)
