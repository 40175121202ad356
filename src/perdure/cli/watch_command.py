"""`perdure watch` and `perdure demo`: the gate on a video."""

from __future__ import annotations

from contextlib import AbstractContextManager, closing, nullcontext
from dataclasses import dataclass, replace
from importlib.resources import as_file, files
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import tyro

from perdure.cli.arguments import Arguments
from perdure.cli.errors import DONE, UsageError
from perdure.cli.terminal import counted, say

if TYPE_CHECKING:
    from perdure.live.protocols import Detector
    from perdure.live.summary import WatchSummary
    from perdure.live.watch_config import WatchConfig
    from perdure.video.window import Window


@dataclass(frozen=True, kw_only=True, slots=True)
class Watch(Arguments):
    """Decides for every track in a video, as early as it can, whether it stays or vanishes.

    Reads: a video file, a folder of images, a camera (/dev/videoN) or a URL; weights.

    Writes: annotated.mp4, decisions.jsonl, tracks.csv (or .jsonl), confirmed.txt and summary.json into OUT. They grow
    while it runs; Ctrl-C, SIGTERM and SIGHUP end it with all that was done. Frames count from 0, but in confirmed.txt,
    which is MOT text, frames and ids count from 1.

    Costs: a few milliseconds a frame and undecided track on one core.
    """

    source: tyro.conf.Positional[str]
    """Video file, folder of images, /dev/videoN or URL."""
    detections: Annotated[Path | None, tyro.conf.arg(metavar="PATH")] = None
    """Detections in any layout that perdure confirm reads; with neither this nor --detector, moving things are
    detected."""
    detector: Annotated[str | None, tyro.conf.arg(metavar="FILE.onnx|MODULE:FUNCTION")] = None
    """A network in ONNX format (YOLO 5 to 12, YOLOX, DETR, RT-DETR, RF-DETR, NanoDet or FastestDet, told apart by their
    outputs), or a Python function from a frame (RGB) to rows of x_min, y_min, x_max, y_max, score, class."""
    detector_min_score: float = 0.1
    """Boxes of --detector below it are left out; low, since to decide on weak boxes is what the gate is for."""
    detector_classes: tuple[str, ...] = ()
    """Names or numbers of the classes of --detector to keep; all by default."""
    tiles: int = 1
    """Let --detector look at each frame in so many overlapping parts a side: finds smaller objects, at as many times
    the cost."""
    known_scores: Annotated[Path | None, tyro.conf.arg(metavar="FILE")] = None
    """Earlier detections of the same detector, in any of these layouts, unlabelled; weights that rank scores
    (detections) then know from the first frame on what a high score is."""
    weights: Path | None = None
    """Run folder or weights file; `detections` (the default) and `pixels` are those in the package."""
    adapt: bool = False
    """Learn weights from what becomes of each track, without labels (perdure adapt): go over a recorded video twice,
    the first time to learn, and keep the weights in OUT; of a camera learn while it runs. Needs the extra tracks."""
    like: Literal["two in a row", "three in a row", "five in a row", "promise"] | None = None
    """How strict: as a rule that confirms after so many detections in a row, on this very stream (three by default),
    or with a promise on error rates."""
    hold: float | None = None
    """Instead of --like: the share of tracks that vanish again (with fewer than 10 detections) to confirm, such as
    0.05; kept in the long run, without labels, whatever drifts."""
    hold_miss: float | None = None
    """With --hold: the share of tracks that last to reject at first; by default nothing is rejected early."""
    compare: int | None = None
    """Show, in video and summary, what so many detections in a row would have confirmed."""
    out: Path = Path("watched")
    """Folder for what comes out."""
    calibration: Annotated[Path | None, tyro.conf.arg(metavar="FILE")] = None
    """Calibration of these weights on this site, made by perdure calibrate --data."""
    max_false_confirm: float | None = None
    """Largest share of transient tracks that may be called persistent; by default what calibration or weights say."""
    max_miss: float | None = None
    """Largest share of persistent tracks that may be called transient; by default what calibration or weights say."""
    horizon: int | None = None
    """Age in frames at which a decision is forced; 8, or that of the calibration."""
    on_timeout: Literal["persistent", "transient"] | None = None
    """What a forced decision says; that of the calibration, or transient, since most tracks are clutter."""
    frame_rate_hz: float | None = None
    """Frames per second of a folder of images."""
    max_frames: int | None = None
    """Stop after this many frames."""
    tracks: Literal["csv", "jsonl"] = "csv"
    """Format of the file of all tracks on all frames; JSON lines take three times the room."""
    no_video: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """Write tables and summary only: nothing is drawn or encoded."""
    page: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """Write the newest annotated frame and the totals too, for the page of perdure monitor --watch OUT."""
    segment: str | None = None
    """Begin another video file after so long (90s, 10m, 12h), in OUT/annotated, each named after when it began."""
    keep: str | None = None
    """With --segment: remove such files so long after they began (12h, 7d); by default all are kept."""
    classes: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """Name the class of each track in confirmed.txt; without it the column is -1, as evaluators of one class expect."""
    backfill: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """Write confirmed tracks from their birth on too, to confirmed_from_birth.txt, in order, 64 frames late."""
    grey_range: tuple[float, float] | None = None
    """Values that become black and white where grey pictures have more than 8 bits, as those of thermal cameras do; by
    default the first frames say them."""
    trace: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """Write what the gate knew of every track and frame to trace.jsonl, for perdure explain."""
    show: bool = False
    """Show the annotated video in a window as it is made; q or Esc ends the watching as Ctrl-C does."""
    stdout: bool = False
    """Print every decision as a JSON line as it falls, and nothing else, for the next program of a pipeline."""
    send: tuple[str, ...] = ()
    """Webhooks (https://HOST/PATH) and MQTT topics (mqtt://HOST/TOPIC) that get every decision as it falls."""

    def __call__(self) -> int:
        # The window first of all, since nothing else is needed to say that there is none.
        with _shown(self.show) as window:
            summary = _watched(self, window)
        if self.stdout:
            return DONE
        made = "tables and summary" if self.no_video else "annotated.mp4 and its tables"
        say(("done", "bold green"), f": {made} in {self.out}")
        for name, value in summary.to_dict().items():
            if isinstance(value, int | float | str):
                say(f"  {name}: {f'{value:.4g}' if isinstance(value, float) else value}")
        latency = ", ".join(f"{name} {value:.1f}" for name, value in summary.latency_ms.items())
        say(f"  latency_ms: {latency} (of a frame, from decoded to decided)")
        if summary.compared:
            say(f"  compared: {_compared_words(summary.compared)}")
        for name, value in summary.held.items():
            say(f"  {name}: {value}")
        for problem in summary.problems:
            say((f"  problem: {problem}", "yellow"))
        return DONE


MAX_FALSE_CONFIRM = 0.15
"""Rate that the demo asks for. On this clip every second frame has clutter that comes three times in a row."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Demo(Arguments):
    """Shows the gate on a real clip: a drone on infrared video, among the clutter of a plain detector.

    The detector loses the drone and finds it again, so it is several tracks; every confirmed one is the drone.

    Reads: clip, detections and weights in the package; nothing else is needed.

    Writes: what perdure watch writes, into OUT.

    Costs: about ten seconds.
    """

    out: Path = Path("demo")
    """Folder for what comes out."""
    show: bool = False
    """Show the annotated video in a window as it is made; q or Esc ends it."""

    def __call__(self) -> int:
        with as_file(files("perdure") / "demo") as folder:
            watch = Watch(
                source=str(folder / "drone.mp4"),
                detections=folder / "detections.txt",
                max_false_confirm=MAX_FALSE_CONFIRM,
                compare=3,
                out=self.out,
                show=self.show,
            )
            return watch()


def _compared_words(found: dict[str, Any]) -> str:
    """Returns what a rule and the gate confirmed, in words."""
    by = {name: found[f"num_confirmed_by_{name}"] for name in ("gate", "rule", "both")}
    counts = f"the gate confirmed {by['gate']} tracks, {found['rule']} {by['rule']}"
    if found["mean_age_gate"] is None:
        return f"{counts}, none of them the same"
    return f"{counts}; {by['both']} by both, at mean age {found['mean_age_gate']:.2f} and {found['mean_age_rule']:.2f}"


def _seconds(name: str, text: str | None) -> float | None:
    """Returns a length of time in seconds.

    Raises:
        UsageError: it is none.
    """
    from perdure.video.segments import seconds_of

    try:
        return None if text is None else seconds_of(text)
    except ValueError as error:
        raise UsageError(f"--{name}: {error}") from None


def _shown(is_shown: bool) -> AbstractContextManager[Window | None]:
    """Returns a window that is closed after the block, if one was asked for."""
    if not is_shown:
        return nullcontext()
    from perdure.video.window import open_window

    return closing(open_window("perdure watch"))


def _detector(arguments: Watch) -> Detector | None:
    """Returns the detector that was asked for, None for the one that is built in."""
    if arguments.detector is None:
        if (arguments.detector_min_score, arguments.detector_classes, arguments.tiles) != (0.1, (), 1):
            raise ValueError("--detector-min-score, --detector-classes and --tiles are for --detector; give one")
        return None
    from perdure.detectors.load import load_detector

    return load_detector(
        arguments.detector,
        min_score=arguments.detector_min_score,
        classes=arguments.detector_classes,
        tiles=arguments.tiles,
    )


def _watched(arguments: Watch, window: Window | None) -> WatchSummary:
    """Runs the gate as the arguments say."""
    from perdure.data.detection_files import read_scores
    from perdure.live.receivers import receivers_of
    from perdure.live.watch import watch as watch_video
    from perdure.live.watch_config import WatchConfig
    from perdure.training.load import load

    config = WatchConfig(
        frame_rate_hz=arguments.frame_rate_hz,
        max_frames=arguments.max_frames,
        tracks=arguments.tracks,
        compare=arguments.compare,
        has_video=not arguments.no_video,
        segment_s=_seconds("segment", arguments.segment),
        keep_s=_seconds("keep", arguments.keep),
        has_page=arguments.page,
        has_classes=arguments.classes,
        is_backfilled=arguments.backfill,
        grey_range=arguments.grey_range,
    )
    names = ("like", "hold", "hold_miss", "max_false_confirm", "max_miss", "horizon", "on_timeout")
    asked = {name: getattr(arguments, name) for name in names}
    given: dict[str, Any] = {name: value for name, value in asked.items() if value is not None}
    known = None if arguments.known_scores is None else read_scores(arguments.known_scores)
    weights, detector = Path(arguments.weights or "detections"), _detector(arguments)
    receivers = tuple(receivers_of(prints=arguments.stdout, addresses=arguments.send))
    learns, finds = False, detector
    if arguments.adapt:
        weights, learns, finds = _adapted(arguments, weights, detector, config)
    if arguments.calibration is not None:
        given["calibration"] = arguments.calibration
    gate = load(weights, adapt=learns, known_scores=known, **given)
    config = replace(config, is_traced=arguments.trace, weights=str(weights))
    with counted("frames") as report:
        return watch_video(
            arguments.source,
            gate,
            out_dir=arguments.out,
            detections_path=arguments.detections,
            detector=finds,
            detector_name=arguments.detector or "motion",
            on_progress=report,
            config=config,
            window=window,
            receivers=receivers,
        )


def _adapted(
    arguments: Watch, weights: Path, detector: Detector | None, config: WatchConfig
) -> tuple[Path, bool, Detector | None]:
    """Returns weights to begin with, whether the gate goes on to learn, and what finds boxes from here on.

    A recorded video is gone over for this; of a camera there is no second pass.
    """
    from perdure.cli.two_passes import first_pass, is_recorded

    if not is_recorded(arguments.source, config):
        return weights, True, detector
    learned, found = first_pass(
        arguments.source, weights, arguments.out, detections=arguments.detections, detector=detector, config=config
    )
    return learned, False, detector if arguments.detections else found
