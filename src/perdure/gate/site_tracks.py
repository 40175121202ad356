"""Labelled tracks of a new site with the evidence that the gate itself gives them, ready for calibration.

The gate runs over every stream twice, as it would live: first with everything in sight, which gives a provisional
rule, then under that rule, so that decided tracks are out of sight of the others. Up to its decision a track's evidence
is that of the second pass; later ages, which only other error rates ask for, are those of the first.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from statistics import median

import numpy as np
from jaxtyping import Bool, Float, Int

from perdure.data.labelled_stream import LabelledFrame, LabelledStream
from perdure.gate.gate import PersistenceGate
from perdure.gate.site_calibration import SiteCalibration
from perdure.gate.weights import GateModel
from perdure.stopping.rules import OnTimeout, StoppingRule, TruncatedSPRT
from perdure.track_table import TrackTable
from perdure.tracks.follow import follow
from perdure.types import TrackFrame

MAX_TRAINED = 0.02
"""Share of tracks that may begin when and where one of the training data did, by chance."""
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
    """Seconds of a sequence that count as one unit: at most one random track of each class from each. A unit has at
    least as many frames as a decision may take: tracks that are looked at together are not independent."""
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
    told = itertools.count(1)

    def on_stream() -> None:
        if on_progress is not None:
            on_progress(next(told), 2 * len(streams))

    in_sight, hit_rates = watched_tracks(
        model, streams, watch_all, block_s=request.block_s, num_ages=num_ages, on_stream=on_stream
    )
    for name, num in (("persistent", in_sight.is_persistent.sum()), ("transient", (~in_sight.is_persistent).sum())):
        if not num:
            raise ValueError(f"site: {source} has no {name} track that is seen up to age {num_ages}, need some of each")
    _refuse_training(model, in_sight, source)
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
        image_sizes=tuple(sorted({stream.image_size for stream in streams})),
    )
    under_rule, _ = watched_tracks(
        model, streams, calibration.rule().rule, block_s=request.block_s, num_ages=num_ages, on_stream=on_stream
    )
    first, second = in_sight.known("evidence"), under_rule.known("evidence")
    return calibration.asked(tracks=in_sight.with_columns(evidence=np.where(np.isnan(second), first, second)))


def _refuse_training(model: GateModel, tracks: TrackTable, source: Path | str) -> None:
    """Refuses tracks that the weights were trained on: their scores are better than those of any others will be."""
    share = float(np.isin(tracks.key, model.trained_on).mean())
    if share > MAX_TRAINED:
        raise ValueError(
            f"site: {100 * share:.0f} % of the tracks of {source} are among those that these weights were trained on, "
            "and prove nothing about others; calibrate on data that they have not seen"
        )


class Watched:
    """A gate over one stream: a column of its evidence, and what it saw of each track over its whole life."""

    def __init__(self, gate: PersistenceGate) -> None:
        self._gate = gate
        self.hits: dict[int, list[bool]] = {}
        self.class_id: dict[int, int] = {}
        self.ended: set[int] = set()

    def evidence(
        self, frame: LabelledFrame, tracks: TrackFrame, rows: Int[np.ndarray, " m"]
    ) -> Float[np.ndarray, " m"]:
        """Returns the evidence of some tracks, NaN from the frame after their decision on."""
        views = self._gate.observe(frame.pixels, tracks).tracks
        for view in views:
            self.hits.setdefault(view.track_id, []).append(view.is_hit)
        self.ended.update(tracks.deleted_track_id.tolist())
        shown = [views[row] for row in rows.tolist()]
        self.class_id |= {view.track_id: view.class_id for view in shown}
        return np.array([view.evidence if view.decided_age in (0, view.age) else math.nan for view in shown])


def watched_tracks(
    model: GateModel,
    streams: list[LabelledStream],
    rule: StoppingRule,
    *,
    block_s: float,
    num_ages: int,
    on_stream: Callable[[], None] = lambda: None,
) -> tuple[TrackTable, tuple[float | None, float | None]]:
    """Returns all tracks of all streams as a gate sees them, units as groups, and the two hit rates of the site.

    Args:
        model: in evaluation mode.
        streams: the site.
        rule: of the gate.
        block_s: seconds of a sequence that count as one unit; a clip is one, and streams of one scene share theirs.
        num_ages: frames that a track must be seen for before its stream ends.
        on_stream: called after every stream.
    """
    parts, units, lives = [], [np.zeros(0, dtype=np.int64)], list[tuple[list[bool], bool]]()
    first_unit: dict[int, int] = {}
    for stream in streams:
        watched = Watched(PersistenceGate(model, rule, image_size=stream.image_size))
        table = follow(
            stream,
            model.operation.tracker,
            num_ages=num_ages,
            columns={"evidence": watched.evidence},
            least_frames=num_ages,
        )
        track_ids = table.known("track_id").tolist()
        class_id = np.array([watched.class_id[track_id] for track_id in track_ids], dtype=np.int64)
        parts.append(table.with_columns(class_id=class_id))
        lives += [(watched.hits[track_id], track_id in watched.ended) for track_id in track_ids]
        first = first_unit.setdefault(stream.scene, int(np.concatenate(units).max(initial=-1)) + 1)
        block = (
            0 * table.birth_frame
            if stream.is_one_unit
            else table.birth_frame // max(stream.num_frames_in(block_s), num_ages)
        )
        units.append(first + block)
        on_stream()
    tracks = TrackTable.join(parts).with_columns(group=np.concatenate(units), sequence=(), scene=())
    return tracks, hit_rates(lives, tracks.is_persistent, longest_life=len(model.lifetime.pmf))


def hit_rates(
    lives: list[tuple[list[bool], bool]], is_persistent: Bool[np.ndarray, " n"], *, longest_life: int
) -> tuple[float | None, float | None]:
    """Returns the hit rates that drift of a later stream is judged by; None where there are too few frames.

    Args:
        lives: of each track its hits from birth on, and whether it was deleted on the frame after.
        is_persistent: truth.
        longest_life: frames after which a transient track is over.

    Returns:
        The share of hits of persistent tracks right after a hit, and that of transient tracks that are over.
    """
    after_hit, late = [], []
    for (hits, is_deleted), is_true in zip(lives, is_persistent.tolist(), strict=True):
        if is_true:
            after_hit += [hit for before, hit in pairwise(hits) if before]
        else:
            late += [*hits, *([False] if is_deleted else [])][longest_life:]

    def rate(hits: list[bool]) -> float | None:
        return sum(hits) / len(hits) if len(hits) >= MIN_TRACK_FRAMES else None

    return rate(after_hit), rate(late)
