"""Labelled tracks of a new site with the evidence that the gate itself gives them, ready for calibration.

The gate runs over every stream twice, as it would live: first with everything in sight, which gives a provisional
rule, then under that rule, so that decided tracks are out of sight of the others. Up to its decision a track's evidence
is that of the second pass; later ages, which only other error rates ask for, are those of the first.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

import numpy as np

from perdure.calibration.site import SiteTracks
from perdure.data.labelled_stream import LabelledFrame, LabelledStream
from perdure.data.track_labels import TrackLabel, majority_label
from perdure.gate.gate import PersistenceGate
from perdure.gate.results import GateResult
from perdure.gate.site_calibration import SiteCalibration
from perdure.gate.weights import GateModel
from perdure.stopping.rules import OnTimeout, StoppingRule, TruncatedSPRT
from perdure.tracking.tracker import Tracker
from perdure.types import TrackFrame

MIN_TRACK_FRAMES = 300
"""Frames needed before a hit rate of the site is stored for the comparison with later streams."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SiteRequest:
    """What is asked of a site."""

    max_false_confirm: float | None = 0.05
    """Largest share of transient tracks called persistent; None does not control it."""
    max_miss: float | None = None
    """Largest share of persistent tracks called transient; None does not control it."""
    delta: float = 0.05
    """Probability over calibration that a rate is exceeded."""
    horizon: int = 8
    """Age in frames at which a decision is forced."""
    on_timeout: OnTimeout = "transient"
    """What a forced decision says."""
    block_s: float = 2.0
    """Seconds of a sequence that count as one unit: at most one random track of each class from each."""
    seed: int = 0
    """Picks those tracks."""

    def __post_init__(self) -> None:
        for name in ("max_false_confirm", "max_miss"):
            rate = getattr(self, name)
            if rate is not None and not 0 < rate < 1:
                raise ValueError(f"{name}: got {rate}, expected above 0 and below 1, or None")
        if not 0 < self.delta < 1:
            raise ValueError(f"delta: got {self.delta}, expected above 0 and below 1")
        if not 2 <= self.horizon <= 64:
            raise ValueError(f"horizon: got {self.horizon}, expected 2 to 64 frames")
        if not self.block_s > 0:
            raise ValueError(f"block_s: got {self.block_s}, expected above 0 seconds")


@dataclass(slots=True)
class _Track:
    """What is noted about one track while its stream runs."""

    first_frame: int
    evidence: list[float] = field(default_factory=list)
    is_hit: list[bool] = field(default_factory=list)
    score: list[float] = field(default_factory=list)
    class_id: int = -1
    counts: np.ndarray = field(default_factory=lambda: np.zeros(3, dtype=np.int64))
    hits_after_hit: Counter[bool] = field(default_factory=Counter)
    late_hits: Counter[bool] = field(default_factory=Counter)
    was_hit: bool = False

    @property
    def label(self) -> int:
        """The `TrackLabel` of the majority of its hits."""
        return int(majority_label(self.counts[None])[0])


def calibrate_site(
    model: GateModel,
    streams: list[LabelledStream],
    request: SiteRequest,
    *,
    source: Path | str,
    on_progress: Callable[[int, int], None] | None = None,
) -> SiteCalibration:
    """Returns the calibration of a model on the labelled streams of a site; nothing is trained.

    Tracks that cannot be watched up to the horizon before their stream ends, and tracks on ignored objects, are left
    out, whatever became of them.

    Args:
        model: in evaluation mode.
        streams: the site.
        request: what the bounds must guarantee.
        source: where the streams are from, for people.
        on_progress: told how many streams of both passes are done.

    Raises:
        ValueError: no track of a class is left.
    """
    num_ages = max(request.horizon, min(model.operation.horizon, 64))
    watch_all = TruncatedSPRT(upper=math.inf, lower=-math.inf, horizon=num_ages)
    in_sight, hit_rates = _gathered(model, streams, watch_all, request, num_ages, on_progress, first=True)
    for name, num in (("persistent", in_sight.is_persistent.sum()), ("transient", (~in_sight.is_persistent).sum())):
        if not num:
            raise ValueError(f"site: {source} has no {name} track that is seen up to age {num_ages}, need some of each")
    calibration = SiteCalibration(
        model=model.fingerprint(),
        source=str(source),
        frame_rate_hz=float(median(stream.frame_rate_hz for stream in streams)),
        hit_alive=hit_rates[0],
        hit_dead=hit_rates[1],
        max_false_confirm=request.max_false_confirm,
        max_miss=request.max_miss,
        delta=request.delta,
        horizon=request.horizon,
        on_timeout=request.on_timeout,
        num_ages=num_ages,
        seed=request.seed,
        tracks=in_sight,
    )
    under_rule, _ = _gathered(model, streams, calibration.rule().rule, request, num_ages, on_progress, first=False)
    return calibration.asked(tracks=_joined(in_sight, under_rule))


def _joined(in_sight: SiteTracks, under_rule: SiteTracks) -> SiteTracks:
    """Returns the tracks with the evidence of the second pass where it has any."""
    known = ~np.isnan(under_rule.evidence)
    evidence = np.where(known, under_rule.evidence, in_sight.evidence)
    return SiteTracks(
        evidence=evidence,
        is_hit=in_sight.is_hit,
        score=in_sight.score,
        is_persistent=in_sight.is_persistent,
        class_id=in_sight.class_id,
        unit=in_sight.unit,
    )


def _gathered(
    model: GateModel,
    streams: list[LabelledStream],
    rule: StoppingRule,
    request: SiteRequest,
    num_ages: int,
    on_progress: Callable[[int, int], None] | None,
    *,
    first: bool,
) -> tuple[SiteTracks, tuple[float | None, float | None]]:
    """Returns all tracks of all streams as a gate with the given rule sees them, and the two hit rates of the site."""
    kept: list[_Track] = []
    units: list[int] = []
    first_unit: dict[int, int] = {}  # streams of one scene share their units
    for number, stream in enumerate(streams):
        tracks, num_frames = _watched(model, stream, rule, num_ages)
        own = [
            track for track in tracks if track.first_frame + num_ages <= num_frames and track.label != TrackLabel.IGNORE
        ]
        block = num_frames + 1 if stream.is_one_unit else max(1, round(request.block_s * stream.frame_rate_hz))
        start = first_unit.setdefault(stream.scene, max(units, default=-1) + 1)
        units += [start + track.first_frame // block for track in own]
        kept += own
        if on_progress is not None:
            on_progress(number + 1 + (0 if first else len(streams)), 2 * len(streams))
    return _stacked(kept, units, num_ages), _hit_rates(kept)


def _watched(model: GateModel, stream: LabelledStream, rule: StoppingRule, num_ages: int) -> tuple[list[_Track], int]:
    """Returns all tracks of one stream in order of birth, and how many frames it has."""
    gate = PersistenceGate(model, rule, image_size=stream.image_size)
    tracker, tracks, num_frames = Tracker(model.operation.tracker), dict[int, _Track](), 0
    for frame in stream.frames():
        seen = tracker.update(frame.detections, camera_motion=frame.camera_motion)
        _note(tracks, seen, frame, gate.observe(frame.pixels, seen), num_ages, len(model.lifetime.pmf))
        num_frames += 1
    return [tracks[track_id] for track_id in sorted(tracks)], num_frames


def _note(
    tracks: dict[int, _Track],
    seen: TrackFrame,
    frame: LabelledFrame,
    result: GateResult,
    num_ages: int,
    longest_life: int,
) -> None:
    """Adds one frame to what is noted about every track."""
    for row, view in enumerate(result.tracks):
        track = tracks.setdefault(view.track_id, _Track(seen.frame_index - view.age + 1))
        source, is_open = int(seen.detection_index[row]), view.decided_age in (0, view.age)
        if source >= 0:
            track.counts[frame.label[source]] += 1
        if view.age <= num_ages:
            track.evidence.append(view.evidence if is_open else math.nan)
            track.is_hit.append(view.is_hit)
            track.score.append(view.score)
            track.class_id = view.class_id
        if track.was_hit:
            track.hits_after_hit[view.is_hit] += 1
        if view.age > longest_life:
            track.late_hits[view.is_hit] += 1
        track.was_hit = view.is_hit
    for track_id in seen.deleted_track_id.tolist():
        if seen.frame_index - tracks[track_id].first_frame >= longest_life:
            tracks[track_id].late_hits[False] += 1


def _hit_rates(tracks: list[_Track]) -> tuple[float | None, float | None]:
    """Returns the hit rates that drift of a later stream is judged by; None where there are too few frames."""

    def rate(counts: list[Counter[bool]]) -> float | None:
        total = sum(counts, Counter[bool]())
        return total[True] / total.total() if total.total() >= MIN_TRACK_FRAMES else None

    return (
        rate([track.hits_after_hit for track in tracks if track.label == TrackLabel.TRUE]),
        rate([track.late_hits for track in tracks if track.label != TrackLabel.TRUE]),
    )


def _stacked(tracks: list[_Track], units: list[int], num_ages: int) -> SiteTracks:
    evidence, score = np.full((len(tracks), num_ages), math.nan), np.zeros((len(tracks), num_ages))
    is_hit = np.zeros((len(tracks), num_ages), dtype=bool)
    for row, track in enumerate(tracks):
        num = len(track.evidence)
        evidence[row, :num], score[row, :num], is_hit[row, :num] = track.evidence, track.score, track.is_hit
    return SiteTracks(
        evidence=evidence,
        is_hit=is_hit,
        score=score,
        is_persistent=np.array([track.label == TrackLabel.TRUE for track in tracks], dtype=bool),
        class_id=np.array([track.class_id for track in tracks], dtype=np.int64),
        unit=np.array(units, dtype=np.int64),
    )
