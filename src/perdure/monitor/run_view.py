"""What the page shows of a run, from its files: plain values, ready for JSON."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from perdure.monitor.inside import last_lines
from perdure.runs.heartbeat import Beat, last_beat
from perdure.runs.machine import host_name
from perdure.runs.record import read_record
from perdure.runs.run_folder import RunFolder
from perdure.runs.status import run_status

TAIL_BYTES = 64 << 10
"""Of logs that are read at their end."""
MOST_LINES, MOST_COLUMNS = 200, 400
"""Of the tail of a log."""
MOST_BEATS = 240
"""Beats of the curves of the machine's load: two hours."""
MOST_PICTURES = 10
PICTURES = ("visualizations", "analysis", "evaluation")
"""Folders of a run that hold pictures."""
_SUFFIXES = {".png", ".jpg", ".jpeg"}
_MILESTONE = re.compile(
    r"(?P<time>\S+)  \[(?P<index>\d+)/(?P<num>\d+)\] (?P<stage>\S+) +(?P<done>\d+)/(?P<total>\d+) +\d+ %"
    r"  run +(?P<run>\d+) %  ETA (?P<eta>.*?)(?:  +(?P<detail>.*))?$"
)
_BEAT = re.compile(r"(?P<time>\S+)  .*  cpu (?P<cpu>\d+) %  memory (?P<memory>\d+) MB$")


def run_summary(run: RunFolder, *, now: datetime | None = None) -> dict[str, Any]:
    """Returns one run in short: state, stages, progress, verdict.

    A run in whose folder a file that is read here is a link is not shown: its text might be anybody's.

    Args:
        run: its folder.
        now: the time of this machine; that of its clock by default.
    """
    now = now or datetime.now(UTC)
    try:
        if any(path.is_symlink() for path in _read_files(run)):
            raise ValueError("a file of this folder is a symbolic link, expected that all of a run lies inside of it")
        found = run_status(run, now=_time_there(run, now))
    except (OSError, ValueError) as error:
        return {"name": run.name, "state": "unreadable", "text": str(error), "stages": [], "targets": []}
    record, milestone = found.record, _last_milestone(run)
    beat = last_beat(run.heartbeat_file)
    return {
        "name": run.name,
        "state": found.state,
        "text": found.text,
        "advice": found.advice,
        "recipe": record.recipe if record else "",
        "machine": record.machine if record else "",
        "host": record.process.host if record else "",
        "is_here": record is None or record.process.host == host_name(),
        "started": record.process.started if record else "",
        "duration_s": round(record.duration_s, 1) if record else 0.0,
        "stages": [
            {"name": name, "status": stage.status, "duration_s": round(stage.duration_s, 1), "error": stage.error}
            for name, stage in (record.stages.items() if record else ())
        ],
        "progress": milestone,
        "beat": None if beat is None else _beat_values(beat, _time_there(run, now)),
        "targets": [
            {"name": target.name, "target": str(target.target), "value": target.value_text, "word": target.word}
            for target in found.targets
        ],
    }


def _read_files(run: RunFolder) -> tuple[Path, ...]:
    status_files = (run.config_file, run.record_file, run.heartbeat_file, run.lock_file)
    return (*status_files, run.progress_file, run.evaluation, run.evaluation_metrics)


def _time_there(run: RunFolder, now: datetime) -> datetime:
    """Returns the time by the clock of the machine that the run is on.

    Of a folder that is copied here from another machine: that machine wrote its last line when its clock said so, and
    this one has got it when the copy was changed. Two clocks are never compared, so that a clock that is wrong by an
    hour makes no run look dead; what is left is the delay of the copying.
    """
    beat = last_beat(run.heartbeat_file)
    record = read_record(run)
    if beat is None or record is None or record.process.host == host_name():
        return now
    arrived = datetime.fromtimestamp(run.heartbeat_file.stat().st_ctime, UTC)
    return beat.time + (now - arrived)


def _beat_values(beat: Beat, now: datetime) -> dict[str, Any]:
    age_s = round(max(beat.age_s(now), 0.0), 1)
    return {"age_s": age_s, "text": beat.text, "stage": beat.stage, "is_stale": beat.is_stale}


def _last_milestone(run: RunFolder) -> dict[str, Any] | None:
    for line in reversed(last_lines(run.path, run.progress_file.name, most_bytes=4096)):
        if found := _MILESTONE.match(line):
            values = found.groupdict()
            numbers = {name: int(values[name]) for name in ("index", "num", "done", "total", "run")}
            texts = {name: (values[name] or "").strip() for name in ("time", "stage", "eta", "detail")}
            return numbers | texts
    return None


def run_detail(run: RunFolder) -> dict[str, Any]:
    """Returns what is shown of a run that is looked at: tail of its log, load of the machine, newest pictures."""
    log = last_lines(run.path, run.log_file.name, most_bytes=TAIL_BYTES)[-MOST_LINES:]
    beats = [_BEAT.match(line) for line in last_lines(run.path, run.heartbeat_file.name, most_bytes=TAIL_BYTES)]
    load = [[beat["time"], int(beat["cpu"]), int(beat["memory"])] for beat in beats if beat][-MOST_BEATS:]
    return {"name": run.name, "log": [line[:MOST_COLUMNS] for line in log], "load": load, "pictures": pictures_of(run)}


def pictures_of(run: RunFolder) -> list[list[Any]]:
    """Returns path below the folder and time of the newest pictures of a run; links are none."""
    found: list[list[Any]] = []
    for folder in PICTURES:
        place = run.path / folder
        if place.is_symlink() or not place.is_dir():
            continue
        for path in place.iterdir():
            if path.suffix.lower() in _SUFFIXES and path.is_file() and not path.is_symlink():
                found.append([f"{folder}/{path.name}", path.stat().st_mtime_ns // 1_000_000])
    return sorted(found, key=lambda item: item[1], reverse=True)[:MOST_PICTURES]
