"""How a video is watched: everything around the gate."""

from __future__ import annotations

from dataclasses import dataclass, field

from perdure.drawing.overlay import OverlayConfig
from perdure.live.outputs import TRACKS, TracksFormat
from perdure.video.motion import MotionConfig
from perdure.video.segments import LEAST_S
from perdure.video.writer import WriterConfig


@dataclass(frozen=True, kw_only=True, slots=True)
class WatchConfig:
    """Settings of everything around the gate."""

    motion: MotionConfig = field(default_factory=MotionConfig)
    """The built-in detector, used where there is neither another one nor a file of detections."""
    overlay: OverlayConfig = field(default_factory=OverlayConfig)
    """Looks of the annotated video."""
    writer: WriterConfig = field(default_factory=WriterConfig)
    """Compression of the annotated video."""
    frame_rate_hz: float | None = None
    """Frames per second of an image folder; files and cameras state their own."""
    max_frames: int | None = None
    """Stop after this many frames; leave out to go on to the end."""
    tracks: TracksFormat = "csv"
    """Format of the file of all tracks on all frames."""
    compare: int | None = None
    """Say, in video and summary, what so many detections in a row would have confirmed."""
    has_video: bool = True
    """Whether annotated.mp4 is made; without it nothing is drawn or encoded, unless a window shows it."""
    segment_s: float | None = None
    """Seconds of video after which another file begins, in the folder `annotated`; None makes one file of all."""
    keep_s: float | None = None
    """Seconds after its beginning from which on such a file is removed; None keeps all."""
    has_page: bool = False
    """Whether the newest annotated frame and the totals are written as they come, for `perdure monitor --watch`."""
    has_classes: bool = False
    """Whether confirmed.txt names the class of each track."""
    is_backfilled: bool = False
    """Whether confirmed tracks are written from their birth on too, to a file of their own, `HISTORY_FRAMES` late."""
    is_traced: bool = False
    """Write down what the gate knew, frame by frame, for explanations."""
    weights: str | None = None
    """Where the weights of the gate are, for whoever runs a traced stream again."""
    grey_range: tuple[float, float] | None = None
    """Values of pictures of more than 8 bits that become black and white; left out, the first frames say them."""

    def __post_init__(self) -> None:
        if self.tracks not in TRACKS:
            raise ValueError(f"tracks: got {self.tracks!r}, expected one of {', '.join(TRACKS)}")
        if self.max_frames is not None and self.max_frames < 1:
            raise ValueError(f"max_frames: got {self.max_frames}, expected at least 1")
        if self.frame_rate_hz is not None and not self.frame_rate_hz > 0:
            raise ValueError(f"frame_rate_hz: got {self.frame_rate_hz}, expected above 0")
        for name, value in (("segment", self.segment_s), ("keep", self.keep_s)):
            if value is not None and not value >= LEAST_S:
                raise ValueError(f"{name}: got {value} s, expected {LEAST_S:g} s or more")
        if self.keep_s is not None and self.segment_s is None:
            raise ValueError("keep: got it without segment, expected both; one file of all cannot be kept in part")
        if self.grey_range is not None and not self.grey_range[0] < self.grey_range[1]:
            raise ValueError(f"grey_range: got {self.grey_range}, expected a lower and a higher value")
