"""The table of all rules: swept and chosen bounds against the definitions, on tracks of a known law."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from perdure.bench import frontier as frontier_module
from perdure.bench.frontier import RULES, ScoredTracks, SeedResult, frontier_rows
from perdure.bench.law_tracks import draw_tracks
from perdure.bench.rule_families import Families
from perdure.metrics.decisions import DecisionRecord
from perdure.metrics.sweep import class_balance, sweep_bounds
from perdure.optima.dynamic_program import TrackLaw
from perdure.optima.oracle import optimal_frame

LAW = TrackLaw(detection_probability=0.9, false_alarm_probability=0.05, cue_strength=1.0, horizon=8)
FAMILIES = Families(horizon=8, on_timeout="persistent", hit_probability=LAW.hit_alive, false_alarm_probability=0.05)
ERROR = 0.05
FIELDS = tuple(ScoredTracks.__dataclass_fields__)


def scored(seed: int, num: int = 900) -> ScoredTracks:
    """Returns tracks, three to a clip; the evidence with pixels is better than the exact one of detections."""
    rng = np.random.default_rng(seed)
    tracks = draw_tracks(LAW, num, rng)
    seen = np.where(tracks.is_persistent, 0.7, -0.7)[:, None] * np.arange(1, 9)
    return ScoredTracks(
        is_hit=tracks.is_hit,
        is_valid=np.ones_like(tracks.is_hit),
        cue=tracks.cue,
        is_persistent=tracks.is_persistent,
        clip=np.arange(num) // 3,
        pixels=tracks.evidence + seen + rng.normal(0, 1, seen.shape),
        detections=0.5 * tracks.evidence,
        lifetime=tracks.evidence,
    )


def record(label: str, true_label: str, age: int) -> DecisionRecord:
    return DecisionRecord(
        clip_id="clip", track_id=age, true_label=true_label, label=label, evidence=0.0, probability=0.5,
        decision_frame=age, decided=True, reason="evidence", first_frame=0, last_frame=9, frames_encoded=age,
        reopened=False,
    )  # type: ignore[arg-type]  # fmt: skip


LIVE = [
    *(record("persistent", "persistent", age) for age in (1, 2, 3)),
    record("transient", "persistent", 6),
    *(record("transient", "transient", age) for age in (1, 5)),
]


@pytest.fixture(scope="module")
def results() -> list[SeedResult]:
    return [SeedResult(calibration=scored(seed + 10), test=scored(seed), live={"truth": LIVE}) for seed in (0, 1)]


@pytest.fixture(autouse=True, scope="module")
def few_resamples() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(frontier_module, "NUM_RESAMPLES", 40)
        yield


@pytest.fixture(scope="module")
def rows(results: list[SeedResult]) -> list[dict]:
    return frontier_rows(results, LAW, FAMILIES, total_error=ERROR)


def row(rows: list[dict], rule: str, bounds: str) -> dict:
    (found,) = [item for item in rows if (item["rule"], item["bounds"]) == (rule, bounds)]
    return found


def test_swept_frames_are_means_over_seeds_of_the_swept_curve(rows: list[dict], results: list[SeedResult]) -> None:
    frames = []
    for result in results:
        test = result.test
        curve = sweep_bounds(test.pixels, test.is_persistent, horizon=8, is_timeout_persistent=True)
        frames.append(curve.frame_at(ERROR))
    found = row(rows, "perdure, pixels", "swept")
    assert found["seeds"] == pytest.approx(frames)
    assert found["mean_decision_frame"] == pytest.approx(np.mean(frames))
    low, high = found["ci95"]
    assert low < found["mean_decision_frame"] < high
    assert 0.02 < high - low < 1.0


def test_intervals_resample_clips_not_tracks(results: list[SeedResult], monkeypatch: pytest.MonkeyPatch) -> None:
    """Three copies of a track in one clip are one observation: the interval must not shrink."""
    monkeypatch.setattr(frontier_module, "RULES", {"perdure, pixels": RULES["perdure, pixels"]})
    single = replace(results[0].test, clip=np.arange(900))
    copies = ScoredTracks(**{name: np.repeat(getattr(single, name), 3, axis=0) for name in FIELDS})

    def interval(tracks: ScoredTracks) -> list[float]:
        found = frontier_rows([replace(results[0], test=tracks)], LAW, FAMILIES, total_error=ERROR)
        return row(found, "perdure, pixels", "swept")["ci95"]

    assert interval(copies) == pytest.approx(interval(single), abs=1e-6)


def test_better_evidence_is_faster_and_the_exact_one_stays_above_its_optimum(rows: list[dict]) -> None:
    swept = {item["rule"]: item["mean_decision_frame"] for item in rows if item["bounds"] == "swept"}
    assert set(swept) == set(RULES)
    assert swept["perdure, pixels"] < swept["lifetime evidence + cue"] < swept["track score (Blackman)"]
    optimum = optimal_frame(LAW, total_error=ERROR)
    found = row(rows, "lifetime evidence + cue", "swept")
    assert found["optimum_detections"] == pytest.approx(optimum)
    assert found["optimum_seeing"] < optimum
    assert found["mean_decision_frame"] == pytest.approx(optimum, abs=0.25)


def test_rules_that_never_get_there_say_how_far_they_get(rows: list[dict]) -> None:
    found = row(rows, "ByteTrack", "swept")
    assert found["mean_decision_frame"] is None
    assert found["least_error"] > 0.3


def test_chosen_bounds_know_calibration_alone(rows: list[dict], results: list[SeedResult]) -> None:
    found = row(rows, "M of N", "calibration")
    for result, error, frame in zip(results, found["errors"], found["seeds"], strict=True):
        points = {}
        for split in ("calibration", "test"):
            tracks = getattr(result, split)
            swept = FAMILIES.m_of_n(tracks.sequences("lifetime"))
            points[split] = swept.points(tracks.is_persistent, class_balance(tracks.is_persistent))
        errors, frames = points["calibration"]
        kept = [index for index in range(len(errors)) if errors[index] <= max(ERROR, errors.min())]
        best = min(kept, key=lambda index: frames[index])
        assert (error, frame) == pytest.approx((points["test"][0][best], points["test"][1][best]))


def test_live_rows_count_decisions(rows: list[dict]) -> None:
    found = row(rows, "perdure, truth", "guaranteed")
    assert (found["false_confirm_rate"], found["miss_rate"]) == (0.0, 0.25)
    assert found["mean_decision_frame"] == pytest.approx((3.0 + 3.0) / 2)
    assert found["total_error"] == 0.125


def test_scored_tracks_survive_storage(tmp_path: Path) -> None:
    tracks = scored(5, num=9)
    tracks.save(tmp_path / "tracks.npz")
    loaded = ScoredTracks.load(tmp_path / "tracks.npz")
    for name in FIELDS:
        np.testing.assert_array_equal(getattr(loaded, name), getattr(tracks, name))
