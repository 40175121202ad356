"""`HEARTBEAT.txt`: a line every 30 s that says what the work thread really did last.

The thread that writes it does no work itself, so a worker that hangs shows as stale instead of as alive.
"""

from __future__ import annotations

import contextlib
import logging
import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import psutil

from perdure.runs.record import timestamp

logger = logging.getLogger(__name__)

INTERVAL_S = 30.0
"""Seconds between two lines."""
STALE_S = 110.0
"""A worker without a sign of life for this long is stale; whoever looks after two minutes sees it."""
LATE_S = 3 * INTERVAL_S
"""Without a line for this long the whole process has stopped."""
_SEPARATOR = "  "
_SILENT = re.compile(r"(\d+\.\d) s ago: ")


class Activity:
    """The latest sign of life of the work thread, which other threads may read at any time.

    Args:
        clock: monotonic seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self.touch("", "starting")

    def touch(self, stage: str, detail: str) -> None:
        """Notes that the work thread has done something."""
        self.last = (stage, detail, self._clock())  # one assignment, so that no reader sees half of it

    @property
    def age_s(self) -> float:
        """Seconds since the latest sign of life."""
        return self._clock() - self.last[2]


class Usage(NamedTuple):
    """What this process and its children use: percent of one core since the last look, and resident memory."""

    cpu_percent: float
    memory_mb: float


class UsageMeter:
    """Measures processor time and memory of this process and its children between two looks.

    Args:
        clock: monotonic seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._process = psutil.Process()
        self._last_s, self._last_cpu_s = clock(), self._totals()[0]

    def read(self) -> Usage:
        """Returns what was used since the last look; time of children that have ended in between counts too."""
        now_s, (cpu_s, memory) = self._clock(), self._totals()
        elapsed_s, used_s = now_s - self._last_s, cpu_s - self._last_cpu_s
        self._last_s, self._last_cpu_s = now_s, cpu_s
        # A child that was killed and not waited for takes its time with it.
        return Usage(cpu_percent=100.0 * max(used_s, 0.0) / max(elapsed_s, 1e-3), memory_mb=memory / 1e6)

    def _totals(self) -> tuple[float, int]:
        """Returns processor seconds and bytes of memory of this process, ended children and living ones."""
        seconds, memory = 0.0, 0
        for process in (self._process, *self._process.children(recursive=True)):
            with contextlib.suppress(psutil.Error):  # it has just ended
                times = process.cpu_times()
                seconds += times.user + times.system + times.children_user + times.children_system
                memory += process.memory_info().rss
        return seconds, memory


def heartbeat_line(activity: Activity, usage: Usage, *, now: str) -> str:
    """Returns one line: time, stage, state, last sign of life, processor, memory.

    >>> activity = Activity(clock=iter((0.0, 10.0, 12.5)).__next__)
    >>> activity.touch("train", "1200/2000 loss 0.31")
    >>> heartbeat_line(activity, Usage(cpu_percent=187.0, memory_mb=812.0), now="2025-01-31T12:00:00+00:00")
    '2025-01-31T12:00:00+00:00  train  working  2.5 s ago: 1200/2000 loss 0.31  cpu 187 %  memory 812 MB'
    """
    (stage, detail, _), age_s = activity.last, activity.age_s
    state = "working" if age_s < STALE_S else f"STALE for {age_s:.0f} s"
    used = (f"cpu {usage.cpu_percent:.0f} %", f"memory {usage.memory_mb:.0f} MB")
    return _SEPARATOR.join((now, stage or "-", state, f"{age_s:.1f} s ago: {detail}", *used))


class Heartbeat:
    """Writes a line at once, then every `interval_s` from a thread of its own, and a last one when it is left.

    Args:
        path: the file, which is appended to.
        activity: of the work thread.
        interval_s: seconds between two lines.
    """

    def __init__(self, path: Path, activity: Activity, *, interval_s: float = INTERVAL_S) -> None:
        self._path, self._activity, self._interval_s = path, activity, interval_s
        self._meter = UsageMeter()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="heartbeat", daemon=True)

    def __enter__(self) -> Heartbeat:
        self.write()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join(timeout=1.0)
        with contextlib.suppress(OSError):  # must not hide why the run ends
            self.write()

    def write(self) -> None:
        """Appends a line now."""
        line = heartbeat_line(self._activity, self._meter.read(), now=timestamp()) + "\n"
        with self._path.open("ab", buffering=0) as file:
            file.write(line.encode())

    def _beat(self) -> None:
        while not self._ended.wait(self._interval_s):
            try:
                self.write()
            except OSError as error:
                # The work thread meets the same disk and is the one to give up; a later line may succeed.
                logger.warning("heartbeat: %s cannot be written (%s)", self._path, error)


@dataclass(frozen=True, slots=True, kw_only=True)
class Beat:
    """One line of `HEARTBEAT.txt`.

    Args:
        time: when it was written.
        stage: stage at work.
        is_stale: whether the work thread had shown no life for long.
        silent_s: for how long it had shown none.
        text: state, last sign of life and usage, for people.
    """

    time: datetime
    stage: str
    is_stale: bool
    silent_s: float
    text: str

    def age_s(self, now: datetime) -> float:
        """Returns how long ago it was written."""
        return (now - self.time).total_seconds()


def last_beat(path: Path) -> Beat | None:
    """Returns the last whole line, None if there is none."""
    if not path.is_file():
        return None
    text = path.read_text(encoding="utf-8", errors="replace")
    for line in reversed(text[: text.rfind("\n") + 1].splitlines()):
        parts = line.split(_SEPARATOR)
        try:
            moment = datetime.fromisoformat(parts[0])
        except ValueError:
            continue
        if len(parts) >= 4:
            text = _SEPARATOR.join(parts[2:])
            found = _SILENT.match(parts[3])
            silent_s = float(found[1]) if found else 0.0
            is_stale = parts[2].startswith("STALE")
            return Beat(time=moment, stage=parts[1], is_stale=is_stale, silent_s=silent_s, text=text)
    return None
