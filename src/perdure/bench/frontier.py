"""Mean decision frame at a given total error of every rule on the same tracks, beside what is possible at all."""

from __future__ import annotations

import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from perdure.bench.rule_families import Families
from perdure.files import write_bytes
from perdure.metrics.decisions import DecisionRecord
from perdure.metrics.sweep import SweptDecisions, class_balance, lower_hull
from perdure.optima.oracle import TrackLaw, optimal_frame
from perdure.track_table import TrackTable

NUM_RESAMPLES = 200
"""Bootstrap samples of clips behind every interval."""
EVIDENCE = ("pixels", "detections", "lifetime")
"""What was computed of every track: evidence with pixels, evidence of detections alone, closed-form lifetimes."""
RULES: dict[str, tuple[str, str]] = {
    "perdure, pixels": ("two_bounds", "pixels"),
    "perdure, detections alone": ("two_bounds", "detections"),
    "lifetime evidence + cue": ("two_bounds", "lifetime"),
    "fixed threshold, pixels": ("fixed_threshold", "pixels"),
    "fixed horizon, pixels": ("fixed_horizon", "pixels"),
    "fixed horizon, lifetime + cue": ("fixed_horizon", "lifetime"),
    "track score (Blackman)": ("track_score", "lifetime"),
    "IPDA existence": ("ipda", "lifetime"),
    "M of N": ("m_of_n", "lifetime"),
    "SORT": ("sort", "lifetime"),
    "DeepSORT": ("deep_sort", "lifetime"),
    "ByteTrack": ("byte_track", "lifetime"),
}
"""Row of the table -> family of rules and the evidence that it reads."""


Scored = Mapping[str, TrackTable]
"""The same tracks with each kind of evidence, clips as groups, by name of `EVIDENCE`."""
_SHARED = ("is_hit", "is_valid", "cue", "is_persistent")


def save_scored(path: Path, scored: Scored) -> None:
    """Writes all arrays into one compressed file, atomically."""
    tracks, buffer = scored[EVIDENCE[0]], io.BytesIO()
    arrays: dict[str, Any] = {name: getattr(tracks, name) for name in _SHARED} | {"clip": tracks.unit}
    arrays |= {name: scored[name].known("evidence") for name in EVIDENCE}
    np.savez_compressed(buffer, **arrays)
    write_bytes(path, buffer.getvalue())


def load_scored(path: Path) -> Scored:
    """Returns the tracks that `save_scored` wrote."""
    with np.load(path) as stored:
        shared: dict[str, Any] = {name: stored[name] for name in _SHARED}
        return {name: TrackTable(**shared, group=stored["clip"], evidence=stored[name]) for name in EVIDENCE}


@dataclass(frozen=True, slots=True, kw_only=True)
class SeedResult:
    """What one training gave.

    Args:
        calibration: tracks that bounds are chosen on.
        test: tracks that are reported.
        live: decisions that a gate with guaranteed bounds took on the test clips, by association.
    """

    calibration: Scored
    test: Scored
    live: dict[str, list[DecisionRecord]]


def frontier_rows(
    results: Sequence[SeedResult], law: TrackLaw, families: Families, *, total_error: float, seed: int = 0
) -> list[dict[str, Any]]:
    """Returns one row for each rule with bounds swept on test, and rows with bounds that calibration has chosen.

    Frames are means over seeds; intervals are bootstraps over clips within every seed. A rule that never gets to the
    wanted error has no frame there, and the least error that it reaches instead.

    Args:
        results: one of each seed.
        law: of the tracks, for the optima.
        families: the rules.
        total_error: mean of false-confirm and miss rate at which frames are compared.
        seed: of the bootstrap.
    """
    rows = []
    for name, (family, evidence) in RULES.items():
        swept, chosen = [], []
        for place, result in enumerate(results):
            run = getattr(families, family)
            calibration, test = result.calibration[evidence], result.test[evidence]
            on_test = run(test.sequences())
            rng = np.random.default_rng([seed, place])
            swept.append(_swept(on_test, test, total_error, rng))
            truth = calibration.is_persistent, test.is_persistent
            chosen.append(_chosen(run(calibration.sequences()), on_test, truth, total_error))
        rows += [_swept_row(name, swept, law, total_error), _chosen_row(name, chosen, law)]
    return rows + _live_rows(results, law)


def _swept(
    decisions: SweptDecisions, tracks: TrackTable, total_error: float, rng: np.random.Generator
) -> Float[np.ndarray, "resample 2"]:
    """Returns the frame at the wanted error and the least error, of all clips and then of each resample of them."""
    counts = np.concatenate([np.ones((1, len(tracks.unit))), _resampled(tracks, rng)])
    errors, frames = decisions.points(tracks.is_persistent, class_balance(tracks.is_persistent, counts))
    curves = [lower_hull(errors[:, sample], frames[:, sample]) for sample in range(errors.shape[1])]
    return np.array([(curve.frame_at(total_error), curve.total_error[0]) for curve in curves])


def _resampled(tracks: TrackTable, rng: np.random.Generator) -> Float[np.ndarray, "resample n"]:
    """Returns how often each track counts in each resample of the clips; resamples without a class are drawn again."""
    num_clips = int(tracks.unit.max()) + 1
    counts: list[Float[np.ndarray, " n"]] = []
    while len(counts) < NUM_RESAMPLES:
        drawn = rng.multinomial(num_clips, np.full(num_clips, 1 / num_clips))[tracks.unit].astype(np.float64)
        if drawn[tracks.is_persistent].any() and drawn[~tracks.is_persistent].any():
            counts.append(drawn)
    return np.array(counts)


def _chosen(
    on_calibration: SweptDecisions, on_test: SweptDecisions, truth: tuple[np.ndarray, np.ndarray], total_error: float
) -> tuple[float, float]:
    """Returns error and frame on test of the fastest rule that keeps the error on calibration (or comes closest)."""
    errors, frames = on_calibration.points(truth[0], class_balance(truth[0]))
    is_kept = errors <= max(total_error, float(errors.min()))
    best = int(np.argmin(np.where(is_kept, frames, np.inf)))
    errors, frames = on_test.points(truth[1], class_balance(truth[1]))
    return float(errors[best]), float(frames[best])


def _swept_row(
    name: str, swept: list[Float[np.ndarray, "resample 2"]], law: TrackLaw, total_error: float
) -> dict[str, Any]:
    frame = np.mean([samples[:, 0] for samples in swept], axis=0)
    is_reached = bool(np.isfinite(frame[0]))
    known = frame[1:][np.isfinite(frame[1:])]
    return _row(name, law, bounds="swept", total_error=total_error) | {
        "mean_decision_frame": float(frame[0]) if is_reached else None,
        "ci95": np.quantile(known, [0.025, 0.975]).tolist() if is_reached else None,
        "seeds": [_finite(samples[0, 0]) for samples in swept],
        # On the seed it does worst on, since that one keeps the row from having a mean.
        "least_error": float(max(samples[0, 1] for samples in swept)),
    }


def _chosen_row(name: str, chosen: list[tuple[float, float]], law: TrackLaw) -> dict[str, Any]:
    errors, frames = zip(*chosen, strict=True)
    row = _row(name, law, bounds="calibration", total_error=float(np.mean(errors)))
    return row | {"mean_decision_frame": float(np.mean(frames)), "seeds": list(frames), "errors": list(errors)}


def _live_rows(results: Sequence[SeedResult], law: TrackLaw) -> list[dict[str, Any]]:
    rows = []
    for name in results[0].live:
        rates = [_live_rates(result.live[name]) for result in results]
        false_confirm, miss, frame = np.mean(rates, axis=0).tolist()
        row = _row(f"perdure, {name}", law, bounds="guaranteed", total_error=(false_confirm + miss) / 2)
        rows.append(
            row
            | {
                "mean_decision_frame": frame,
                "seeds": [rate[2] for rate in rates],
                "false_confirm_rate": false_confirm,
                "miss_rate": miss,
            }
        )
    return rows


def _live_rates(records: list[DecisionRecord]) -> tuple[float, float, float]:
    """Returns false-confirm rate, miss rate and mean decision frame, both classes weighing alike."""
    truth = np.array([record.true_label == "persistent" for record in records])
    called = np.array([record.label == "persistent" for record in records])
    frame = np.array([record.decision_frame for record in records])
    balanced = float((frame[truth].mean() + frame[~truth].mean()) / 2)
    return float(called[~truth].mean()), float((~called[truth]).mean()), balanced


def _row(name: str, law: TrackLaw, *, bounds: str, total_error: float) -> dict[str, Any]:
    error = min(max(total_error, 1e-4), 0.5)
    return {
        "rule": name,
        "bounds": bounds,
        "pd": law.detection_probability,
        "pfa": law.false_alarm_probability,
        "d": law.cue_strength,
        "total_error": total_error,
        "optimum_detections": _finite(optimal_frame(law, total_error=error)),
        "optimum_seeing": _finite(optimal_frame(law.seeing(), total_error=error)),
    }


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
