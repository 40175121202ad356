"""One process at work in a run folder: log file, heartbeat and progress, all given back at the end."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from perdure.runs.activity import Activity
from perdure.runs.heartbeat import Heartbeat
from perdure.runs.metrics_log import MetricsLog
from perdure.runs.plan import PlannedStage
from perdure.runs.progress import Display, Progress
from perdure.runs.run_folder import RunFolder
from perdure.runs.stacks import stacks_on_request

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
        activity = Activity()
        metrics_log = MetricsLog(run.metrics_file)
        progress = Progress(
            planned, file=run.progress_file, metrics_log=metrics_log, activity=activity, display=display
        )
        stack.enter_context(Heartbeat(run.heartbeat_file, activity))
        display.begin(planned)
        stack.callback(display.end)
        yield progress
