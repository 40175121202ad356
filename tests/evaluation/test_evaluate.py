"""The whole evaluation on a few clips: every figure comes from the decisions and results that lie beside it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from evaluation.recomputed import recomputed
from gate.small_model import HORIZON, small_dataset, small_model, windows_of
from perdure.calibration.rates import Rates
from perdure.evaluation import evaluate as evaluate_module
from perdure.evaluation.calibrate import calibration_scores, rule_for
from perdure.evaluation.config import EvaluationConfig
from perdure.evaluation.decide import GateSetup, StreamOutcome, decide_clips
from perdure.evaluation.evaluate import Evaluation, EvaluationRequest, evaluate_clips
from perdure.gate.model import PersistenceModel
from perdure.metrics.decisions import decision_metrics, write_decisions
from perdure.track_table import TrackTable

pytestmark = pytest.mark.slow
RATES = Rates(max_false_confirm=0.5, max_miss=0.5, delta=0.6)
CONFIG = EvaluationConfig(early_stop_frame=3, num_timed_clips=2, num_attention_clips=6, num_resamples=200)
TOLD: list[tuple[int, int, str]] = []
ASKED: list[str] = []


def calibrated() -> PersistenceModel:
    model, train, own = small_model(), windows_of("train"), windows_of("calibration")
    tracks = TrackTable.join([train, own])
    model.calibration = calibration_scores(model, tracks, RATES, seed=0)
    return model


def in_this_process(_: object, split: str, setup: GateSetup, **__: object) -> list[StreamOutcome]:
    """Stands in for `decide_split`: the same clips without starting other processes."""
    ASKED.append(setup.association)
    clips = [small_dataset().clip(clip_id) for clip_id in small_dataset().split(split)]
    return decide_clips(clips, PersistenceModel.load(setup.weights), setup.rule, association=setup.association)


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("weights") / "model.safetensors"
    calibrated().save(path)
    return path


@pytest.fixture(scope="module")
def result(weights: Path) -> Evaluation:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(evaluate_module, "decide_split", in_this_process)
        return evaluate_clips(
            EvaluationRequest(
                dataset=small_dataset(),
                weights=weights,
                rates=RATES,
                config=CONFIG,
                seed=3,
                num_workers=1,
                on_progress=lambda done, total, part: TOLD.append((done, total, part)),
            )
        )


def test_rates_are_those_of_the_records(result: Evaluation) -> None:
    for records, found in ((result.records, result.metrics), (result.tracker_records, result.metrics["tracker"])):
        expected = decision_metrics(
            records, num_censored=found["num_censored"], early_stop_frame=3, num_resamples=200, seed=3
        ).to_dict()
        assert {name: found[name] for name in expected} == expected
    assert result.metrics["association"] == "truth"
    assert result.metrics["num_censored"] == 0
    assert ASKED == ["truth", "tracker"]


def test_every_decision_metric_follows_from_the_stored_decisions(result: Evaluation, tmp_path: Path) -> None:
    """Counted anew from `decisions.jsonl` by code that shares nothing with the package."""
    for records, found in ((result.records, result.metrics), (result.tracker_records, result.metrics["tracker"])):
        write_decisions(tmp_path / "decisions.jsonl", records)
        for name, value in recomputed(tmp_path / "decisions.jsonl", early_stop_frame=3).items():
            expected = value if isinstance(value, dict) else pytest.approx(value, abs=1e-7)
            assert found[name] == expected, name


def test_results_can_be_stored_as_they_are(result: Evaluation) -> None:
    for part in (result.metrics, result.efficiency, result.frontier):
        assert json.loads(json.dumps(part, allow_nan=False)) == part


def test_bounds_are_those_of_the_calibration(result: Evaluation, weights: Path) -> None:
    model = PersistenceModel.load(weights)
    assert model.calibration is not None
    rule = rule_for(model.calibration, model, RATES)
    assert result.metrics["thresholds"] == {
        "upper": rule.upper, "lower": rule.lower, "alpha_false_confirm": 0.5, "alpha_miss": 0.5, "delta": 0.6
    }  # fmt: skip
    for record in result.records:
        if record.reason == "evidence":
            is_up, is_down = record.evidence >= rule.upper, record.evidence <= rule.lower
            assert is_up if record.label == "persistent" else is_down


def test_savings_are_those_of_the_timed_clips(result: Evaluation) -> None:
    row = result.efficiency["classes"]["all"]
    assert result.metrics["compute_savings_flops"] == row["savings_flops"]
    assert result.metrics["compute_savings_wall_clock"] == row["savings_wall_clock"]
    assert (result.efficiency["num_clips_timed"], result.efficiency["num_clips"]) == (2, result.metrics["num_clips"])
    timed = small_dataset().split("test")[:2]
    records = [record for record in result.records if record.clip_id in timed]
    assert row["track_frames_gated"] == sum(record.frames_encoded for record in records)


def test_the_operating_point_and_lifetime_alone_stand_at_one_error(result: Evaluation) -> None:
    metrics = result.metrics
    assert result.frontier["operating_point"] == {
        name: metrics[name] for name in ("total_error", "mean_decision_frame")
    }
    assert metrics["lifetime_only"]["total_error"] >= metrics["total_error"]
    assert 1 <= metrics["lifetime_only"]["mean_decision_frame"] <= HORIZON + 1
    assert 1 <= metrics["optimal_decision_frame_seeing"] <= metrics["optimal_decision_frame_detections"] <= HORIZON


def test_controls_stand_beside(result: Evaluation) -> None:
    controls: dict[str, Any] = result.metrics["controls"]
    assert controls["scrambled_metadata_changed_decisions"] == 0
    assert set(controls["shortcut_rules"]) == {"red", "size", "position"}
    own, swapped = controls["own_crops"], controls["crop_swap"]
    assert own["total_error"] == pytest.approx((own["false_confirm_rate"] + own["miss_rate"]) / 2)
    assert own != swapped, "other pictures change nothing: the model is blind"
    assert result.metrics["attention_uniform_control"] == pytest.approx(1.0)


def test_every_target_has_its_figure(result: Evaluation) -> None:
    for row in result.metrics["targets"]:
        assert result.metrics[row["name"]] == row["value"]
    assert result.metrics["model"]["num_parameters"] == sum(value.numel() for value in small_model().parameters())


def test_progress_of_every_part_ends_at_its_total(result: Evaluation) -> None:
    parts = {part for _, _, part in TOLD}
    assert {"cutting out tracks", "evidence of whole tracks", "timing with and without gating", "attention"} <= parts
    for part in parts:
        done, total, _ = [told for told in TOLD if told[2] == part][-1]
        assert done == total


def test_uncalibrated_weights_are_refused(tmp_path: Path) -> None:
    small_model().save(tmp_path / "raw.safetensors")
    with pytest.raises(ValueError, match=r"raw\.safetensors are not calibrated; run 'perdure calibrate' first"):
        evaluate_clips(
            EvaluationRequest(
                dataset=small_dataset(),
                weights=tmp_path / "raw.safetensors",
                rates=RATES,
                config=CONFIG,
                seed=0,
                num_workers=1,
                on_progress=lambda *_: None,
            )
        )


def test_settings_out_of_range_are_named() -> None:
    for name in ("early_stop_frame", "num_timed_clips", "num_attention_samples", "num_attention_clips"):
        with pytest.raises(ValueError, match=f"{name}: got 0, expected at least 1"):
            EvaluationConfig(**{name: 0})
    with pytest.raises(ValueError, match="num_resamples: got 99, expected at least 100"):
        EvaluationConfig(num_resamples=99)
