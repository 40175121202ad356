"""Rules of trackers as numbers per age: against the package itself where it is here, else against its counters."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from statistics import median

import numpy as np
import pytest

from perdure.bench.confirmation import running_best
from perdure.bench.confirmation_methods import tuned_method
from perdure.bench.library_rules import (
    LIBRARY_RULES,
    FrigateMedian,
    HeldBack,
    OneScore,
    SweptRule,
    TrackAwareStart,
    TrackersSort,
    TwoTiers,
)
from perdure.evidence.track_features import FEATURES
from perdure.track_table import TrackTable

LOW, HIGH = 0.3, 0.8
Track = Sequence[float]
"""Score of each frame from birth on, 0 where nothing was detected."""


def every_track(length: int) -> list[Track]:
    """Returns all tracks of misses, low and high scores that begin with a detection."""
    return [[first, *rest] for first in (LOW, HIGH) for rest in itertools.product((0.0, LOW, HIGH), repeat=length - 1)]


def table_of(tracks: Sequence[Track], *, birth_frame: int = 5, overlap: float = 0.0, better: float = 0.0) -> TrackTable:
    score = np.array(tracks, dtype=np.float64)
    features = np.zeros((*score.shape, len(FEATURES)))
    features[:, :, FEATURES.index("older_iou")] = overlap
    features[:, :, FEATURES.index("better_iou")] = better
    return TrackTable(
        is_hit=score > 0,
        is_valid=np.ones(score.shape, dtype=bool),
        is_persistent=np.zeros(len(score), dtype=bool),
        group=np.zeros(len(score), dtype=np.int64),
        birth_frame=np.full(len(score), birth_frame),
        score=score,
        features=features,
        xyxy_px=np.zeros((*score.shape, 4)),
    )


def ages(rule: SweptRule, table: TrackTable, threshold: float) -> list[int | None]:
    """Returns the age at which each track is confirmed."""
    is_confirmed = running_best(rule.statistic(table), table.is_valid) >= threshold
    return [int(row.argmax()) + 1 if row.any() else None for row in is_confirmed]


def sort_of_trackers(track: Track, threshold: float, least: int) -> int | None:
    """Returns when the package itself first gives a still box an id."""
    sv = pytest.importorskip("supervision", reason="supervision is not installed")
    trackers = pytest.importorskip("trackers", reason="trackers is not installed (make setup-dev)")
    tracker = trackers.SORTTracker(minimum_consecutive_frames=least, track_activation_threshold=threshold)
    for age, score in enumerate(track, start=1):
        boxes = np.array([[10.0, 10.0, 50.0, 90.0]] * (score > 0)).reshape(-1, 4)
        found = tracker.update(sv.Detections(xyxy=boxes, confidence=np.array([score] * (score > 0))))
        if (found.tracker_id >= 0).any():
            return age
    return None


@pytest.mark.parametrize("least", [1, 2, 3, 4])
def test_sort_counts_as_the_package_trackers_does(least: int) -> None:
    tracks = every_track(5)
    rule = TrackersSort(minimum_consecutive_frames=least)
    for threshold in (LOW, HIGH):
        assert ages(rule, table_of(tracks), threshold) == [sort_of_trackers(one, threshold, least) for one in tracks]


def frigate(track: Track, threshold: float, delay: int) -> int | None:
    """As `TrackedObject` of norfair counts, then `NorfairTracker.register` and `TrackedObject.update` of Frigate."""
    counter, detections, history = None, [], None
    for age, score in enumerate(track, start=1):
        if counter is not None and counter < 0:
            counter, detections, history = None, [], None
        if history is not None:
            counter += 2 * (score > 0) - 1
            history.append(score)
            if counter >= 0 and median(history[-10:]) >= threshold:
                return age
            continue
        if score > 0:
            counter = 1 if counter is None else counter + 1
            detections.append(score)
            if counter > delay:
                history = list(detections)
        elif counter is not None:
            counter -= 1
    return None


@pytest.mark.parametrize("delay", [0, 2, 3])
@pytest.mark.parametrize("threshold", [LOW, (LOW + HIGH) / 2, HIGH])
def test_frigate_takes_the_median_once_the_object_is_registered(delay: int, threshold: float) -> None:
    tracks = every_track(7)
    rule = FrigateMedian(initialization_delay=delay)
    assert ages(rule, table_of(tracks), threshold) == [frigate(one, threshold, delay) for one in tracks]


def test_frigate_needs_four_frames_at_its_usual_settings_and_looks_at_ten() -> None:
    steady, late = [HIGH] * 5, [LOW] * 10 + [HIGH] * 6
    assert ages(FrigateMedian(), table_of([steady]), HIGH) == [4]
    assert ages(FrigateMedian(), table_of([late]), HIGH) == [16], "six of the latest ten, the first of sixteen gone"


def occluboost(track: Track, upper: float, lower: float, confirm_hits: int, max_age: int) -> int | None:
    """`OccluBoost._track_detections`, `_maybe_activate` and the life of tentative tracks; scores are those at birth."""
    streak, since = None, 0
    for age, score in enumerate(track, start=1):
        if streak is not None:
            streak = 0 if since > 0 else streak
            since += 1
        if score > 0 and streak is not None:
            streak, since = streak + 1, 0
            if streak >= confirm_hits:
                return age
        elif score > 0 and score >= lower:
            if score >= upper:
                return age
            streak, since = 0, 0
        if streak is not None and since > max_age:
            streak = None
    return None


@pytest.mark.parametrize(("confirm_hits", "max_age"), [(1, 1), (2, 1), (2, 3), (3, 1)])
def test_a_tentative_track_needs_more_hits_in_a_row(confirm_hits: int, max_age: int) -> None:
    tracks = [one for one in every_track(7) if HIGH not in one]  # below the upper threshold throughout
    rule = TwoTiers(lower_by=HIGH - LOW, confirm_hits=confirm_hits, tentative_max_age=max_age)
    expected = [occluboost(one, HIGH, LOW, confirm_hits, max_age) for one in tracks]
    assert ages(rule, table_of(tracks), HIGH - 1e-9) == expected
    assert any(expected) and not all(expected)


def test_a_high_score_is_confirmed_at_once_and_a_lone_threshold_has_no_lower_tier() -> None:
    table = table_of([[HIGH, 0, 0], [LOW, LOW, LOW], [LOW, HIGH, 0]])
    assert ages(TwoTiers(lower_by=HIGH - LOW), table, HIGH - 1e-9) == [1, 3, 2]
    assert ages(TwoTiers(lower_by=0.0), table, HIGH) == ages(OneScore(score_of="any"), table, HIGH) == [1, None, 2]
    assert ages(OneScore(), table, HIGH) == [1, None, None]


def test_tracktrack_starts_nothing_on_what_it_has_and_believes_the_first_frame() -> None:
    table = [[HIGH] * 4, [LOW, HIGH, HIGH, HIGH], [HIGH, HIGH, 0, HIGH]]
    rule = TrackAwareStart()
    assert ages(rule, table_of(table), HIGH) == [3, 4, None]
    assert ages(rule, table_of(table), LOW) == [3, 3, None]
    assert ages(rule, table_of(table, birth_frame=0), HIGH) == [1, 4, 1], "at once on the first frame of a stream"
    for place in ("overlap", "better"):
        assert ages(rule, table_of(table, **{place: 0.6}), LOW) == [None] * 3
        assert ages(rule, table_of(table, **{place: 0.55}), LOW) == [3, 3, None]


def sam3(track: Track, threshold: float, delay: int, limit: int) -> int | None:
    """`_process_hotstart` and the buffer of `propagate_in_video`: first start that is shown."""
    starts: dict[int, int] = {}
    removed: set[int] = set()
    for frame, score in enumerate(track):
        if score >= threshold:
            starts[frame] = 0
        for first in starts:
            starts[first] += score == 0
            if starts[first] >= limit and first > frame - delay:
                removed.add(first)
        shown = frame - delay + 1
        if shown in starts and shown not in removed:
            return frame + 1
    return None


@pytest.mark.parametrize(("delay", "limit"), [(1, 1), (3, 1), (4, 2), (5, 3)])
def test_sam_3_shows_what_was_matched_often_enough_while_it_was_held_back(delay: int, limit: int) -> None:
    tracks = every_track(6)
    rule = HeldBack(hotstart_delay=delay, hotstart_unmatch_thresh=limit)
    for threshold in (LOW, HIGH):
        assert ages(rule, table_of(tracks), threshold) == [sam3(one, threshold, delay, limit) for one in tracks]


def test_fifteen_frames_are_held_back_by_default() -> None:
    assert ages(HeldBack(), table_of([[HIGH] * 15, [HIGH, *[0.0] * 7, *[HIGH] * 7]]), HIGH) == [15, 15]
    assert ages(HeldBack(), table_of([[HIGH, *[0.0] * 8, *[LOW] * 6]]), HIGH) == [None]


@pytest.mark.parametrize("name", LIBRARY_RULES)
def test_a_rule_never_confirms_after_the_end_of_a_track_or_before_its_first_score(name: str) -> None:
    table = table_of(every_track(5))
    ended = table.with_columns(is_valid=np.tile(np.arange(5) < 2, (len(table), 1)))
    for rule in LIBRARY_RULES[name](table):
        assert (rule.statistic(ended)[:, 2:] == -math.inf).all()
        assert not any(ages(rule, table, 2 * HIGH + 10))


def test_the_rule_that_costs_least_on_training_tracks_is_used_on_others() -> None:
    """Persistent tracks score low once, transients high once: only counting tells them apart."""
    true, false = [LOW, LOW, LOW, LOW], [HIGH, 0.0, 0.0, 0.0]
    table = table_of([true] * 20 + [false] * 20).with_columns(is_persistent=np.repeat([True, False], 20))

    def rules(train: TrackTable) -> Sequence[SweptRule]:
        return [OneScore(), *(TrackersSort(minimum_consecutive_frames=least) for least in (3, 2))]

    numbers = tuned_method(rules)(table, table_of([true, false]), 0.1)
    assert numbers[:, 1].tolist() == [LOW, -math.inf] and numbers[0, 0] == -math.inf
