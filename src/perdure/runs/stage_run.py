"""One start of one stage: clears what belongs to other settings, runs the work, and records what came out."""

from __future__ import annotations

import contextlib
import logging
import re
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from perdure.runs.machine import usable_cores
from perdure.runs.plan import ASKED_FOR, PlannedStage, dependents, written_outputs
from perdure.runs.progress import Progress
from perdure.runs.record import OutputRecord, RunRecord, StageRecord, timestamp
from perdure.runs.run_folder import RunFolder
from perdure.runs.settings import RunSettings
from perdure.runs.signals import StopSwitch
from perdure.runs.stage import Stage, StageContext, StageFailedError, Stopped, one_line

logger = logging.getLogger(__name__)

_PLACE = "{fingerprint}"
_FINGERPRINT = re.compile(r"[0-9a-f]{16}")


@dataclass(frozen=True, slots=True, kw_only=True)
class StageRun:
    """One start of one stage.

    Args:
        item: the stage as planned.
        stages: all stages.
        config: the configuration.
        run: the folder.
        progress: takes reports.
        stop: says when to stop.
    """

    item: PlannedStage
    stages: Sequence[Stage]
    config: RunSettings
    run: RunFolder
    progress: Progress
    stop: StopSwitch

    def execute(self, record: RunRecord, fingerprints: Mapping[str, str]) -> RunRecord:
        """Runs the stage and returns the record after it.

        Args:
            record: of the run so far.
            fingerprints: of all stages.

        Raises:
            StageFailedError: the stage raised an error or did not write what it promises.
            Stopped: the stage was asked to stop.
        """
        name = self.item.stage.name
        if self.stop.is_set():
            raise Stopped(f"stopped on request before {name}")
        earlier = record.stages.get(name)
        current = self._started(earlier)
        # Before the record says that the stage runs: killed in between, it is still found to be in need of a fresh
        # start, and not taken for one that can be continued.
        self._clear(earlier, set(fingerprints.values()))
        record = self._mark_dependents(record).with_stage(name, current)
        record.save(self.run)
        self.progress.start(self.item, is_continued=current.num_starts > 1)
        logger.info("%s: starts, since %s", name, self.item.reason)
        started_s = time.monotonic()
        try:
            self.item.stage.run(self._context(fingerprints))
            outputs = written_outputs(self.item.stage, self.run, whole=self.item.fingerprint)
            _require_own(record, name, outputs)
        except BaseException as error:
            self._interrupted(record, current, error, duration_s=time.monotonic() - started_s)
            raise
        duration_s = time.monotonic() - started_s
        return self._done(record, current, outputs=outputs, duration_s=duration_s)

    def _goes_on(self, earlier: StageRecord | None) -> bool:
        """Returns whether what lies in the work folder is from an unfinished start of this very stage."""
        if earlier is None or earlier.fingerprint != self.item.fingerprint:
            return False
        return earlier.status in ("running", "stopped", "failed")

    def _started(self, earlier: StageRecord | None) -> StageRecord:
        goes_on = self._goes_on(earlier)
        return StageRecord(
            status="running",
            fingerprint=self.item.fingerprint,
            settings=self.item.settings,
            version=self.item.version,
            started=timestamp(),
            duration_s=earlier.duration_s if earlier and goes_on else 0.0,
            num_starts=earlier.num_starts + 1 if earlier and goes_on else 1,
            outputs=earlier.outputs if earlier else (),
        )

    def _mark_dependents(self, record: RunRecord) -> RunRecord:
        """Stored before the stage starts, so that a kill cannot leave old results that look valid."""
        for name in dependents(self.stages, self.item.stage.name):
            if name in record.stages:
                record = record.with_stage(name, replace(record.stages[name], status="outdated"))
        return record

    def _clear(self, earlier: StageRecord | None, used: set[str]) -> None:
        """Removes state and data of other settings, and rows of metrics of work that starts anew.

        Args:
            earlier: record of this stage.
            used: fingerprints of all stages, whose folders of data lie side by side.
        """
        work = self._work_folder
        is_whole = earlier is not None and earlier.status == "done" and self.item.reason != ASKED_FOR
        is_same = earlier is not None and earlier.fingerprint == self.item.fingerprint
        keeps = self._goes_on(earlier) or (is_same and is_whole)
        if not keeps and work.exists():
            shutil.rmtree(work)
        if not (keeps and work.exists()):
            self.progress.forget(self.item.stage.name)
        if not keeps:
            # Fewer files may come out this time: those left over would look like results.
            for pattern in (pattern for pattern in self.item.stage.outputs if "*" in pattern):
                for path in self.run.path.glob(pattern.replace(_PLACE, self.item.fingerprint)):
                    if path.is_file():
                        path.unlink()
        named = [Path(pattern) for pattern in self.item.stage.outputs if _PLACE in Path(pattern).parts]
        parents = {self.run.path.joinpath(*path.parts[: path.parts.index(_PLACE)]) for path in named}
        for parent in (work.parent, *parents):
            for folder in parent.glob("*"):
                if _FINGERPRINT.fullmatch(folder.name) and folder.name not in {self.item.fingerprint, *used}:
                    shutil.rmtree(folder)
        work.mkdir(parents=True, exist_ok=True)

    @property
    def _work_folder(self) -> Path:
        return self.run.checkpoints / self.item.stage.name / self.item.fingerprint

    def _context(self, fingerprints: Mapping[str, str]) -> StageContext:
        return StageContext(
            config=self.config,
            run=self.run,
            log=self.progress,
            should_stop=self.stop.is_set,
            work=self._work_folder,
            fingerprints=fingerprints,
            num_workers=self.config.num_workers or usable_cores(),
        )

    def _interrupted(self, record: RunRecord, current: StageRecord, error: BaseException, *, duration_s: float) -> None:
        """Records why the stage did not end, and raises what the caller is to see; other errors go on as they are."""
        name = self.item.stage.name
        is_stop = self._is_stop(error)
        ended = replace(
            current,
            status="stopped" if is_stop else "failed",
            ended=timestamp(),
            duration_s=current.duration_s + duration_s,
            error=None if is_stop else one_line(error),
        )
        logger.log(logging.INFO if is_stop else logging.ERROR, "%s: %s", name, one_line(error), exc_info=error)
        self._remove_empty_work()
        with contextlib.suppress(OSError):  # a full disk: the first error is the one to tell
            record.with_stage(name, ended).save(self.run)
            self.progress.finish(self.item, ended.status, duration_s)
        if is_stop:
            raise Stopped(f"{name} was stopped") from error
        if isinstance(error, Exception):
            raise StageFailedError(name, error) from error

    def _remove_empty_work(self) -> None:
        for folder in (self._work_folder, self._work_folder.parent):
            with contextlib.suppress(OSError):  # not empty
                folder.rmdir()

    def _is_stop(self, error: BaseException) -> bool:
        """Whatever a stage raises after it was asked to stop is its way of stopping, lost worker processes included."""
        is_asked = self.stop.is_set() and isinstance(error, Exception)
        return is_asked or isinstance(error, Stopped | KeyboardInterrupt)

    def _done(
        self, record: RunRecord, current: StageRecord, *, outputs: tuple[OutputRecord, ...], duration_s: float
    ) -> RunRecord:
        for old in {output.path for output in current.outputs} - {output.path for output in outputs}:
            (self.run.path / old).unlink(missing_ok=True)
        self._remove_empty_work()
        # To the microsecond: beside the second at which it ended, it tells one execution of a stage from the next.
        total_s = round(current.duration_s + duration_s, 6)
        done = replace(current, status="done", ended=timestamp(), duration_s=total_s, outputs=outputs)
        record = record.with_stage(self.item.stage.name, done)
        record.save(self.run)
        self.progress.finish(self.item, "done", duration_s)
        return record


def _require_own(record: RunRecord, name: str, outputs: Sequence[OutputRecord]) -> None:
    """Refuses a file that two stages write: each would make the other one run again."""
    paths = {output.path for output in outputs}
    for other, stage in record.stages.items():
        shared = paths & {output.path for output in stage.outputs}
        if other != name and shared:
            raise RuntimeError(f"{name}: writes {min(shared)}, which is an output of {other}")
