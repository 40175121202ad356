"""What the page shows of a watched camera, from the files that `perdure watch` writes as it goes."""

from __future__ import annotations

import csv
import json
import os
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from perdure.live.outputs import NEWEST_STATE, SUMMARY, TRACK_COLUMNS, TRACKS
from perdure.monitor.inside import Mark, is_continued, new_lines, opened_inside

TAIL_BYTES = 256 << 10
"""Of the table of tracks that is read when it is first looked at: what was long ago is not shown."""
MOST_POINTS = 40
"""Frames of a track's curve of evidence."""
MOST_TRACKS = 60
"""Tracks that are shown: those that were there last."""
GONE_FRAMES = 150
"""A track that was not there for so many frames is forgotten."""
_MOST_STATE_BYTES = 1 << 20


@dataclass(slots=True)
class SeenTrack:
    """A track of the watched stream as the page shows it."""

    track_id: int
    status: str = "tentative"
    age: int = 0
    probability: float = 0.5
    last_frame: int = 0
    evidence: deque[float] = field(default_factory=lambda: deque(maxlen=MOST_POINTS))

    def to_dict(self) -> dict[str, Any]:
        """Returns plain values."""
        names = ("track_id", "status", "age", "probability", "last_frame")
        return {name: getattr(self, name) for name in names} | {"evidence": list(self.evidence)}


class TracksReader:
    """Follows the table of tracks of a watched stream, in either of its formats.

    Args:
        folder: that the stream writes into.
    """

    def __init__(self, folder: Path) -> None:
        self._folder, self._lock = folder, threading.Lock()
        self._name, self._mark = "", Mark()
        self._tracks: dict[int, SeenTrack] = {}
        self._frame = 0

    def newest(self) -> list[dict[str, Any]]:
        """Reads on and returns the tracks that were there last, newest first."""
        with self._lock:
            self._advance()
            shown = sorted(self._tracks.values(), key=lambda track: (-track.last_frame, -track.track_id))
            return [track.to_dict() for track in shown[:MOST_TRACKS]]

    def _advance(self) -> None:
        for name in TRACKS.values():
            try:
                with opened_inside(self._folder, name) as file:
                    if name != self._name or not is_continued(file, self._mark):
                        self._tracks, self._frame, self._name = {}, 0, name
                        self._mark = Mark(max(0, os.fstat(file.fileno()).st_size - TAIL_BYTES))
                    lines, self._mark = new_lines(file, self._mark, most_bytes=2 * TAIL_BYTES)
            except FileNotFoundError:
                continue
            for line in lines:
                self._take(line)
            oldest = self._frame - GONE_FRAMES
            self._tracks = {key: track for key, track in self._tracks.items() if track.last_frame >= oldest}
            return

    def _take(self, line: bytes) -> None:
        """Takes in a row; a line that is none, such as the header or half a line, is left out."""
        try:
            row = _row_of(line.decode())
            track_id, frame = int(row["track_id"]), int(row["frame_index"])
            track = self._tracks.setdefault(track_id, SeenTrack(track_id))
            track.status, track.age, track.last_frame = str(row["status"])[:12], int(row["age"]), frame
            track.probability = float(row["probability"])
            track.evidence.append(round(float(row["evidence"]), 3))
        except (ValueError, KeyError, TypeError, RecursionError):
            return
        self._frame = max(self._frame, frame)


def _row_of(line: str) -> dict[str, Any]:
    if line.startswith("{"):
        row: dict[str, Any] = json.loads(line)
        return row
    return dict(zip(TRACK_COLUMNS.split(","), next(csv.reader([line])), strict=True))


def watch_state(folder: Path, tracks: TracksReader, *, now_s: float | None = None) -> dict[str, Any]:
    """Returns totals, drift, tracks and, once it has ended, the summary of a watched stream.

    Args:
        folder: that the stream writes into.
        tracks: reader of its tracks.
        now_s: seconds since 1970; those of this machine by default.
    """
    state, changed_s = _object_in(folder, NEWEST_STATE)
    summary, ended_s = _object_in(folder, SUMMARY)
    now_s = time.time() if now_s is None else now_s
    age_s = None if changed_s is None else round(max(0.0, now_s - changed_s), 1)
    is_over = ended_s is not None and (changed_s is None or ended_s >= changed_s)
    return {"state": state, "age_s": age_s, "summary": summary if is_over else None, "tracks": tracks.newest()}


def _object_in(folder: Path, name: str) -> tuple[dict[str, Any] | None, float | None]:
    """Returns the JSON object of a file and when it was written; None for both if there is none."""
    try:
        with opened_inside(folder, name) as file:
            value = json.loads(file.read(_MOST_STATE_BYTES))
            return (value, os.fstat(file.fileno()).st_mtime) if isinstance(value, dict) else (None, None)
    except (FileNotFoundError, ValueError, RecursionError):
        return None, None
