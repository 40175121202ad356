"""The gate on a real video: read, detect, decide, draw, write.

Knows no thresholds and no model: the gate comes ready-made. Works on frames as they come, in constant memory.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import replace
from itertools import islice
from pathlib import Path
from time import perf_counter
from typing import NamedTuple

from jaxtyping import UInt8
from numpy import ndarray

from perdure.data.detection_files import read_detection_files
from perdure.data.stored_detections import DetectionFiles
from perdure.drawing.overlay import Overlay
from perdure.drawing.totals import StreamTotals
from perdure.files import write_json
from perdure.gate.fates import told_of
from perdure.gate.results import GateResult
from perdure.gate.trace import Tracer
from perdure.live.interrupts import WholeFrames
from perdure.live.live_page import LivePage
from perdure.live.outputs import SUMMARY, WatchOutputs, made_folder, written_files
from perdure.live.problems import problems_of
from perdure.live.protocols import Detector, Gate, Receiver
from perdure.live.stages import QUEUE_LENGTH, Prefetch, Sink
from perdure.live.summary import Latency, PartClock, RuleComparison, StreamTally, WatchSummary, counts_of, rates_of
from perdure.live.watch_config import WatchConfig
from perdure.types import Detections
from perdure.video.address import shown_address
from perdure.video.frames import VideoReader
from perdure.video.motion import MotionDetector
from perdure.video.reader import open_video
from perdure.video.segments import SegmentedWriter
from perdure.video.window import Window
from perdure.video.writer import VideoWriter

logger = logging.getLogger(__name__)
ANNOTATED = "annotated.mp4"


class _Detected(NamedTuple):
    """A frame with what was detected in it."""

    frame_index: int
    time_s: float
    frame: UInt8[ndarray, "h w 3"]
    detections: Detections
    decoded_at_s: float


class _Shown(NamedTuple):
    """A frame with what the gate says about it."""

    frame: UInt8[ndarray, "h w 3"]
    time_s: float
    result: GateResult
    totals: StreamTotals


def watch(
    source: Path | str,
    gate: Gate,
    *,
    out_dir: Path | str,
    detections_path: Path | str | None = None,
    detector: Detector | None = None,
    detector_name: str = "own",
    on_progress: Callable[[int, int | None], None] | None = None,
    config: WatchConfig | None = None,
    window: Window | None = None,
    receivers: Sequence[Receiver] = (),
) -> WatchSummary:
    """Runs the gate on a video and writes annotated.mp4, decisions.jsonl, tracks.csv, confirmed.txt and summary.json.

    All but the summary grow while the video is watched, under their own names. Ctrl-C ends the watching early and keeps
    what was done up to there, as damage of the video does, as the keys of a window do, and as an error does.

    Args:
        source: video file, image folder, URL or /dev/videoN.
        gate: a fresh one; it must not have seen another stream.
        out_dir: made if it does not exist; files of an earlier run in it are replaced.
        detections_path: stored detections, in any layout that `read_detection_files` reads.
        detector: what finds boxes where there is no such file; by default the built-in motion detector.
        detector_name: what the summary calls it.
        on_progress: called after each frame with the number done and the number in all, None if that is unknown.
        config: everything around the gate.
        window: shows the newest annotated frame, from the thread that calls; it stays open.
        receivers: are told of every decision as it falls.

    Raises:
        FileNotFoundError: there is no such video or detections file.
        ValueError: the video or the detections cannot be read, or hold nothing, or a detector is given beside a file.
    """
    if detections_path is not None and detector is not None:
        raise ValueError("detector: got one beside a file of detections, expected one of the two")
    config, out_dir = config or WatchConfig(), Path(out_dir)
    with open_video(source, frame_rate_hz=config.frame_rate_hz, grey_range=config.grey_range) as reader:
        size, num = (reader.width, reader.height), reader.num_frames
        given = (
            None if detections_path is None else read_detection_files(detections_path, image_size=size, num_frames=num)
        )
        finds = detector or MotionDetector(config.motion)
        session = _Session(reader, gate, given, finds, config, made_folder(out_dir), window, receivers, str(source))
        session.run(on_progress)
    name = str(detections_path or ("motion" if detector is None else detector_name))
    summary = session.summary(shown_address(source), name)
    write_json(out_dir / SUMMARY, summary.to_dict())
    return summary


class _Session:
    """One video on its way through detector, gate, overlay and writers."""

    def __init__(
        self,
        reader: VideoReader,
        gate: Gate,
        given: DetectionFiles | None,
        detector: Detector,
        config: WatchConfig,
        out_dir: Path,
        window: Window | None,
        receivers: Sequence[Receiver],
        source: str,
    ) -> None:
        self.reader, self.gate, self.given, self.config, self.out_dir = reader, gate, given, config, out_dir
        self.page = LivePage(out_dir, source=shown_address(source)) if config.has_page else None
        self.window, self.receivers, self.drawn = window, receivers, deque[UInt8[ndarray, "h w 3"]](maxlen=1)
        self.detector = detector
        self.overlay = Overlay(replace(config.overlay, compare=config.compare))
        self.tally = StreamTally(None if config.compare is None else RuleComparison(config.compare))
        self.clock, self.latency = PartClock(), Latency()
        self.warned_about: set[str] = set()
        self.tracer = self._tracer(source) if config.is_traced else None
        self.writer: VideoWriter | SegmentedWriter | None = None
        self.was_interrupted, self.elapsed_s, self.last_time_s = False, 0.0, 0.0

    def run(self, on_progress: Callable[[int, int | None], None] | None) -> None:
        """Watches the whole stream."""
        start = perf_counter()
        num_total = min(filter(None, (self.reader.num_frames, self.config.max_frames)), default=None)
        writer = self.writer = self._video_writer()
        with (
            self._outputs() as outputs,
            writer or nullcontext(),
            Sink[_Shown](lambda shown: self._draw(shown, writer)) as sink,
            self._ahead() as frames,
            WholeFrames() as whole,
        ):
            try:
                for item in frames:
                    with whole.frame():
                        self._take(item, outputs, sink if self._is_drawn(writer) else None)
                    if on_progress is not None:
                        on_progress(self.tally.num_frames, num_total)
                    self._look()
            except KeyboardInterrupt:
                if self.tally.num_frames == 0:
                    raise
                self.was_interrupted = True
                if self.reader.is_live:  # the thread that works ahead may be waiting for a camera that is silent
                    self.reader.close()
        self.elapsed_s = perf_counter() - start

    def _is_drawn(self, writer: VideoWriter | SegmentedWriter | None) -> bool:
        """Returns whether the next frame has to be drawn; for the page alone those that it shows are enough."""
        return writer is not None or self.window is not None or (self.page is not None and self.page.is_due)

    def _take(self, item: _Detected, outputs: WatchOutputs, sink: Sink[_Shown] | None) -> None:
        """Decides on one frame and hands it to every output."""
        with self.clock.timed("gate"):
            result = self.gate.update(item.frame, item.detections, time_s=item.time_s)
        self.latency.add(perf_counter() - item.decoded_at_s)
        self.tally.add(result)
        self._warn_of_drift(result)
        self.last_time_s = item.time_s
        outputs.write(item.frame_index, item.time_s, result, item.detections)
        if sink is not None:
            sink.put(_Shown(item.frame, item.time_s, result, self.tally.totals(result)))

    def _outputs(self) -> WatchOutputs:
        how = self.config
        return WatchOutputs(
            self.out_dir,
            tracks=how.tracks,
            has_classes=how.has_classes,
            is_backfilled=how.is_backfilled,
            receivers=self.receivers,
            tracer=self.tracer,
        )

    def _tracer(self, source: str) -> Tracer:
        origin = {"weights": self.config.weights, "source": None if self.reader.is_live else source}
        return Tracer(self.gate, image_size=(self.reader.width, self.reader.height), origin=origin)

    def _video_writer(self) -> VideoWriter | SegmentedWriter | None:
        """Returns what writes the annotated video; None without one, and then that of an earlier stream goes."""
        path = self.out_dir / ANNOTATED
        path.unlink(missing_ok=True)  # a link that somebody has put there would be written through
        how, rate_hz = self.config, self.reader.frame_rate_hz
        if how.has_video and how.segment_s is not None:
            folder = made_folder(path.with_suffix(""))
            return SegmentedWriter(
                folder, segment_s=how.segment_s, keep_s=how.keep_s, frame_rate_hz=rate_hz, config=how.writer
            )
        return VideoWriter(path, frame_rate_hz=rate_hz, config=how.writer) if how.has_video else None

    def _warn_of_drift(self, result: GateResult) -> None:
        """Logs what has drifted while it happens, once each."""
        for message in result.drift:
            about = message.partition(" ")[0]
            if about not in self.warned_about:
                self.warned_about.add(about)
                logger.warning("frame %d: %s", result.frame_index, message)

    def _ahead(self) -> Prefetch[_Detected]:
        """Returns the frames of the thread that works ahead; of a camera by one only, since a queue makes it late."""
        length = 1 if self.reader.is_live else QUEUE_LENGTH
        return Prefetch(self._detected(), length=length, on_wait=None if self.window is None else self._look)

    def _look(self) -> None:
        """Puts the newest drawn frame into the window, if there is one; asking there for the end is as Ctrl-C."""
        if self.window is None:
            return
        with self.clock.timed("show"):
            if self.drawn:  # filled by the thread behind the gate, emptied here alone
                self.window.show(self.drawn.popleft())
            is_ended = self.window.is_ended()
        if is_ended:
            raise KeyboardInterrupt

    def _detected(self) -> Iterator[_Detected]:
        """Yields decoded frames with their detections; runs in the thread that works ahead."""
        frames = islice(self.reader, self.config.max_frames)
        while True:
            with self.clock.timed("decode"):
                item = next(frames, None)
            if item is None:
                return
            decoded_at_s = perf_counter()
            with self.clock.timed("detect"):
                found = self.detector.detect(item.frame) if self.given is None else self.given.at(item.frame_index)
            yield _Detected(item.frame_index, item.time_s, item.frame, found, decoded_at_s)

    def _draw(self, shown: _Shown, writer: VideoWriter | SegmentedWriter | None) -> None:
        """Draws and encodes one frame; runs in the thread behind the gate."""
        with self.clock.timed("draw"):
            canvas = self.overlay.draw(
                shown.frame, tracks=shown.result.tracks, decisions=shown.result.decisions, totals=shown.totals
            )
        if self.window is not None:
            self.drawn.append(canvas)
        if self.page is not None:
            with self.clock.timed("page"):
                self.page.show(canvas, shown.result, shown.totals)
        if writer is not None:
            with self.clock.timed("encode"):
                writer.write(canvas, time_s=shown.time_s)

    def summary(self, source: str, detector: str) -> WatchSummary:
        """Returns the summary of what was watched."""
        how = self.config
        tables = written_files(how.tracks, is_backfilled=how.is_backfilled, is_traced=how.is_traced)
        pieces = self.writer.paths if isinstance(self.writer, SegmentedWriter) else []
        video = [f"{path.parent.name}/{path.name}" for path in pieces] or [ANNOTATED] * self.config.has_video
        names = (*video, *tables, SUMMARY)
        return WatchSummary(
            source=source,
            detector=detector,
            width=self.reader.width,
            height=self.reader.height,
            duration_s=self.last_time_s,
            frames_per_s=round(self.tally.num_frames / self.elapsed_s, 2),
            part_frames_per_s=rates_of(self.clock, self.tally.num_frames),
            latency_ms=self.latency.to_ms(),
            compared=self.tally.compared,
            held=told_of(self.gate.match),
            num_dropped=self.reader.num_dropped,
            num_invalid=self.gate.tracker.num_invalid + (0 if self.given is None else self.given.num_left_out),
            grey_range=self.reader.grey_range,
            problems=tuple(self._problems()),
            outputs=tuple(str(self.out_dir / name) for name in names),
            **counts_of(self.tally),
        )

    def _problems(self) -> Iterator[str]:
        if self.was_interrupted:
            yield f"interrupted after frame {self.tally.num_frames - 1}"
        num = None if self.was_interrupted or self.config.max_frames is not None else self.tally.num_frames
        yield from problems_of(self.reader, self.detector, self.gate, self.given, num_watched=num)
        yield from (line for receiver in self.receivers for line in receiver.problems)
