"""All that one server shows: runs and a watched folder, read once for everybody who looks."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from perdure.monitor.curves import MetricsReader
from perdure.monitor.run_view import pictures_of, run_detail, run_summary
from perdure.monitor.watch_view import TracksReader, watch_state
from perdure.runs.run_folder import LATEST, RunFolder, find_runs

MOST_RUNS = 100
"""Runs that are listed: those with the newest signs of life."""
MOST_READERS = 40
"""Runs whose curves are kept in memory."""
LOOK_S = 1.5
"""Seconds for which what was read of small files is good for everybody."""


class Remembered:
    """Results that are good for a while, so that fifty who ask cost as much as one.

    Args:
        clock: monotonic seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._lock = clock, threading.Lock()
        self._kept: dict[str, tuple[float, Any]] = {}

    def get(self, key: str, make: Callable[[], Any], *, for_s: float = LOOK_S) -> Any:
        """Returns what is remembered, or makes it anew."""
        with self._lock:
            made_s, value = self._kept.get(key, (float("-inf"), None))
            if self._clock() - made_s < for_s:
                return value
            value = make()
            if len(self._kept) > 4 * MOST_RUNS:
                self._kept.clear()
            self._kept[key] = (self._clock(), value)
            return value


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """Where to look.

    Args:
        runs: a run folder, or a folder of them; None for no runs.
        watched: folder that `perdure watch` writes into; None for none.

    Raises:
        ValueError: neither is given.
        FileNotFoundError: one of them does not exist.
    """

    runs: Path | None = None
    watched: Path | None = None

    def __post_init__(self) -> None:
        if self.runs is None and self.watched is None:
            raise ValueError("monitor: got nothing to look at, expected a run, a folder of runs, or --watch FOLDER")
        if self.runs is not None and not self.runs.is_dir():
            raise FileNotFoundError(
                f"{self.runs}: does not exist; make a run with 'perdure run --out {self.runs}/NAME'"
            )
        if self.watched is not None and not self.watched.is_dir():
            raise FileNotFoundError(
                f"--watch: {self.watched} does not exist, expected the folder of 'perdure watch SOURCE --page --out "
                f"{self.watched}'"
            )


class Site:
    """Everything that is shown; all of its methods may be called from any thread.

    Args:
        places: where to look.
    """

    def __init__(self, places: Places) -> None:
        self.places = places
        self._remembered, self._lock = Remembered(), threading.Lock()
        self._readers: dict[str, MetricsReader] = {}
        self.tracks = None if places.watched is None else TracksReader(places.watched)

    def runs(self) -> dict[str, RunFolder]:
        """Returns the runs by name."""
        found: dict[str, RunFolder] = self._remembered.get("runs", self._found_runs)
        return found

    def _found_runs(self) -> dict[str, RunFolder]:
        root = self.places.runs
        if root is None:
            return {}
        if RunFolder(root).is_run:
            # `runs/latest` is a link that may come to point elsewhere; what is shown stays that run.
            return {RunFolder(root).name: RunFolder(root.resolve())}
        runs = sorted((run for run in find_runs(root) if run.path.name != LATEST), key=_last_change, reverse=True)
        return {run.path.name: run for run in runs[:MOST_RUNS]}

    def summaries(self) -> list[dict[str, Any]]:
        """Returns all runs in short."""
        found: list[dict[str, Any]] = self._remembered.get(
            "summaries", lambda: [run_summary(run) for run in self._found_runs().values()]
        )
        return found

    def detail(self, name: str) -> dict[str, Any] | None:
        """Returns what is shown of a run that is looked at, None if there is no such run."""
        run = self.runs().get(name)
        return None if run is None else self._remembered.get(f"detail {name}", lambda: run_detail(run))

    def reader(self, name: str) -> MetricsReader | None:
        """Returns the reader of a run's rows of numbers, None if there is no such run."""
        run = self.runs().get(name)
        if run is None:
            return None
        with self._lock:
            reader = self._readers.pop(name, None) or MetricsReader(run.path, run.metrics_file.name)
            self._readers[name] = reader  # the last one is the one that was used last
            if len(self._readers) > MOST_READERS:
                del self._readers[next(iter(self._readers))]
            return reader

    def picture(self, name: str, path: str) -> Path | None:
        """Returns the folder of a run if a path is one of the pictures that are shown of it."""
        run = self.runs().get(name)
        if run is None or path not in (shown for shown, _ in pictures_of(run)):
            return None
        return run.path

    def watched(self) -> dict[str, Any]:
        """Returns what is shown of the watched folder beside its decisions."""
        folder, tracks = self.places.watched, self.tracks
        if folder is None or tracks is None:
            return {}
        found: dict[str, Any] = self._remembered.get("watched", lambda: watch_state(folder, tracks), for_s=0.3)
        return found


def _last_change(run: RunFolder) -> float:
    for path in (run.heartbeat_file, run.config_file):
        if path.is_file():
            return path.stat().st_mtime
    return 0.0
