"""What the promise is worth where the world has changed since calibration, and whether the drift monitor says so.

Bounds are calibrated on tracks of one law and used on tracks of another, with the evidence of the first. A change of
the mixture of the classes breaks nothing; a change of hits, clutter or frame rate may.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from perdure.bench.guarantee import Promise, promise_row
from perdure.bench.law_tracks import draw_tracks
from perdure.calibration.exact import calibrate
from perdure.calibration.rates import Rates
from perdure.calibration.scores import CalibrationScores
from perdure.gate.drift import GAUGES, MIN_PLACE_FRAMES, MOST_DAYS, frame_rate_message, message_of
from perdure.gate.gauge import Gauge
from perdure.gate.operation import Operation
from perdure.optima.dynamic_program import TrackLaw
from perdure.stopping.rules import TruncatedSPRT
from perdure.stopping.sequences import RuleOutcome, run_rule
from perdure.track_table import TrackTable

NUM_CLIPS = 4000
"""Calibration clips, each with a track of each class."""
NUM_CALIBRATIONS = 20
"""Calibrations that rates are averaged over, and violations counted in."""
MAX_MISSES = 5
"""Misses in a row after which a tracker ends a track."""
NUM_AGES = 48
"""Frames that tracks are watched for, decided by the horizon or not."""
FRAME_RATE_HZ = 30.0
CALIBRATED = TrackLaw(detection_probability=0.9, false_alarm_probability=0.05, cue_strength=1.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shift:
    """A changed world.

    Args:
        name: what has changed, for people.
        law: of the tracks there.
        frame_rate_hz: of the camera there; flicker lives as long in seconds, so for more or fewer frames.
    """

    name: str
    law: TrackLaw
    frame_rate_hz: float = FRAME_RATE_HZ


SHIFTS = (
    Shift(name="as calibrated", law=CALIBRATED),
    Shift(name="20 % persistent instead of 50 %", law=replace(CALIBRATED, persistent_share=0.2)),
    Shift(name="Pd 0.8 instead of 0.9", law=replace(CALIBRATED, detection_probability=0.8)),
    Shift(name="Pd 0.7 instead of 0.9", law=replace(CALIBRATED, detection_probability=0.7)),
    Shift(name="Pfa 0.1 instead of 0.05", law=replace(CALIBRATED, false_alarm_probability=0.1)),
    Shift(name="Pfa 0.2 instead of 0.05", law=replace(CALIBRATED, false_alarm_probability=0.2)),
    Shift(
        name="60 Hz instead of 30 Hz",
        law=replace(CALIBRATED, lifetime_pmf=(0.0, 1 / 3, 0.0, 1 / 3, 0.0, 1 / 3)),
        frame_rate_hz=60.0,
    ),
    Shift(name="15 Hz instead of 30 Hz", law=replace(CALIBRATED, lifetime_pmf=(2 / 3, 1 / 3)), frame_rate_hz=15.0),
)


def shift_rows(promise: Promise) -> Iterator[dict[str, Any]]:
    """Yields one row a shift: rates that are reached, in how many calibrations one is broken, and what is reported."""
    rules = [_calibrated(promise, np.random.default_rng([promise.seed, draw])) for draw in range(NUM_CALIBRATIONS)]
    for place, shift in enumerate(SHIFTS):
        rng = np.random.default_rng([promise.seed, 1000 + place])
        tracks = draw_tracks(replace(shift.law, horizon=NUM_AGES), promise.pool_size, rng, believed=CALIBRATED)
        outcomes = [run_rule(rule, tracks.sequences()) for rule in rules]
        rates = np.array([outcome.error_rates(tracks.is_persistent) for outcome in outcomes])
        yield promise_row(
            shift.name,
            "exact binomial, one bound a class",
            promise,
            num_calibration=NUM_CLIPS,
            draws=NUM_CALIBRATIONS,
            violations=int((rates.max(axis=1) > promise.alpha).sum()),
            mean_decision_frame=float(np.mean([outcome.balanced_age(tracks.is_persistent) for outcome in outcomes])),
            false_confirm_rate=float(rates[:, 0].mean()),
            miss_rate=float(rates[:, 1].mean()),
            reported=drift_messages(shift, tracks, outcomes[0]),
        )


def _calibrated(promise: Promise, rng: np.random.Generator) -> TruncatedSPRT:
    tracks = draw_tracks(CALIBRATED, 2 * NUM_CLIPS, rng)
    truth, evidence = tracks.is_persistent, tracks.known("evidence")
    scores = CalibrationScores(persistent=evidence[truth], transient=evidence[~truth])
    rates = Rates(max_false_confirm=promise.alpha, max_miss=promise.alpha, delta=promise.delta)
    return calibrate(scores, rates, horizon=CALIBRATED.horizon)


def drift_messages(shift: Shift, tracks: TrackTable, outcome: RuleOutcome) -> list[str]:
    """Returns what the drift monitor of a gate would say after these tracks, each of them one block."""
    confirmed = GAUGES["confirmed"].known(CALIBRATED.hit_alive)
    places = GAUGES["places"].known(CALIBRATED.false_alarm_probability)
    longest_life, waiting = len(CALIBRATED.lifetime_pmf), list[int]()
    for row, (age, is_confirmed) in enumerate(zip(outcome.age.tolist(), outcome.is_persistent.tolist(), strict=True)):
        hits = tracks.is_hit[row].astype(int).tolist()
        end = _end(hits)
        if is_confirmed:
            after_hits = [hits[column] for column in range(age, min(end, len(hits))) if hits[column - 1]]
            confirmed = _told(confirmed, after_hits)
        elif age + longest_life <= end <= len(hits) and not _is_opened_again(hits[age:end]):
            waiting += hits[age + longest_life : end]
            if len(waiting) >= MIN_PLACE_FRAMES:
                places, waiting = _told(places, waiting), []
    rate = frame_rate_message([1 / shift.frame_rate_hz] * 100, FRAME_RATE_HZ)
    drifted = {name: gauge for name, gauge in (("confirmed", confirmed), ("places", places)) if gauge.is_drifted}
    found = [message_of(name, gauge, is_calibrated=True) for name, gauge in drifted.items()]
    return ([] if rate is None else [rate]) + found


def _told(gauge: Gauge, hits: list[int]) -> Gauge:
    """Returns the gauge after a block; a change that was told stays told here."""
    return gauge if gauge.is_drifted else gauge.after(np.array([np.mean(hits)] if hits else []), most_days=MOST_DAYS)


def _end(hits: list[int]) -> int:
    """Returns the age at which the tracker ends a track, beyond the last age if it does not."""
    num_misses = 0
    for column, is_hit in enumerate(hits):
        num_misses = 0 if is_hit else num_misses + 1
        if num_misses == MAX_MISSES:
            return column + 1
    return len(hits) + 1


def _is_opened_again(hits: list[int]) -> bool:
    """Returns whether a rejected track is hit so often that a gate opens it again."""
    window, least = Operation().reopen_window, Operation().reopen_hits
    return any(sum(hits[start : start + window]) >= least for start in range(len(hits) - window + 1))
