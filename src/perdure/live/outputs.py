"""The text files of a watched video, written as the stream goes: decisions, tracks, and confirmed boxes.

Each grows under its own name, by whole lines, frame by frame: whoever follows it reads what is decided as it is
decided, and whatever ends the process, what was written up to the last frame is there.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Literal

import numpy as np
from jaxtyping import Int

from perdure.gate.results import GateResult, TrackView
from perdure.gate.trace import TRACE, Tracer, trace_line
from perdure.live.backfill import BackfilledBoxes
from perdure.live.protocols import Receiver
from perdure.runs.run_folder import require_outside_runs
from perdure.types import NO_CLASS, Decision, Detections
from perdure.video.mot import MotBox

TracksFormat = Literal["csv", "jsonl"]

DECISIONS, CONFIRMED, SUMMARY = "decisions.jsonl", "confirmed.txt", "summary.json"
BACKFILLED = "confirmed_from_birth.txt"
NEWEST_PICTURE, NEWEST_STATE = "newest.jpg", "newest.json"
"""The latest annotated frame and the totals up to it, for a page."""
TRACKS: dict[TracksFormat, str] = {"csv": "tracks.csv", "jsonl": "tracks.jsonl"}
"""The file of all tracks in each format. Only one is written: JSON takes three times the room of CSV."""
_DIGITS = {
    "time_s": 6, "x_min_px": 2, "y_min_px": 2, "x_max_px": 2, "y_max_px": 2, "score": 4, "evidence": 4,
    "probability": 6,
}  # fmt: skip
"""Digits after the point of the columns that are no whole numbers."""
TRACK_COLUMNS = (
    "frame_index,time_s,track_id,x_min_px,y_min_px,x_max_px,y_max_px,age,is_hit,score,class_id,status,evidence,"
    "probability"
)  # fmt: skip


def made_folder(path: Path) -> Path:
    """Returns the folder for what comes out of a stream, made if it does not exist.

    Raises:
        ValueError: it is a file, or lies in the folder of a run, whose decisions would be replaced.
    """
    require_outside_runs(path, what="out_dir")
    try:
        path.mkdir(parents=True, exist_ok=True)
    except FileExistsError:
        raise ValueError(f"out_dir: {path} is a file, expected a folder") from None
    return path


def written_files(tracks: TracksFormat, *, is_backfilled: bool, is_traced: bool = False) -> tuple[str, ...]:
    """Returns the names of the files that grow with a stream."""
    return (DECISIONS, TRACKS[tracks], CONFIRMED, *[BACKFILLED] * is_backfilled, *[TRACE] * is_traced)


class WatchOutputs:
    """Writes one frame after the other; use it in a `with` block.

    Args:
        folder: must exist; files of an earlier stream in it are replaced by the first frame, also those of the other
            format and the summary, which would contradict what is written now.
        tracks: format of the file of all tracks.
        has_classes: whether confirmed boxes name the class of their track; -1 otherwise, as evaluators of one class
            expect.
        is_backfilled: whether confirmed tracks are written from their birth on too, to a file that is
            `HISTORY_FRAMES` late.
        receivers: get each row of decisions.jsonl once it is written; they are entered and left with this.
        tracer: of the gate, where what it knew is written down too.
    """

    def __init__(
        self,
        folder: Path,
        *,
        tracks: TracksFormat = "csv",
        has_classes: bool = False,
        is_backfilled: bool = False,
        receivers: Sequence[Receiver] = (),
        tracer: Tracer | None = None,
    ) -> None:
        self._tracer = tracer
        self._folder, self._tracks, self._has_classes = folder, tracks, has_classes
        self._receivers, self._is_backfilled = receivers, is_backfilled
        self._backfilled: BackfilledBoxes | None = None
        self._stack = ExitStack()
        self._files: dict[str, IO[str]] = {}
        self._last_box: dict[int, tuple[float, float, float, float]] = {}

    def __enter__(self) -> WatchOutputs:
        for receiver in self._receivers:
            self._stack.enter_context(receiver)
        return self

    def _open(self) -> None:
        """Opens the files; what an earlier stream has left is removed first."""
        for name in (*TRACKS.values(), SUMMARY, BACKFILLED, TRACE, NEWEST_PICTURE, NEWEST_STATE):
            (self._folder / name).unlink(missing_ok=True)
        for name in written_files(self._tracks, is_backfilled=self._is_backfilled, is_traced=self._tracer is not None):
            path = self._folder / name
            path.unlink(missing_ok=True)  # a reader that follows the old one must not see it start again
            self._files[name] = self._stack.enter_context(path.open("w", encoding="utf-8"))
        if self._is_backfilled:
            self._backfilled = BackfilledBoxes(self._files[BACKFILLED].write, has_classes=self._has_classes)
            self._stack.callback(self._backfilled.flush)
        if self._tracks == "csv":
            self._files[TRACKS["csv"]].write(TRACK_COLUMNS + "\n")
        if self._tracer is not None:
            self._files[TRACE].write(trace_line(self._tracer.header()))

    def write(
        self,
        frame_index: int,
        time_s: float,
        result: GateResult,
        detections: Detections | None = None,
        owner: Int[np.ndarray, " n"] | None = None,
    ) -> None:
        """Appends the tracks and decisions of one frame; a trace also keeps its detections, and whose they are.

        Confirmed boxes are those of persistent tracks, from their confirmation on, on frames where they were
        detected; the score is the probability of being persistent.
        """
        if not self._files:
            self._open()
        line_of = _csv_line if self._tracks == "csv" else _json_line
        # A track that was deleted has no box any more; its decision gets the last one.
        boxes = self._last_box | {track.track_id: track.xyxy_px for track in result.tracks}
        rows = [_decision_row(made, frame_index, time_s, boxes.get(made.track_id)) for made in result.decisions]
        for row in rows:
            self._files[DECISIONS].write(json.dumps(row, allow_nan=False) + "\n")
        for track in result.tracks:
            self._files[TRACKS[self._tracks]].write(line_of(_track_row(track, frame_index, time_s)))
            if track.status == "persistent" and track.is_hit:
                # Ids from 1, since evaluators take 0 for none.
                class_id = track.class_id if self._has_classes else NO_CLASS
                box = MotBox(frame_index, track.track_id + 1, track.xyxy_px, track.probability, class_id)
                self._files[CONFIRMED].write(box.to_line())
        if self._backfilled is not None:
            self._backfilled.add(frame_index, result)
        if self._tracer is not None:
            self._files[TRACE].write(trace_line(self._tracer.row(result, detections, owner)))
        self._last_box = {track.track_id: track.xyxy_px for track in result.tracks}
        for file in self._files.values():
            file.flush()
        for row in rows:
            for receiver in self._receivers:
                receiver.put(row)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.__exit__(kind, error, trace)
        if kind is None and not self._files:
            with self._stack:
                self._open()


def _decision_row(
    decision: Decision, frame_index: int, time_s: float, xyxy_px: tuple[float, float, float, float] | None
) -> dict[str, Any]:
    return {
        "track_id": decision.track_id,
        "label": decision.label,
        "frame_index": frame_index,
        "time_s": round(time_s, 6),
        "xyxy_px": None if xyxy_px is None else [round(value, 2) for value in xyxy_px],
        "age": decision.age,
        "evidence": round(decision.evidence, 6),
        "probability": round(decision.probability, 6),
        "reason": decision.reason,
        "class_id": decision.class_id,
    }


def _track_row(track: TrackView, frame_index: int, time_s: float) -> dict[str, Any]:
    """Returns a track on a frame by the names of its columns, in their order."""
    corners = dict(zip(("x_min_px", "y_min_px", "x_max_px", "y_max_px"), track.xyxy_px, strict=True))
    values = {"frame_index": frame_index, "time_s": time_s} | corners
    return {name: values[name] if name in values else getattr(track, name) for name in TRACK_COLUMNS.split(",")}


def _csv_line(row: dict[str, Any]) -> str:
    values = row | {"is_hit": int(row["is_hit"])}
    cells = (f"{value:.{_DIGITS[name]}f}" if name in _DIGITS else str(value) for name, value in values.items())
    return ",".join(cells) + "\n"


def _json_line(row: dict[str, Any]) -> str:
    values = {name: round(value, _DIGITS[name]) if name in _DIGITS else value for name, value in row.items()}
    return json.dumps(values, allow_nan=False) + "\n"
