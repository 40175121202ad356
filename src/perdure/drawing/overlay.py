"""Tracks and decisions drawn on frames.

A tentative track has a thin dashed amber box, a persistent one a thick blue box and a trail, a rejected one a thin
crossed-out vermillion box that fades away. A sparkline of the evidence stands at every undecided track and stays for
a moment after the decision. Draws what it is told; decides nothing.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

import cv2
import numpy as np
from jaxtyping import UInt8

from perdure.drawing.labels import draw_evidence, evidence_size, free_plate, percent
from perdure.drawing.lettering import Colour, draw_text, text_size
from perdure.drawing.marks import (
    DARK,
    PALE,
    PERSISTENT,
    TENTATIVE,
    TRANSIENT,
    Rectangle,
    corner_box,
    counted_box,
    crossed_box,
    dashed_box,
    fill,
    solid_box,
    trail,
)  # fmt: skip
from perdure.drawing.status_bar import StatusBar
from perdure.drawing.totals import StreamTotals
from perdure.types import Decision

CLEARANCE_PX = 4.0
"""Least distance of a box from its object: half of the thickest line with its rim, and a pixel."""
SMOOTHING = 0.35
"""Weight of the newest point in the smoothed way of a track."""


@runtime_checkable
class ViewedTrack(Protocol):
    """What is drawn of a live track; `perdure.gate.results.TrackView` is one."""

    @property
    def track_id(self) -> int:
        """The tracker's id."""

    @property
    def xyxy_px(self) -> tuple[float, float, float, float]:
        """Box in pixels of the frame."""

    @property
    def age(self) -> int:
        """Frames since birth, birth = 1."""

    @property
    def is_hit(self) -> bool:
        """Whether it was detected on this frame."""

    @property
    def status(self) -> str:
        """`tentative`, `persistent` or `transient`."""

    @property
    def evidence(self) -> float:
        """In nats, above zero for persistent; stands still after the decision."""

    @property
    def probability(self) -> float:
        """Of being persistent, in [0, 1]."""

    @property
    def longest_streak(self) -> int:
        """Most detections in a row so far."""


@dataclass(frozen=True, kw_only=True, slots=True)
class OverlayConfig:
    """How annotated video looks."""

    min_width_px: int = 640
    """Smaller frames are enlarged by a whole number until they are at least this wide."""
    max_width_px: int = 1920
    """Larger frames are shrunk to this width."""
    fade_frames: int = 10
    """A rejected track fades away over this many frames."""
    flash_frames: int = 8
    """A track has a pale rim for so many frames after its confirmation."""
    trail_frames: int = 30
    """Length of the trail behind persistent tracks."""
    spark_frames: int = 8
    """Frames of evidence in a sparkline, and frames for which it stays after the decision; 0 for none."""
    compare: int | None = None
    """Tracks get a notch once they were detected this often in a row: what a rule that counts has confirmed."""

    def __post_init__(self) -> None:
        if not 64 <= self.min_width_px <= self.max_width_px:
            raise ValueError(
                f"min_width_px, max_width_px: got {self.min_width_px}, {self.max_width_px}, expected 64 <= min <= max"
            )
        if self.spark_frames < 0:
            raise ValueError(f"spark_frames: got {self.spark_frames}, expected at least 0")
        if self.fade_frames < 1 or self.trail_frames < 2:
            raise ValueError(
                f"fade_frames, trail_frames: got {self.fade_frames}, {self.trail_frames}, expected >= 1 and >= 2"
            )


@dataclass(slots=True)
class _Seen:
    """What is remembered of a track: where it was last, since when it has its status, its way and its evidence."""

    place: Rectangle
    status: str
    frames_in_status: int = 0
    way: deque[tuple[float, float]] = field(default_factory=deque)
    evidence: deque[float] = field(default_factory=deque)

    def step(self, foot: tuple[float, float]) -> None:
        """Lengthens the way by one smoothed point: boxes jitter by some pixels, and a trail should not."""
        last = self.way[-1] if self.way else foot
        self.way.append((last[0] + SMOOTHING * (foot[0] - last[0]), last[1] + SMOOTHING * (foot[1] - last[1])))

    def take(self, status: str, evidence: float) -> None:
        """Takes in one frame; evidence is kept up to the decision, and starts anew if the track is re-opened."""
        is_changed = status != self.status
        self.frames_in_status = 0 if is_changed else self.frames_in_status + 1
        if is_changed and status == "tentative":
            self.evidence.clear()
        if status == "tentative" or self.frames_in_status == 0:
            self.evidence.append(evidence)
        self.status = status


class Overlay:
    """Draws one stream, frame by frame; remembers live tracks and those that are fading, and no others."""

    def __init__(self, config: OverlayConfig | None = None) -> None:
        self.config = config or OverlayConfig()
        self._seen: dict[int, _Seen] = {}
        self._ghosts: dict[int, _Seen] = {}
        self._scale, self._font_px = 1.0, 12
        self._size: tuple[int, int] = (0, 0)
        self._bar: StatusBar | None = None

    def draw(
        self,
        frame: UInt8[np.ndarray, "h w 3"],
        *,
        tracks: Sequence[ViewedTrack],
        decisions: Sequence[Decision],
        totals: StreamTotals,
    ) -> UInt8[np.ndarray, "h2 w2 3"]:
        """Returns an enlarged (or shrunk) copy of the frame with all marks, and the status bar below it."""
        bar = self._bar or self._start(frame.shape)
        width, height = self._size
        canvas = np.empty((height + bar.height, width, 3), dtype=np.uint8)
        method = cv2.INTER_NEAREST if self._scale > 1 else cv2.INTER_AREA
        canvas[:height] = frame if self._scale == 1 else cv2.resize(frame, self._size, interpolation=method)
        picture = canvas[:height]
        self._remember(tracks, decisions)
        self._draw_ghosts(picture)
        self._draw_boxes(picture, tracks)
        self._draw_labels(picture, tracks)
        bar.draw(canvas[height:], totals)
        return canvas

    def _start(self, shape: tuple[int, ...]) -> StatusBar:
        height, width = shape[:2]
        if width < self.config.min_width_px:
            self._scale = float(-(-self.config.min_width_px // width))
        elif width > self.config.max_width_px:
            self._scale = self.config.max_width_px / width
        self._size = (round(width * self._scale), round(height * self._scale))
        self._font_px = round(9 + self._size[0] / 220)
        self._bar = StatusBar(width=self._size[0], font_px=self._font_px)
        return self._bar

    def _place(self, xyxy_px: tuple[float, float, float, float]) -> Rectangle:
        """Returns where a box is drawn: a little outside the object, and never so small that it hides it."""
        x0, y0, x1, y1 = (value * self._scale for value in xyxy_px)
        least = 1.7 * self._font_px
        grow_x, grow_y = (max(CLEARANCE_PX, (least - side) / 2) for side in (x1 - x0, y1 - y0))
        return Rectangle(round(x0 - grow_x), round(y0 - grow_y), round(x1 + grow_x), round(y1 + grow_y))

    def _remember(self, tracks: Sequence[ViewedTrack], decisions: Sequence[Decision]) -> None:
        """Updates what is known of live tracks; those that were given up undecided start to fade."""
        for decision in decisions:
            if decision.reason == "deleted" and decision.track_id in self._seen:
                gone = self._seen[decision.track_id]
                self._ghosts[decision.track_id] = _Seen(gone.place, "transient", -1, evidence=gone.evidence)
        for ghost in self._ghosts.values():
            ghost.frames_in_status += 1
        self._ghosts = {
            key: ghost for key, ghost in self._ghosts.items() if ghost.frames_in_status < self.config.fade_frames
        }
        before, self._seen = self._seen, {}
        for track in tracks:
            place = self._place(track.xyxy_px)
            seen = before.get(track.track_id) or self._first_seen(place, track.status)
            seen.place = place
            seen.take(track.status, track.evidence)
            seen.step(((place.x0 + place.x1) / 2, float(place.y1)))
            self._seen[track.track_id] = seen

    def _first_seen(self, place: Rectangle, status: str) -> _Seen:
        config = self.config
        return _Seen(place, status, -1, deque(maxlen=config.trail_frames), deque(maxlen=config.spark_frames))

    def _draw_ghosts(self, picture: np.ndarray) -> None:
        """Draws rejected tracks, live or gone, as long as they fade."""
        fading = [seen for seen in self._seen.values() if seen.status == "transient"]
        for seen in (*self._ghosts.values(), *fading):
            opacity = 1.0 - seen.frames_in_status / self.config.fade_frames
            crossed_box(picture, seen.place, TRANSIENT, opacity=max(0.0, opacity))

    def _draw_boxes(self, picture: np.ndarray, tracks: Sequence[ViewedTrack]) -> None:
        thickness = max(3, round(self._font_px / 4))
        order = sorted(tracks, key=lambda track: track.status == "persistent")
        for track in order:
            seen = self._seen[track.track_id]
            if track.status == "tentative":
                dashed_box(picture, seen.place, TENTATIVE, dash_px=self._font_px // 3, is_sparse=not track.is_hit)
            elif track.status == "persistent":
                trail(picture, list(seen.way), PERSISTENT)
                if not track.is_hit:
                    corner_box(picture, seen.place, PERSISTENT, thickness=thickness)
                else:
                    is_new = seen.frames_in_status < self.config.flash_frames
                    solid_box(picture, seen.place, PERSISTENT, thickness=thickness, rim=PALE if is_new else DARK)
            if self.config.compare is not None and track.longest_streak >= self.config.compare:
                counted_box(picture, seen.place)

    def _draw_labels(self, picture: np.ndarray, tracks: Sequence[ViewedTrack]) -> None:
        """Writes id, age and probability beside undecided and persistent tracks, avoiding other labels.

        Sparklines are part of the labels; those of rejected tracks stand alone and fade with them, and come last: they
        are shown only where nothing else is.
        """
        taken: list[Rectangle] = []
        spark = evidence_size(self.config.spark_frames, self._font_px)
        for track in sorted(tracks, key=lambda track: (track.status != "persistent", track.track_id)):
            if track.status == "transient":
                continue
            is_persistent, seen = track.status == "persistent", self._seen[track.track_id]
            text = f"{track.track_id}  {track.age}f  {percent(track.probability)}"
            width, height = (size + margin for size, margin in zip(text_size(text, self._font_px), (5, 2), strict=True))
            spark_px, full_height = (spark[0], max(height, spark[1])) if self._has_spark(seen) else (0, height)
            plate = free_plate((width + spark_px, full_height), seen.place, taken, self._size)
            if plate is None:  # where it is crowded the letters come first
                spark_px = 0
                plate = free_plate((width, height), seen.place, taken, self._size, must_draw=is_persistent)
            if plate is None:
                continue
            taken.append(plate)
            self._draw_plate(picture, plate._replace(x1=plate.x1 - spark_px), text, is_persistent=is_persistent)
            if spark_px:
                self._draw_spark(picture, plate._replace(x0=plate.x1 - spark_px + 1), seen)
        rejected = [*self._ghosts.values(), *(seen for seen in self._seen.values() if seen.status == "transient")]
        for seen in filter(self._has_spark, rejected):
            plate = free_plate(spark, seen.place, taken, self._size)
            if plate is not None:
                taken.append(plate)
                self._draw_spark(picture, plate, seen, opacity=1.0 - seen.frames_in_status / self.config.fade_frames)

    def _draw_plate(self, picture: np.ndarray, plate: Rectangle, text: str, *, is_persistent: bool) -> None:
        ink: Colour = DARK if is_persistent else TENTATIVE
        fill(picture, plate, PERSISTENT if is_persistent else DARK, opacity=0.9 if is_persistent else 0.7)
        above_px = (plate.y1 - plate.y0 + 1 - text_size(text, self._font_px)[1]) // 2
        draw_text(picture, text, corner=(plate.x0 + 3, plate.y0 + above_px), size_px=self._font_px, colour=ink)

    def _has_spark(self, seen: _Seen) -> bool:
        """Returns whether a track shows its evidence: undecided, or decided a moment ago."""
        if seen.status == "tentative":
            return self.config.spark_frames > 0
        # A track that was decided on its first frame has no course to show, and clutter has many of these.
        is_recent = seen.frames_in_status < min(self.config.spark_frames, self.config.fade_frames)
        return is_recent and len(seen.evidence) > 1

    def _draw_spark(self, picture: np.ndarray, plate: Rectangle, seen: _Seen, *, opacity: float = 1.0) -> None:
        draw_evidence(picture, plate, tuple(seen.evidence), num_slots=self.config.spark_frames, opacity=opacity)
