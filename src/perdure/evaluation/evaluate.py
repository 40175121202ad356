"""Everything that is measured on the test split, from the decisions that the gate really took.

Every rate comes from the returned records; nothing here trains, calibrates or chooses anything.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from perdure.data.dataset import ClipDataset
from perdure.engine.model import PersistenceModel
from perdure.engine.offline import evidence_of, lifetime_evidence
from perdure.engine.windows import TrackWindows, clip_windows, split_windows
from perdure.evaluation.attention import clip_attention, until_decision
from perdure.evaluation.calibrate import ErrorRates, rule_for
from perdure.evaluation.config import EvaluationConfig
from perdure.evaluation.controls import count_changed_by_scrambling, shortcut_scores, with_swapped_crops
from perdure.evaluation.decide import Association, ClipOutcome, decide_split
from perdure.evaluation.efficiency import measure_efficiency
from perdure.evaluation.sweep import sweep_bounds
from perdure.evaluation.targets import target_rows
from perdure.evaluation.tokenizer import tokenizer_quality
from perdure.metrics.attention import AttentionEfficiency, attention_efficiency
from perdure.metrics.decisions import DecisionRecord, decision_metrics
from perdure.stopping.dynamic_program import TrackLaw
from perdure.stopping.oracle import frontier, optimal_frame_at
from perdure.stopping.rules import TruncatedSPRT
from perdure.stopping.sequences import TrackSequences, run_rule
from perdure.world.config import WorldConfig

SPLIT = "test"
Progress = Callable[[int, int, str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationRequest:
    """What is evaluated.

    Args:
        dataset: with a test split.
        weights: calibrated weights.
        rates: what the bounds must guarantee.
        config: what is measured, and how often.
        seed: of resampling and of controls.
        num_workers: processes that run clips.
        on_progress: told the part's done, total and name.
    """

    dataset: ClipDataset
    weights: Path
    rates: ErrorRates
    config: EvaluationConfig
    seed: int
    num_workers: int
    on_progress: Progress


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """All results: what the files of the run folder hold."""

    records: list[DecisionRecord]
    tracker_records: list[DecisionRecord]
    metrics: dict[str, Any]
    efficiency: dict[str, Any]
    frontier: dict[str, Any]


def evaluate(request: EvaluationRequest) -> Evaluation:
    """Returns decisions, rates, cost, attention and controls on the test split."""
    model = PersistenceModel.load(request.weights)
    if model.calibration is None:
        raise ValueError(f"weights: {request.weights} are not calibrated; run 'perdure calibrate' first")
    rule = rule_for(model.calibration, model, request.rates)
    outcomes = _decide(request, rule, "truth")
    tracker_outcomes = _decide(request, rule, "tracker")
    windows = split_windows(
        request.dataset,
        SPLIT,
        operation=model.operation,
        num_ages=model.operation.horizon,
        num_workers=request.num_workers,
        on_progress=lambda done, total: request.on_progress(done, total, "cutting out tracks"),
    )
    evidence = evidence_of(
        model, windows, on_progress=lambda done, total: request.on_progress(done, total, "evidence of whole tracks")
    )
    metrics = _decision_part(outcomes, request.config, request.seed)
    metrics |= {"association": "truth", "tracker": _decision_part(tracker_outcomes, request.config, request.seed)}
    metrics |= _optimum_part(request.dataset.config.world, metrics, rule)
    efficiency = _efficiency(request, model, rule) | {"num_clips": metrics["num_clips"]}
    metrics |= {
        "compute_savings_flops": efficiency["classes"]["all"]["savings_flops"],
        "compute_savings_wall_clock": efficiency["classes"]["all"]["savings_wall_clock"],
    }
    metrics |= attention_part(request, model, outcomes)
    quality = tokenizer_quality(model, windows)
    metrics |= {
        "tokenizer_psnr_db": quality.psnr_db,
        "tokenizer_codes_used": quality.codes.codes_used,
        "tokenizer_perplexity": quality.codes.perplexity,
        "tokenizer_num_tokens": quality.codes.num_tokens,
        "tokenizer_num_dead_bits": quality.codes.num_dead_bits,
        "tokenizer_bits_per_frame": quality.bits_per_frame,
    }
    metrics |= _model_part(model, rule, request.rates)
    curves = _frontier_part(request.dataset.config.world, model, windows, evidence)
    metrics["lifetime_only"] = _lifetime_row(curves["lifetime"], metrics["total_error"])
    metrics["controls"] = _controls(request, model, rule, windows)
    metrics["targets"] = target_rows(metrics, num_codes=2**model.config.tokenizer.quantizer.num_bits)
    curves["operating_point"] = {name: metrics[name] for name in ("total_error", "mean_decision_frame")}
    return Evaluation(
        records=[record for outcome in outcomes for record in outcome.records],
        tracker_records=[record for outcome in tracker_outcomes for record in outcome.records],
        metrics=metrics,
        efficiency=efficiency,
        frontier=curves,
    )


def _decide(request: EvaluationRequest, rule: TruncatedSPRT, association: Association) -> list[ClipOutcome]:
    return decide_split(
        request.dataset,
        SPLIT,
        weights=request.weights,
        rule=rule,
        association=association,
        num_workers=request.num_workers,
        on_progress=lambda done, total: request.on_progress(done, total, f"deciding, association by {association}"),
    )


def _decision_part(outcomes: list[ClipOutcome], config: EvaluationConfig, seed: int) -> dict[str, Any]:
    records = [record for outcome in outcomes for record in outcome.records]
    return decision_metrics(
        records,
        num_censored=sum(len(outcome.censored) for outcome in outcomes),
        early_stop_frame=config.early_stop_frame,
        num_resamples=config.num_resamples,
        seed=seed,
    ).to_dict()


def track_law(world: WorldConfig, *, horizon: int) -> TrackLaw:
    """Returns the law that tracks of a world follow, for the exact optima."""
    longest = max(world.transient_lifetimes)
    share = 1 / len(world.transient_lifetimes)
    pmf = tuple(share * world.transient_lifetimes.count(life) for life in range(1, longest + 1))
    return TrackLaw(
        detection_probability=world.detection_probability,
        false_alarm_probability=world.false_alarm_probability,
        cue_strength=world.cue_strength,
        persistent_share=world.persistent_share,
        lifetime_pmf=pmf,
        horizon=horizon,
    )


def _optimum_part(world: WorldConfig, metrics: dict[str, Any], rule: TruncatedSPRT) -> dict[str, Any]:
    """Returns both optima at the error rates that were reached."""
    law = track_law(world, horizon=rule.horizon)
    rates = {"false_confirm_rate": metrics["false_confirm_rate"], "miss_rate": metrics["miss_rate"]}
    return {
        "optimal_decision_frame_detections": _finite(optimal_frame_at(law, **rates), rule.horizon),
        "optimal_decision_frame_seeing": _finite(optimal_frame_at(law.seeing(), **rates), rule.horizon),
    }


def _finite(frame: float, horizon: int) -> float:
    """Returns the horizon where no rule keeps the rates before it."""
    return frame if math.isfinite(frame) else float(horizon)


def _efficiency(request: EvaluationRequest, model: PersistenceModel, rule: TruncatedSPRT) -> dict[str, Any]:
    clip_ids = request.dataset.split(SPLIT)[: request.config.num_timed_clips]
    return measure_efficiency(
        [request.dataset.clip(clip_id) for clip_id in clip_ids],
        model,
        rule,
        on_progress=lambda done, total: request.on_progress(done, total, "timing with and without gating"),
    )


def attention_part(
    request: EvaluationRequest, model: PersistenceModel, outcomes: list[ClipOutcome]
) -> dict[str, Any]:
    """Returns attention efficiency on whole tracks with its controls, and that of the gated pass."""
    ungated, gated = [], []
    clip_ids = request.dataset.split(SPLIT)[: request.config.num_attention_clips]
    for place, clip_id in enumerate(clip_ids):
        windows = clip_windows_of(request.dataset, clip_id, model)
        age = {record.track_id: record.decision_frame for record in outcomes[place].records}
        decided = np.array([age.get(track, windows.is_valid.shape[1]) for track in range(len(windows))])
        ungated.append(clip_attention(model, windows))
        gated.append(clip_attention(model, until_decision(windows, decided)))
        request.on_progress(place + 1, len(clip_ids), "attention")
    options = {"seed": request.seed, "num_resamples": request.config.num_resamples}
    found, live = attention_efficiency(ungated, **options), attention_efficiency(gated, **options)
    return _attention_rows(found, live, clip_ids)


def clip_windows_of(dataset: ClipDataset, clip_id: str, model: PersistenceModel) -> TrackWindows:
    """Returns all tracks of one clip over all of its frames."""
    clip = dataset.clip(clip_id)
    return clip_windows(clip, 0, operation=model.operation, num_ages=clip.num_frames)


def _attention_rows(found: AttentionEfficiency, live: AttentionEfficiency, clip_ids: list[str]) -> dict[str, Any]:
    return {
        "attention_efficiency": found.efficiency,
        "attention_efficiency_ci95": list(found.efficiency_ci95),
        "attention_uniform_control": found.uniform_control,
        "attention_shuffled_control": found.shuffled_control,
        "attention_structure_control": found.structure_control,
        "attention_efficiency_gated": live.efficiency,
        "attention_num_clips": len(found.ratios),
        "attention_clips": [
            {"clip_id": clip_ids[index], "ratio": ratio}
            for index, ratio in zip(found.clip_index, found.ratios, strict=True)
        ],
    }


def _model_part(model: PersistenceModel, rule: TruncatedSPRT, rates: ErrorRates) -> dict[str, Any]:
    return {
        "thresholds": {
            "upper": rule.upper,
            "lower": rule.lower,
            "alpha_false_confirm": rates.max_false_confirm,
            "alpha_miss": rates.max_miss,
            "delta": rates.delta,
        },
        "model": {
            "num_parameters": sum(value.numel() for value in model.parameters()),
            "flops_per_frame_extractor": model.extractor.flops_per_frame,
        },
    }


def _frontier_part(
    world: WorldConfig, model: PersistenceModel, windows: TrackWindows, evidence: np.ndarray
) -> dict[str, Any]:
    """Returns mean frame against total error for all bounds: ours, lifetime evidence alone, and both optima."""
    operation = model.operation
    options = {"horizon": operation.horizon, "is_timeout_persistent": operation.on_timeout == "persistent"}
    lifetime = np.where(windows.is_valid, lifetime_evidence(windows, model.lifetime), np.nan)
    law = track_law(world, horizon=operation.horizon)
    rows: dict[str, Any] = {
        "gate": sweep_bounds(evidence, windows.is_persistent, **options).to_rows(),
        "lifetime": sweep_bounds(lifetime, windows.is_persistent, **options).to_rows(),
    }
    for name, bound in (("optimum_detections", law), ("optimum_seeing", law.seeing())):
        curve = frontier(bound)
        pairs = zip(curve.total_error.tolist(), curve.mean_decision_frame.tolist(), strict=True)
        rows[name] = [{"total_error": error, "mean_decision_frame": frame} for error, frame in pairs]
    return rows


def _lifetime_row(rows: list[dict[str, float]], total_error: float) -> dict[str, float]:
    """Returns what lifetime evidence alone needs at the same total error, or at the least that it reaches."""
    errors = np.array([row["total_error"] for row in rows])
    frames = np.array([row["mean_decision_frame"] for row in rows])
    reached = max(total_error, float(errors[0]))
    return {"total_error": reached, "mean_decision_frame": float(np.interp(reached, errors, frames))}


def _controls(
    request: EvaluationRequest, model: PersistenceModel, rule: TruncatedSPRT, windows: TrackWindows
) -> dict[str, Any]:
    swapped = with_swapped_crops(windows, np.random.default_rng(request.seed))
    clip_ids = request.dataset.split(SPLIT)[: request.config.num_timed_clips]
    return {
        "crop_swap": _offline_rates(model, swapped, rule),
        "own_crops": _offline_rates(model, windows, rule),
        "scrambled_metadata_changed_decisions": count_changed_by_scrambling(
            request.dataset, clip_ids, model, rule, seed=request.seed
        ),
        "shortcut_rules": shortcut_scores(windows),
    }


def _offline_rates(model: PersistenceModel, windows: TrackWindows, rule: TruncatedSPRT) -> dict[str, float]:
    """Returns what the bounds make of whole tracks that see each other to the end."""
    evidence = np.nan_to_num(evidence_of(model, windows))
    outcome = run_rule(rule, TrackSequences(evidence=evidence, is_hit=windows.is_hit, is_valid=windows.is_valid))
    false_confirm, miss = outcome.error_rates(windows.is_persistent)
    return {
        "accuracy": float((outcome.is_persistent == windows.is_persistent).mean()),
        "false_confirm_rate": false_confirm,
        "miss_rate": miss,
        "total_error": (false_confirm + miss) / 2,
        "mean_decision_frame": float(outcome.age.mean()),
    }

