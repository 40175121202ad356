"""The first of two passes over a video: find boxes, and learn from what becomes of their tracks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from perdure.cli.adapt_command import kept_weights, learned
from perdure.cli.terminal import counted
from perdure.data.detection_files import read_detection_files
from perdure.data.labelled_stream import unlabelled_stream
from perdure.data.stored_detections import DetectionFiles
from perdure.live.protocols import Detector
from perdure.live.watch_config import WatchConfig
from perdure.types import Detections
from perdure.video.frames import VideoReader
from perdure.video.motion import MotionDetector
from perdure.video.reader import open_video


class Found:
    """A detector that has looked before: gives the boxes of one frame after the other, whatever the frame shows.

    Args:
        frames: boxes of every frame.
    """

    def __init__(self, frames: Sequence[Detections]) -> None:
        self._frames = iter(frames)

    def detect(self, frame: UInt8[np.ndarray, "h w 3"]) -> Detections:
        """Returns the boxes of the next frame, none after the last."""
        return next(self._frames, Detections.empty())


def is_recorded(source: str, config: WatchConfig) -> bool:
    """Returns whether a source can be read twice."""
    with open_video(source, frame_rate_hz=config.frame_rate_hz, grey_range=config.grey_range) as reader:
        return not reader.is_live


def first_pass(
    source: str, weights: Path, out: Path, *, detections: Path | None, detector: Detector | None, config: WatchConfig
) -> tuple[Path, Found]:
    """Returns the weights that a recorded video teaches, or those that are there, and the boxes that were found in it.

    Args:
        source: video that can be read twice.
        weights: those that are there already; they read detections alone.
        out: folder that new ones are written into.
        detections: file of boxes; None lets the detector find them.
        detector: what finds boxes; None is the built-in one.
        config: how the video is watched.

    Raises:
        FileNotFoundError: there is no such video or file.
        ValueError: it cannot be read, or the weights read pixels.
    """
    with open_video(source, frame_rate_hz=config.frame_rate_hz, grey_range=config.grey_range) as reader:
        size, num = (reader.width, reader.height), reader.num_frames
        given = None if detections is None else read_detection_files(detections, image_size=size, num_frames=num)
        frames = list(_boxes(reader, given, detector or MotionDetector(config.motion), config.max_frames))
        stream = unlabelled_stream(Path(source).name, frames, reader.frame_rate_hz, size)
    found = learned([stream], weights, frame_rate_hz=stream.frame_rate_hz)
    return kept_weights(found, weights, out), Found(frames)


def _boxes(
    reader: VideoReader, given: DetectionFiles | None, detector: Detector, max_frames: int | None
) -> Iterator[Detections]:
    total = min(filter(None, (reader.num_frames, max_frames)), default=None)
    with counted("frames, first pass") as report:
        for number, item in enumerate(islice(reader, max_frames), start=1):
            yield detector.detect(item.frame) if given is None else given.at(item.frame_index)
            report(number, total)
