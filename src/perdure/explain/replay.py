"""Runs a gate again on a stream that was stored, as it ran before; and with one thing changed.

What would have happened is never guessed: the stream is run up to the frame that is changed, then on with the change
until the track is decided, and the gate goes back to where it was.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

import numpy as np

from perdure.gate.gate import PersistenceGate
from perdure.gate.results import GateResult
from perdure.gate.trace import Tracer
from perdure.types import Decision, Detections, TrackFrame

EditKind = Literal["without", "with", "hidden"]
BOUNDS = ("rule", "lifetime_bound")
"""Of the first line of a trace, what the first frame of each stream of a run says."""
AHEAD = 80
"""Frames that are known ahead of the one that is changed: more than any horizon."""


class StreamFrame(NamedTuple):
    """One frame as the gate got it."""

    frame_index: int
    time_s: float
    pixels: np.ndarray | None
    detections: Detections
    owner: np.ndarray | None = None
    camera_motion: np.ndarray | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """A stream that can be run again.

    Args:
        gate: makes the gate, fresh.
        frames: yields all frames from the first one on.
        is_live: whether time stamps were taken in before tracks were linked, as on a live stream.
        origin: what a trace of it says of where it is from.
    """

    gate: Callable[[], PersistenceGate]
    frames: Callable[[], Iterator[StreamFrame]]
    is_live: bool
    origin: dict[str, Any] = field(default_factory=dict)

    def rows(self) -> Iterator[dict[str, Any]]:
        """Yields the rows of a trace, frame by frame."""
        gate = self.gate()
        tracer = Tracer(gate)
        head = tracer.header()
        for place, frame in enumerate(self.frames()):
            row = tracer.row(self.step(gate, frame)[1])
            yield row if place else row | {name: head[name] for name in BOUNDS}

    def step(
        self, gate: PersistenceGate, frame: StreamFrame, change: Callable[[StreamFrame, TrackFrame], Any] | None = None
    ) -> tuple[TrackFrame, GateResult]:
        """Returns tracks and result of one more frame; `change` gives other pixels once its tracks are known."""
        if self.is_live:
            gate.begin(frame.pixels, frame.detections, time_s=frame.time_s)
        tracks = gate.link(frame.detections, owner=frame.owner, camera_motion=frame.camera_motion)
        pixels = frame.pixels if change is None else change(frame, tracks)
        return tracks, gate.observe(pixels, tracks, time_s=frame.time_s)


class Edit(NamedTuple):
    """One thing that is changed for a track.

    `without` takes away the detection that was associated on a frame; `with` puts one at the predicted box of a missed
    frame, scored as the mean of the track's others; `hidden` paints the track over with what is around it, from birth.
    """

    kind: EditKind
    track_id: int
    frame: int


class Outcome(NamedTuple):
    """The first decision on a track; label None where the stream ends without one."""

    label: str | None
    reason: str | None
    age: int
    frame: int
    evidence: float


class _Known(NamedTuple):
    """A track on the frame that is changed, as it was."""

    detection: int
    xyxy_px: np.ndarray
    class_id: int
    mean_score: float
    owner: int | None


def outcomes(replay: Replay, edits: Sequence[Edit]) -> dict[Edit, Outcome]:
    """Returns what becomes of tracks with each change, in one pass; a change that cannot be made is left out."""
    wanted: dict[int, list[Edit]] = {}
    for edit in edits:
        wanted.setdefault(edit.frame, []).append(edit)
    gate, found = replay.gate(), {}
    owners: dict[int, int] = {}
    for frames in _windows(replay.frames()):
        frame = frames[0]
        asked = wanted.pop(frame.frame_index, [])
        before = gate.remembered()
        tracks, _ = replay.step(gate, frame)
        _note_owners(owners, tracks, frame)
        after = gate.remembered()
        known_of = {edit: _known(gate, tracks, edit, owners) for edit in asked}
        for edit, known in known_of.items():
            if known is None:
                continue
            before()
            before = gate.remembered()
            outcome = _changed(replay, gate, edit, known, frames)
            if outcome is not None:
                found[edit] = outcome
        if asked:
            after()
        if not wanted:
            break
    return found


def _windows(frames: Iterator[StreamFrame]) -> Iterator[deque[StreamFrame]]:
    """Yields every frame with those that follow it."""
    ahead: deque[StreamFrame] = deque()
    for frame in frames:
        ahead.append(frame)
        if len(ahead) > AHEAD:
            yield ahead
            ahead.popleft()
    while ahead:
        yield ahead
        ahead.popleft()


def _note_owners(owners: dict[int, int], tracks: TrackFrame, frame: StreamFrame) -> None:
    if frame.owner is None:
        return
    for track_id, place in zip(tracks.track_id.tolist(), tracks.detection_index.tolist(), strict=True):
        if place >= 0:
            owners[track_id] = int(frame.owner[place])


def _known(gate: PersistenceGate, tracks: TrackFrame, edit: Edit, owners: dict[int, int]) -> _Known | None:
    """Returns the track that is to be changed; None where the change is none: it was missed, or hit, already."""
    rows = np.flatnonzero(tracks.track_id == edit.track_id)
    if not len(rows) or bool(tracks.is_hit[rows[0]]) != (edit.kind != "with"):
        return None
    row, memory = int(rows[0]), gate.memories[edit.track_id]
    return _Known(
        detection=int(tracks.detection_index[row]),
        xyxy_px=tracks.xyxy_px[row],
        class_id=int(memory.class_id),
        mean_score=memory.score_total / max(memory.num_scored, 1),
        owner=owners.get(edit.track_id),
    )


def _changed(
    replay: Replay, gate: PersistenceGate, edit: Edit, known: _Known, frames: Sequence[StreamFrame]
) -> Outcome | None:
    """Runs on with a change until the track is decided."""
    hide = (lambda frame, tracks: _hidden(frame, tracks, edit.track_id)) if edit.kind == "hidden" else None
    last = (0, frames[0].frame_index, 0.0)
    for place, frame in enumerate(frames):
        given = _edited(frame, edit, known) if place == 0 else frame
        tracks, result = replay.step(gate, given, hide)
        rows = np.flatnonzero(tracks.track_id == edit.track_id)
        if place == 0 and (not len(rows) or bool(tracks.is_hit[rows[0]]) != (edit.kind != "without")):
            # Another detection was taken in its place, or the new one by another track: not what was asked.
            return None
        made = _decision_on(result, edit.track_id)
        if made is not None:
            return Outcome(made.label, made.reason, made.age, made.frame_index, made.evidence)
        if edit.track_id in gate.memories:
            memory = gate.memories[edit.track_id]
            last = (memory.age, frame.frame_index, memory.evidence)
    return Outcome(None, None, *last)


def _decision_on(result: GateResult, track_id: int) -> Decision | None:
    return next((made for made in result.decisions if made.track_id == track_id), None)


def _edited(frame: StreamFrame, edit: Edit, known: _Known) -> StreamFrame:
    found = frame.detections
    if edit.kind == "hidden":
        return frame
    if edit.kind == "without":
        kept = np.arange(len(found)) != known.detection
        owner = None if frame.owner is None else frame.owner[kept]
        return frame._replace(detections=_rows(found, kept), owner=owner)
    detections = Detections(
        xyxy_px=np.vstack([found.xyxy_px, known.xyxy_px]),
        score=np.append(found.score, known.mean_score),
        class_id=np.append(found.class_id, known.class_id),
        cue=np.append(found.cue, 0.0),
    )
    owner = None if frame.owner is None else np.append(frame.owner, -1 if known.owner is None else known.owner)
    return frame._replace(detections=detections, owner=owner)


def _rows(found: Detections, kept: np.ndarray) -> Detections:
    return Detections(
        xyxy_px=found.xyxy_px[kept], score=found.score[kept], class_id=found.class_id[kept], cue=found.cue[kept]
    )


def _hidden(frame: StreamFrame, tracks: TrackFrame, track_id: int) -> np.ndarray | None:
    """Returns the pixels with a track painted over by the median of the ring around its box."""
    rows = np.flatnonzero(tracks.track_id == track_id)
    if frame.pixels is None or not len(rows):
        return frame.pixels
    height, width = frame.pixels.shape[:2]
    x_min, y_min, x_max, y_max = (float(value) for value in tracks.xyxy_px[rows[0]])
    margin = max(2.0, 0.25 * max(x_max - x_min, y_max - y_min))
    inner = _cut(x_min, y_min, x_max, y_max, width, height)
    outer = _cut(x_min - margin, y_min - margin, x_max + margin, y_max + margin, width, height)
    is_ring = np.zeros((height, width), dtype=bool)
    is_ring[outer] = True
    is_ring[inner] = False
    if not is_ring.any():
        return frame.pixels
    pixels = frame.pixels.copy()
    pixels[inner] = np.median(frame.pixels[is_ring], axis=0).astype(np.uint8)
    return pixels


def _cut(x_min: float, y_min: float, x_max: float, y_max: float, width: int, height: int) -> tuple[slice, slice]:
    left, top = max(int(np.floor(x_min)), 0), max(int(np.floor(y_min)), 0)
    return slice(top, min(int(np.ceil(y_max)), height)), slice(left, min(int(np.ceil(x_max)), width))
