"""What went wrong with a stream, or may mislead, in one line each."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from perdure.data.stored_detections import DetectionFiles

if TYPE_CHECKING:
    from perdure.video.frames import VideoReader  # detections in files need nothing that reads video


def problems_of(
    reader: VideoReader, detector: object, gate: Any, given: DetectionFiles | None, *, num_watched: int | None
) -> Iterator[str]:
    """Yields a line for each thing.

    Args:
        reader: of the stream, at its end.
        detector: what found boxes, used or not.
        gate: what decided.
        given: detections of a file, if there was one.
        num_watched: frames watched, None if that was not the whole stream.
    """
    if reader.problem is not None:
        yield reader.problem
    if reader.grey_range is not None:
        low, high = reader.grey_range
        yield f"video: values {low:g} to {high:g} of its more than 8 bits are shown as black to white (--grey-range)"
    if reader.num_dropped:
        yield f"video: {reader.num_dropped} frame(s) came while others were worked on, and were dropped"
    if num_flooded := getattr(detector, "num_flooded", 0):
        yield (
            f"motion detector: {num_flooded} frame(s) in which most of the picture changed gave no "
            "detections; it needs a camera that stands still"
        )
    if given is not None:
        yield from _problems_of_file(given, num_watched if reader.problem is None else None)
    if gate.tracker.num_invalid:
        yield f"detections: {gate.tracker.num_invalid} row(s) without area, or not finite, were left out"
    if gate.tracker.num_left_out:
        limit = gate.tracker.config.max_detections
        yield f"detections: {gate.tracker.num_left_out} box(es) were left out, since a frame had more than {limit}"
    intake, drift = getattr(gate, "intake", None), getattr(gate, "drift", None)
    if intake is not None and intake.boxes.problem is not None:
        yield intake.boxes.problem
    if drift is not None:
        yield from drift.messages()


def _problems_of_file(given: DetectionFiles, num_watched: int | None) -> Iterator[str]:
    yield from given.problems()
    if given.num_left_out:
        yield f"detections: {given.num_left_out} box(es) without area were left out"
    if num_watched is not None and given.num_from(num_watched):
        yield f"detections: {given.num_from(num_watched)} box(es) lie in frames after the end of the video"
