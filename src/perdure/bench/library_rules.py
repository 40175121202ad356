"""Rules by which trackers and camera software confirm today, each as one number per age whose threshold can be swept.

The number of a track at an age is the largest score threshold with which the rule confirms it there; minus infinity
where no threshold does. What the software deletes for its misses starts afresh at the next detection, as it does there.
Fields hold the software's own settings; `LIBRARY_RULES` names those that are tried. Sources were read, none is copied.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from jaxtyping import Bool, Float, Int

from perdure.evidence.track_features import FEATURES
from perdure.track_table import TrackTable

Statistic = Float[np.ndarray, "n l"]


class SweptRule(Protocol):
    """A rule whose score threshold is left open."""

    def statistic(self, table: TrackTable) -> Statistic:
        """Returns the largest threshold that confirms each track at each age, minus infinity where none does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OneScore:
    """One score threshold, as most detectors are used: on the detection at birth, or on any detection so far."""

    score_of: Literal["birth", "any"] = "birth"
    """Which detections may confirm."""

    def statistic(self, table: TrackTable) -> Statistic:
        """Returns the scores of detections."""
        scores = _scores(table)
        return np.where(np.arange(table.num_ages) < 1, scores, -math.inf) if self.score_of == "birth" else scores


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackersSort:
    """SORT of the package `trackers` (roboflow/trackers 2.6.1, core/sort/tracker.py and utils.py).

    A detection of at least `track_activation_threshold` starts a track. Hits are counted over the track's whole life,
    but a track below `minimum_consecutive_frames` is deleted at its first miss, so that they are hits in a row from
    birth, birth counted. The detection that starts a track never has an id, so that 1 is reported at the second hit.
    No exception at the start of a stream.
    """

    minimum_consecutive_frames: int = 3
    """Hits of a track that is reported."""

    def statistic(self, table: TrackTable) -> Statistic:
        """Returns the score of the detection that the streak began with."""
        scores = _scores(table)
        if self.minimum_consecutive_frames == 1:  # reported at the next hit, whatever was missed in between
            before = _delayed(np.maximum.accumulate(scores, axis=1), 1)
            return np.where(_hits(table), before, -math.inf)
        lag = self.minimum_consecutive_frames - 1
        return np.where(_streak(table) > lag, _delayed(scores, lag), -math.inf)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackAwareStart:
    """TrackTrack (kamkyu94/TrackTrack, trackers/tracker.py, init_tracks; ultralytics/trackers/track_tracker.py).

    A detection starts a track if it scores above `init_thr` and overlaps with no live track and no better detection by
    more than `tai_thr`. It is confirmed at its third detection in a row; an unmatched new track is deleted at once. On
    the first frame of a stream every start is confirmed. (Overlap with younger live tracks is not looked at here, and a
    better detection counts although it may belong to a track that is overlapped anyway.)
    """

    num_hits: int = 3
    """Detections in a row that confirm."""
    max_overlap: float = 0.55
    """Largest intersection over union at the start, `tai_thr`; 1 allows any."""

    def statistic(self, table: TrackTable) -> Statistic:
        """Returns the score of the detection that the streak began with, where it may start a track."""
        overlap = np.fmax(_feature(table, "older_iou"), _feature(table, "better_iou"))
        start = np.where(overlap <= self.max_overlap, _scores(table), -math.inf)
        lag = self.num_hits - 1
        statistic = np.where(_streak(table) > lag, _delayed(start, lag), -math.inf)
        is_first = (table.frame == 0) & (np.arange(table.num_ages) < 1)
        return np.where(is_first, start, statistic)


@dataclass(frozen=True, slots=True, kw_only=True)
class TwoTiers:
    """OccluBoost (boxmot 25.0.0, trackers/box/occluboost/tracker.py): two thresholds for the detection at birth.

    From `instant_confirm_thresh` on it is confirmed at once; below, as a tentative track, by `confirm_hits` more hits
    in a row, unless it is missed on more than `tentative_max_age` frames in a row before. What is swept is the upper
    threshold. boxmot shows a track from its second detection on, on the first frame of a stream at once; here it counts
    as confirmed when it is. Its own settings (0.678 at once, new tracks from 0.713 on) leave the lower tier empty.
    """

    lower_by: float = 0.1
    """How much lower the score of a tentative track may be, on the detector's own scale."""
    confirm_hits: int = 2
    """Hits in a row, after the first detection, that confirm a tentative track."""
    tentative_max_age: int = 3
    """Misses in a row that a tentative track survives."""

    def statistic(self, table: TrackTable) -> Statistic:
        """Returns the score of a detection, or that of the best start that is alive raised by the difference."""
        scores, hits, streak = _scores(table), _hits(table), _streak(table)
        alive, misses = np.full(len(table), -math.inf), np.zeros(len(table), dtype=np.int64)
        start = np.full(scores.shape, -math.inf)
        for age in range(table.num_ages):
            misses = np.where(hits[:, age], 0, misses + 1)
            alive = np.where(misses > self.tentative_max_age, -math.inf, np.fmax(alive, scores[:, age]))
            start[:, age] = alive
        second = np.where(streak >= self.confirm_hits, _delayed(start, self.confirm_hits) + self.lower_by, -math.inf)
        return np.fmax(scores, second)


@dataclass(frozen=True, slots=True, kw_only=True)
class FrigateMedian:
    """Frigate 0.16 and 0.17 (blakeblackshear/frigate, track/norfair_tracker.py, track/tracked_object.py).

    norfair counts hits minus misses, 1 at birth, and deletes a track below 0; above `initialization_delay` the object
    is registered with the scores of its detections. From the next frame on the score of every frame is appended, 0
    where it was missed, and once the median of the latest ten reaches the threshold it is a true positive for good.
    No exception at the start of a stream. (norfair keeps four detections; more than four before registration are rare.)
    """

    initialization_delay: int = 2
    """Hits minus misses that must be exceeded: `max(fps / 2, 2)`, 2 at the usual five frames per second."""

    def statistic(self, table: TrackTable) -> Statistic:
        """Returns the median of the latest ten scores, from the frame after registration on."""
        hits, num = _hits(table), len(table)
        medians = np.full(hits.shape, -math.inf)
        count, is_registered, history = np.full(num, -1), np.zeros(num, dtype=bool), np.full((num, 10), np.nan)
        for age in range(table.num_ages):
            hit = hits[:, age]
            is_new = count < 0
            history[is_new], is_registered = np.nan, is_registered & ~is_new
            count = np.where(is_new, np.where(hit, 1, -1), count + np.where(hit, 1, -1))
            score = np.where(hit, table.known("score")[:, age], 0.0)
            is_noted = hit | is_registered
            history[is_noted] = np.column_stack([history[is_noted, 1:], score[is_noted]])
            is_judged = is_registered & (count >= 0) & table.is_valid[:, age]
            medians[is_judged, age] = np.nanmedian(history[is_judged], axis=1)
            is_registered |= hit & (count > self.initialization_delay)
        return medians


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldBack:
    """SAM 3 on video (facebookresearch/sam3; transformers 5.24, modeling_sam3_video.py, _process_hotstart).

    A detection of at least `new_det_thresh` starts an object. Output is held back until `hotstart_delay` frames are
    there; an object that was unmatched on `hotstart_unmatch_thresh` of its frames within them is never shown. No
    exception at the start of a stream; for a live stream transformers skips all of this, which is `OneScore`.
    """

    hotstart_delay: int = 15
    """Frames, that of the first detection included, before anything of an object is shown."""
    hotstart_unmatch_thresh: int = 8
    """Misses within them that remove an object."""

    def statistic(self, table: TrackTable) -> Statistic:
        """Returns the score of the detection that is shown now, where it was missed on few enough frames since."""
        num_hits = np.cumsum(_hits(table), axis=1)
        lag = self.hotstart_delay - 1
        earlier = np.pad(num_hits, ((0, 0), (lag, 0)))[:, : table.num_ages]
        missed = lag - (num_hits - earlier)  # the first of these frames is the detection itself
        is_shown = table.is_valid & (missed < self.hotstart_unmatch_thresh)
        return np.where(is_shown, _delayed(_scores(table), lag), -math.inf)


def _hits(table: TrackTable) -> Bool[np.ndarray, "n l"]:
    return table.is_hit & table.is_valid


def _scores(table: TrackTable) -> Statistic:
    """Returns the scores of detections, minus infinity on misses."""
    return np.where(_hits(table), table.known("score"), -math.inf).astype(np.float64)


def _feature(table: TrackTable, name: str) -> Float[np.ndarray, "n l"]:
    return np.asarray(table.known("features")[:, :, FEATURES.index(name)], dtype=np.float64)


def _streak(table: TrackTable) -> Int[np.ndarray, "n l"]:
    """Returns the hits in a row up to each age."""
    hits, streak = _hits(table), np.zeros(table.is_valid.shape, dtype=np.int64)
    for age in range(table.num_ages):
        before = streak[:, age - 1] if age else 0
        streak[:, age] = np.where(hits[:, age], before + 1, 0)
    return streak


def _delayed(values: Statistic, num_frames: int) -> Statistic:
    """Returns what each track had a number of frames ago, minus infinity before its birth."""
    padded = np.pad(values, ((0, 0), (num_frames, 0)), constant_values=-math.inf)
    return padded[:, : values.shape[1]]


def _two_tiers(table: TrackTable) -> list[SweptRule]:
    """Returns candidates whose lower tier lies below the upper one by parts of the spread of scores at birth."""
    spread = float(np.std(table.known("score")[:, 0]))
    return [
        TwoTiers(lower_by=share * spread, confirm_hits=hits, tentative_max_age=age)
        for share in (0.0, 0.25, 0.5, 1.0, 2.0, 4.0)
        for hits in (1, 2, 3)
        for age in (1, 3)
    ]


LIBRARY_RULES: Mapping[str, Callable[[TrackTable], Sequence[SweptRule]]] = {
    "one score threshold": lambda table: [OneScore(score_of="birth"), OneScore(score_of="any")],
    "SORT of trackers": lambda table: [TrackersSort(minimum_consecutive_frames=num) for num in range(1, 6)],
    "TrackTrack": lambda table: [
        TrackAwareStart(num_hits=num, max_overlap=overlap) for num in range(1, 6) for overlap in (0.3, 0.55, 0.8, 1.0)
    ],
    "OccluBoost": _two_tiers,
    "Frigate": lambda table: [FrigateMedian(initialization_delay=delay) for delay in range(5)],
    "SAM 3": lambda table: [
        HeldBack(hotstart_delay=delay, hotstart_unmatch_thresh=limit)
        for delay in range(1, table.num_ages + 1)
        for limit in sorted({1, math.ceil(8 * delay / 15), delay})
    ],
}
"""Candidates on training tracks by name of the software; the one that costs least there is used."""
