"""The rows of runs, copied to the experiment tracker trackio: one more reader of the files that the page reads."""

from __future__ import annotations

import logging
import threading
from contextvars import Context
from typing import Any

from perdure.monitor.curves import CHUNK_BYTES, parsed_row
from perdure.monitor.inside import Mark, is_continued, new_lines, opened_inside
from perdure.monitor.site import Site
from perdure.runs.run_folder import RunFolder

logger = logging.getLogger(__name__)

PERIOD_S = 2.0
"""Seconds between two looks for new rows."""
OURS = {"copied_by": "perdure monitor"}
"""Configuration of the runs there that are copies of ours, and may be made anew."""


class TrackioCopy:
    """The copy of one run.

    Args:
        trackio: the module.
        project: there.
        run: whose rows are copied.
    """

    def __init__(self, trackio: Any, project: str, run: RunFolder) -> None:
        self._trackio, self._project, self._run = trackio, project, run
        self._mark = Mark()
        self._copy: Any = None  # until there is a file of rows

    def advance(self) -> None:
        """Copies what is new; everything at first, and where the file was replaced, so that no row is there twice.

        Raises:
            ValueError: the project has a run of this name that is no copy.
        """
        try:
            with opened_inside(self._run.path, self._run.metrics_file.name) as file:
                if self._copy is None or not is_continued(file, self._mark):
                    self._mark, self._copy = Mark(), Context().run(self._fresh)
                lines, self._mark = new_lines(file, self._mark, most_bytes=CHUNK_BYTES)
        except FileNotFoundError:
            return
        for row in map(parsed_row, lines):
            if row is not None:
                stage, values = row
                step = values.pop("step", None)
                named = {f"{stage}/{name}": value for name, value in values.items()}
                self._copy.log(named, step=None if step is None else int(step))

    def _fresh(self) -> Any:
        """Returns an empty run there. In a context of its own, since one that is opened ends the one before it."""
        self.finish()
        for known in self._known():
            if known.name == self._run.name:
                if (known.config or {}).get("copied_by") != OURS["copied_by"]:
                    raise ValueError(
                        f"--trackio: project {self._project} has a run {known.name} that is no copy of ours, "
                        "expected none; name another project"
                    )
                known.delete()
        quiet = {"embed": False, "auto_log_gpu": False, "auto_log_cpu": False}
        return self._trackio.init(project=self._project, name=self._run.name, config=dict(OURS), **quiet)

    def _known(self) -> list[Any]:
        try:
            return list(self._trackio.Api().runs(self._project))
        except ValueError:  # there is no such project yet
            return []

    def finish(self) -> None:
        """Waits until all is stored there."""
        if self._copy is not None:
            self._copy.finish()


def copy_to_trackio(trackio: Any, project: str, site: Site, is_over: threading.Event) -> None:
    """Copies all runs, those that come later too, until it is over; a run that cannot be copied is left out, and said.

    Args:
        trackio: the module.
        project: there.
        site: what is shown.
        is_over: ends it.
    """
    copies: dict[str, TrackioCopy | None] = {}
    while True:
        for name, run in site.runs().items():
            copy = copies.setdefault(name, TrackioCopy(trackio, project, run))
            try:
                if copy is not None:
                    copy.advance()
            except Exception as error:  # noqa: BLE001 - a tracker that fails must not end the page
                logger.warning("%s: not copied to trackio (%s)", name, error)
                copies[name] = None
        if is_over.wait(PERIOD_S):
            break
    for copy in filter(None, copies.values()):
        copy.finish()
