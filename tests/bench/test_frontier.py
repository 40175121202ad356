"""The table of all rules: swept and chosen bounds against the definitions, on tracks of a known law."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from perdure.bench import frontier as frontier_module
from perdure.bench.frontier import RULES, Scored, SeedResult, frontier_rows, load_scored, save_scored
from perdure.bench.law_tracks import draw_tracks
from perdure.bench.rule_families import Families
from perdure.metrics.decisions import DecisionRecord
from perdure.metrics.sweep import class_balance, sweep_bounds
from perdure.optima.dynamic_program import TrackLaw
from perdure.optima.oracle import optimal_frame

LAW = TrackLaw(detection_probability=0.9, false_alarm_probability=0.05, cue_strength=1.0, horizon=8)
FAMILIES = Families(horizon=8, on_timeout="persistent", hit_probability=LAW.hit_alive, false_alarm_probability=0.05)
ERROR = 0.05


def scored(seed: int, num: int = 900) -> Scored:
    """Returns tracks, three to a clip; the evidence with pixels is better than the exact one of detections."""
    rng = np.random.default_rng(seed)
    tracks = draw_tracks(LAW, num, rng)
    exact = tracks.known("evidence")
    seen = np.where(tracks.is_persistent, 0.7, -0.7)[:, None] * np.arange(1, 9)
    clips = tracks.with_columns(group=np.arange(num) // 3, scene=())
    return {
        "pixels": clips.with_columns(evidence=exact + seen + rng.normal(0, 1, seen.shape)),
        "detections": clips.with_columns(evidence=0.5 * exact),
        "lifetime": clips,
    }


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
        test = result.test["pixels"]
        curve = sweep_bounds(test.evidence, test.is_persistent, horizon=8, is_timeout_persistent=True)
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
    single = {name: one.with_columns(group=np.arange(900), scene=()) for name, one in results[0].test.items()}
    copies = {name: one.take(np.repeat(np.arange(900), 3)) for name, one in single.items()}

    def interval(tracks: Scored) -> list[float]:
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
            tracks = getattr(result, split)["lifetime"]
            swept = FAMILIES.m_of_n(tracks.sequences())
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
    save_scored(tmp_path / "tracks.npz", tracks)
    loaded = load_scored(tmp_path / "tracks.npz")
    assert set(loaded) == set(tracks)
    for kind, own in tracks.items():
        for name in ("is_hit", "is_valid", "cue", "is_persistent", "unit", "evidence"):
            np.testing.assert_array_equal(getattr(loaded[kind], name), getattr(own, name))
