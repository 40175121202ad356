"""The text files of a watched video, written as the stream goes: decisions, tracks, and confirmed boxes.

Each grows under a temporary name and gets its own when the stream has ended, so nothing is held in memory and nobody
reads half a file.
"""

from __future__ import annotations

import json
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Literal

from perdure.files import atomic_path
from perdure.gate.results import GateResult, TrackView
from perdure.types import Decision
from perdure.video.mot import MotBox

TracksFormat = Literal["csv", "jsonl"]

DECISIONS, CONFIRMED = "decisions.jsonl", "confirmed.txt"
TRACKS: dict[TracksFormat, str] = {"csv": "tracks.csv", "jsonl": "tracks.jsonl"}
"""The file of all tracks in each format. Only one is written: JSON takes three times the room of CSV."""
TRACK_COLUMNS = (
    "frame_index,time_s,track_id,x_min_px,y_min_px,x_max_px,y_max_px,age,is_hit,score,class_id,status,evidence,"
    "probability"
)  # fmt: skip


class WatchOutputs:
    """Writes one frame after the other; use it in a `with` block, which names the files if it ends without error.

    Args:
        folder: must exist; files of an earlier stream in it are replaced, also those of the other format.
        tracks: format of the file of all tracks.
    """

    def __init__(self, folder: Path, *, tracks: TracksFormat = "csv") -> None:
        self._folder, self._tracks = folder, tracks
        self._stack = ExitStack()
        self._files: dict[str, IO[str]] = {}
        self._last_box: dict[int, tuple[float, float, float, float]] = {}

    def __enter__(self) -> WatchOutputs:
        with ExitStack() as stack:
            for name in (DECISIONS, TRACKS[self._tracks], CONFIRMED):
                temporary = stack.enter_context(atomic_path(self._folder / name))
                self._files[name] = stack.enter_context(temporary.open("w", encoding="utf-8"))
            self._stack = stack.pop_all()
        if self._tracks == "csv":
            self._files[TRACKS["csv"]].write(TRACK_COLUMNS + "\n")
        return self

    def write(self, frame_index: int, time_s: float, result: GateResult) -> None:
        """Appends the tracks and decisions of one frame.

        Confirmed boxes are those of persistent tracks, from their confirmation on, on frames where they were
        detected; the score is the probability of being persistent.
        """
        line_of = _track_line if self._tracks == "csv" else _track_json
        # A track that was deleted has no box any more; its decision gets the last one.
        boxes = self._last_box | {track.track_id: track.xyxy_px for track in result.tracks}
        for decision in result.decisions:
            row = _decision_row(decision, frame_index, time_s, boxes.get(decision.track_id))
            self._files[DECISIONS].write(json.dumps(row, allow_nan=False) + "\n")
        for track in result.tracks:
            self._files[TRACKS[self._tracks]].write(line_of(track, frame_index, time_s))
            if track.status == "persistent" and track.is_hit:
                box = MotBox(frame_index, track.track_id, track.xyxy_px, track.probability, track.class_id)
                self._files[CONFIRMED].write(box.to_line())
        self._last_box = {track.track_id: track.xyxy_px for track in result.tracks}

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.__exit__(kind, error, trace)
        if kind is None:  # tracks of an earlier stream must not lie beside the decisions of this one
            for name in set(TRACKS.values()) - {TRACKS[self._tracks]}:
                (self._folder / name).unlink(missing_ok=True)


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


def _track_line(track: TrackView, frame_index: int, time_s: float) -> str:
    box = ",".join(f"{value:.2f}" for value in track.xyxy_px)
    return (
        f"{frame_index},{time_s:.6f},{track.track_id},{box},{track.age},{int(track.is_hit)},{track.score:.4f},"
        f"{track.class_id},{track.status},{track.evidence:.4f},{track.probability:.6f}\n"
    )


def _track_json(track: TrackView, frame_index: int, time_s: float) -> str:
    corners = zip(("x_min_px", "y_min_px", "x_max_px", "y_max_px"), track.xyxy_px, strict=True)
    row = {
        "frame_index": frame_index,
        "time_s": round(time_s, 6),
        "track_id": track.track_id,
        **{name: round(value, 2) for name, value in corners},
        "age": track.age,
        "is_hit": track.is_hit,
        "score": round(track.score, 4),
        "class_id": track.class_id,
        "status": track.status,
        "evidence": round(track.evidence, 4),
        "probability": round(track.probability, 6),
    }
    return json.dumps(row, allow_nan=False) + "\n"
