"""What a stage is: a name, what it depends on, what it writes, and a function.

Knows nothing of the stages there are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import BrokenExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from perdure.runs.run_folder import RunFolder


class Stopped(Exception):
    """The run was asked to stop; what is done so far is stored."""


class StageFailedError(Exception):
    """A stage raised an error.

    Args:
        stage: its name.
        cause: what it raised.
    """

    def __init__(self, stage: str, cause: BaseException) -> None:
        super().__init__(f"{stage} failed: {one_line(cause)}")
        self.stage = stage


def one_line(error: BaseException) -> str:
    """Returns an error as one line; errors of the system name the file and the reason.

    >>> one_line(OSError(28, "No space left on device", "runs/cpu/run.json"))
    'runs/cpu/run.json: No space left on device'
    >>> one_line(KeyError("x")), one_line(ValueError("width: got 0"))
    ("KeyError: 'x'", 'width: got 0')
    >>> one_line(MemoryError())
    'out of memory'
    """
    if isinstance(error, OSError) and error.strerror:
        place = f"{error.filename}: " if error.filename else ""
        return f"{place}{error.strerror}"
    text = " ".join(str(error).split())
    if isinstance(error, MemoryError):
        return f"out of memory ({text})" if text else "out of memory"
    if isinstance(error, BrokenExecutor):
        return "a worker process was ended from outside, most often for want of memory"
    is_plain = isinstance(error, ValueError | OSError | RuntimeError | Stopped | StageFailedError) and text
    return text if is_plain else f"{type(error).__name__}: {text}".rstrip(": ")


@runtime_checkable
class StageLog(Protocol):
    """Where a stage reports to. Every call also counts as a sign of life."""

    def metrics(self, row: dict[str, Any]) -> None:
        """Takes one row of numbers for `metrics.jsonl`."""

    def progress(self, done: int, total: int, detail: str = "") -> None:
        """Takes how much of the stage is done, in units of its own, and a few words on the state."""

    def note(self, text: str) -> None:
        """Takes a line for people, for the terminal and `training.log`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StageContext:
    """What a stage gets.

    Args:
        config: the run's configuration, of the kind that its stages are made for.
        run: the run folder.
        log: where to report to.
        should_stop: whether the stage should stop at its next safe point, by raising `Stopped` or any other error.
        work: folder for state that a later start of the same stage may continue from; made before the stage starts.
            Another fingerprint gets another folder, so what lies there always belongs to these settings.
        fingerprints: of this stage and all that it depends on.
        num_workers: processes it may start, at least 1.
    """

    config: Any
    run: RunFolder
    log: StageLog
    should_stop: Callable[[], bool]
    work: Path
    fingerprints: Mapping[str, str]
    num_workers: int

    @property
    def dataset_folder(self) -> Path:
        """Folder of the data set that the `data` stage makes for this configuration."""
        return self.run.data / self.fingerprints["data"]

    def on_progress(self, detail: str) -> Callable[[int, int], None]:
        """Returns a function that reports (done, total) with these words, and stops the stage where the run should."""

        def report(done: int, total: int) -> None:
            self.log.progress(done, total, detail)
            self.raise_if_stopping()

        return report

    def raise_if_stopping(self) -> None:
        """Raises `Stopped` if the stage should stop; for loops whose finished part is stored or cheap."""
        if self.should_stop():
            raise Stopped("stopped on request")


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """One step of a run.

    Args:
        name: also that of its command, `perdure NAME RUN`.
        summary: what it does, in a few words, for the terminal.
        run: the work.
        after: names of the stages whose results it reads.
        settings: dotted names of the parts of `RunSettings` that its results depend on.
        version: of what comes out: whoever changes that in code raises it, and the stage runs again everywhere.
        outputs: paths or glob patterns relative to the run folder; `{fingerprint}` stands for that of the stage.
            Each must match at least one file afterwards, and no file may be an output of two stages. Files that
            match a pattern are removed before the stage starts anew, so that none is left over from other settings.
        inputs: what it reads from outside the run folder, in a word that changes when that does; empty for nothing.
        weight: share of the time of a whole run, on any scale; for the estimate of the time left.
        disk_bytes: bytes it will write, as far as they matter.
        uses_torch: whether torch and the device must be there.
        needs: modules that it needs beside what perdure depends on, such as `sklearn`; looked for before anything runs.
    """

    name: str
    summary: str
    run: Callable[[StageContext], None]
    after: tuple[str, ...] = ()
    settings: tuple[str, ...] = ()
    version: int = 1
    outputs: tuple[str, ...] = ()
    inputs: str = ""
    weight: float = 1.0
    disk_bytes: int = 0
    uses_torch: bool = False
    needs: tuple[str, ...] = ()
