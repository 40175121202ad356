"""The text files of a watched video, written as the stream goes: decisions, tracks, and confirmed boxes.

Each grows under a temporary name and gets its own when the stream has ended, so nothing is held in memory and nobody
reads half a file.
"""

from __future__ import annotations

import json
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from perdure.engine.results import GateResult, TrackView
from perdure.files import atomic_path
from perdure.types import Decision
from perdure.video.mot import MotBox

DECISIONS, TRACKS, CONFIRMED = "decisions.jsonl", "tracks.csv", "confirmed.txt"
TRACK_COLUMNS = (
    "frame_index,time_s,track_id,x_min_px,y_min_px,x_max_px,y_max_px,age,is_hit,score,class_id,status,evidence,"
    "probability"
)  # fmt: skip


class WatchOutputs:
    """Writes one frame after the other; use it in a `with` block, which names the files if it ends without error."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._stack = ExitStack()
        self._files: dict[str, IO[str]] = {}
        self._last_box: dict[int, tuple[float, float, float, float]] = {}

    def __enter__(self) -> WatchOutputs:
        with ExitStack() as stack:
            for name in (DECISIONS, TRACKS, CONFIRMED):
                temporary = stack.enter_context(atomic_path(self._folder / name))
                self._files[name] = stack.enter_context(temporary.open("w", encoding="utf-8"))
            self._stack = stack.pop_all()
        self._files[TRACKS].write(TRACK_COLUMNS + "\n")
        return self

    def write(self, frame_index: int, time_s: float, result: GateResult) -> None:
        """Appends the tracks and decisions of one frame.

        Confirmed boxes are those of persistent tracks, from their confirmation on, on frames where they were
        detected; the score is the probability of being persistent.
        """
        # A track that was deleted has no box any more; its decision gets the last one.
        boxes = self._last_box | {track.track_id: track.xyxy_px for track in result.tracks}
        for decision in result.decisions:
            row = _decision_row(decision, frame_index, time_s, boxes.get(decision.track_id))
            self._files[DECISIONS].write(json.dumps(row, allow_nan=False) + "\n")
        for track in result.tracks:
            self._files[TRACKS].write(_track_line(track, frame_index, time_s))
            if track.status == "persistent" and track.is_hit:
                box = MotBox(frame_index, track.track_id, track.xyxy_px, track.probability)
                self._files[CONFIRMED].write(box.to_line())
        self._last_box = {track.track_id: track.xyxy_px for track in result.tracks}

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.__exit__(kind, error, trace)


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
