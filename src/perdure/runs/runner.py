"""Runs the stages that must run, in order, and records what happened at every step.

A stage counts as done only after it has returned and its outputs are recorded; whatever a killed process has left
is therefore either whole or made again.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import perdure
from perdure.config import to_dict
from perdure.runs.complete import current_targets, write_complete
from perdure.runs.display import Display
from perdure.runs.heartbeat import Activity, Heartbeat
from perdure.runs.lock import locked
from perdure.runs.machine import host_name, machine_words
from perdure.runs.plan import PlannedStage, plan_stages
from perdure.runs.preflight import check_folder, check_ready
from perdure.runs.progress import MetricsLog, Progress
from perdure.runs.record import ProcessRecord, RunRecord, read_record, timestamp
from perdure.runs.run_folder import RunFolder, point_to_latest
from perdure.runs.settings import RunSettings
from perdure.runs.signals import StopSwitch
from perdure.runs.stacks import remove_if_empty, stacks_on_request
from perdure.runs.stage import Stage, Stopped, one_line
from perdure.runs.stage_run import StageRun

logger = logging.getLogger(__name__)

_MAX_NAMED = 3
_LINE = "%(asctime)s  %(levelname)-7s  %(name)s: %(message)s"


@contextmanager
def logged_to(path: Path, level: int = logging.INFO) -> Iterator[None]:
    """Appends what perdure logs to a file while the block runs.

    Raises:
        OSError: the file cannot be written.
    """
    handler = logging.FileHandler(path, encoding="utf-8")
    handler.setFormatter(logging.Formatter(_LINE))
    handler.setLevel(level)
    logger = logging.getLogger("perdure")
    old_level = logger.level
    logger.addHandler(handler)
    logger.setLevel(min(level, logger.getEffectiveLevel()))
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(old_level)
        handler.close()


@contextmanager
def session(run: RunFolder, planned: list[PlannedStage], display: Display) -> Iterator[Progress]:
    """Yields the progress of a run; heartbeat, log file and display live as long as the block.

    Raises:
        OSError: the folder cannot be written.
    """
    with ExitStack() as stack:
        stack.enter_context(logged_to(run.log_file))
        stack.enter_context(stacks_on_request(run.stacks_file))
        activity, rows = Activity(), MetricsLog(run.metrics_file)
        progress = Progress(planned, file=run.progress_file, metrics_log=rows, activity=activity, display=display)
        stack.enter_context(Heartbeat(run.heartbeat_file, activity))
        display.begin(planned)
        stack.callback(display.end)
        yield progress


class ResultStore:
    """Takes the results of a run elsewhere, after every stage; this one leaves them where they are."""

    @property
    def options(self) -> str:
        """The words of the command line that lead to it."""
        return ""

    def keep(self, run: RunFolder, record: RunRecord) -> None:
        """Takes what the run holds now."""

    def close(self) -> None:
        """Ends; whatever is under way comes to its end first."""


@dataclass(slots=True, kw_only=True)
class Runner:
    """Runs stages in a run folder.

    Args:
        stages: in an order in which each comes after those it depends on.
        config_of: reads the settings of a run that is there already.
        display: shows the run.
        stop: says when to stop.
        command: the line that started it, for the record.
        may_change: whether the settings of a run that is there already may be replaced.
        branch: takes the results after every stage.
    """

    stages: Sequence[Stage]
    config_of: Callable[[RunFolder], RunSettings]
    display: Display = field(default_factory=Display)
    stop: StopSwitch = field(default_factory=StopSwitch)
    command: str = ""
    may_change: bool = False
    branch: ResultStore = field(default_factory=ResultStore)

    def run(self, config: RunSettings, run: RunFolder, *, only: Sequence[str] = ()) -> RunRecord:
        """Returns the record of the run after running whatever must run.

        Args:
            config: the configuration.
            run: the folder, made if missing.
            only: stages that are asked for by name: they run in any case, and no others.

        Raises:
            ValueError: folder, configuration or stages do not fit together.
            RunBusyError: another process works in the folder.
            NotReadyError: this machine cannot do it.
            StageFailedError: a stage raised an error.
            Stopped: the run was asked to stop.
            OSError: the folder cannot be written.
        """
        run.check_free()
        check_folder(run.path)
        with locked(run.lock_file), closing(self.branch):
            run.remove_temporary_files()
            record = read_record(run)
            if run.is_run and not self.may_change:
                require_same(self.config_of(run), config, run)
            planned = plan_stages(self.stages, config, run=run, record=record, only=only)
            if record is not None and not any(item.will_run for item in planned):
                record = self._keep(config, run, planned=planned, record=record)
            else:
                record = self._work(config, run, planned=planned, record=record)
            # The last stage is committed here, together with the mark that the run is complete.
            self.branch.keep(run, record)
            return record

    def _keep(
        self, config: RunSettings, run: RunFolder, *, planned: list[PlannedStage], record: RunRecord
    ) -> RunRecord:
        """Nothing has changed: only marks that a killed process may have left wrong are put right."""
        run.save_config(config)
        remove_if_empty(run.stacks_file)
        self.display.note("nothing has changed since the last run")
        self.display.begin(planned)
        for item in planned:
            self.display.stage_ended(item, "kept", 0.0)
        self.display.end()
        if record.process.status != "finished" or not run.complete_file.is_file():
            return _ended(record, run, planned)
        return record

    def _work(
        self, config: RunSettings, run: RunFolder, *, planned: list[PlannedStage], record: RunRecord | None
    ) -> RunRecord:
        run.create()
        check_ready(planned, config, run)
        run.complete_file.unlink(missing_ok=True)
        record = self._opened(config, run, record)
        run.save_config(config)
        point_to_latest(run)
        fingerprints = {item.stage.name: item.fingerprint for item in planned}
        try:
            with session(run, planned, self.display) as progress:
                logger.info("perdure %s, recipe %s, %s", record.perdure_version, config.recipe, record.machine)
                for item in planned:
                    if item.will_run:
                        start = StageRun(
                            item=item, stages=self.stages, config=config, run=run, progress=progress, stop=self.stop
                        )
                        record = start.execute(record, fingerprints)
                        if any(other.will_run for other in planned[planned.index(item) + 1 :]):
                            self.branch.keep(run, record)
                    elif item.is_wanted:
                        progress.finish(item, "kept", 0.0)
                return _ended(record, run, planned)
        except BaseException as error:
            record_end(run, error)
            raise

    def _opened(self, config: RunSettings, run: RunFolder, record: RunRecord | None) -> RunRecord:
        """Returns the record of a process that begins now, after storing it."""
        now = timestamp()
        opened = RunRecord(
            name=run.name,
            recipe=config.recipe,
            command=self.command if record is None or self.may_change else record.command,
            perdure_version=perdure.__version__,
            machine=machine_words(),
            created=now if record is None else record.created,
            process=ProcessRecord(status="running", host=host_name(), pid=os.getpid(), started=now),
            stages={} if record is None else record.stages,
        )
        opened.save(run)
        return opened


def _ended(record: RunRecord, run: RunFolder, planned: Sequence[PlannedStage]) -> RunRecord:
    """Returns the record of a process that ends well, after marking the run as complete if every stage ran."""
    is_whole = all(item.is_wanted or (item.reason is None and not item.is_old) for item in planned)
    is_whole = is_whole and all(record.stages[item.stage.name].status == "done" for item in planned)
    if is_whole:
        write_complete(run, record, current_targets(run, record))
    record = record.ended("finished" if is_whole else "partial")
    record.save(run)
    return record


def record_end(run: RunFolder, error: BaseException) -> None:
    """Stores that the process ends with an error; a disk that takes nothing any more must not hide that error."""
    is_stop = isinstance(error, Stopped | KeyboardInterrupt)
    try:
        record = read_record(run)
        if record is not None:
            record.ended("stopped" if is_stop else "failed", error=one_line(error)).save(run)
    except (OSError, ValueError) as second:
        logger.warning("%s cannot be written (%s)", run.record_file, one_line(second))


def require_same(stored: RunSettings, asked: RunSettings, run: RunFolder) -> None:
    """Refuses to replace the results of a run by those of other settings without being told to.

    Raises:
        ValueError: the settings differ; the first ones are named.
    """
    changed = _differences(to_dict(stored), to_dict(asked))
    if changed:
        more = f" and {len(changed) - _MAX_NAMED} more" if len(changed) > _MAX_NAMED else ""
        raise ValueError(
            f"run folder {run.path}: holds a run with other settings ({'; '.join(changed[:_MAX_NAMED])}{more}); "
            "add --resume to redo what this changes, or choose another --out"
        )


def _differences(stored: dict[str, object], asked: dict[str, object], prefix: str = "") -> list[str]:
    """Returns what differs between two nested dictionaries, as `name: old -> new`."""
    found = []
    for name in dict.fromkeys([*stored, *asked]):
        old, new = stored.get(name), asked.get(name)
        if isinstance(old, dict) and isinstance(new, dict):
            found += _differences(old, new, f"{prefix}{name}.")
        elif old != new:
            found.append(f"{prefix}{name}: {old} -> {new}")
    return found
