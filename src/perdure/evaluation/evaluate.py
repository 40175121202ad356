"""Everything that is measured on the test split, from the decisions that the gate really took.

Every rate comes from the returned records; nothing here trains, calibrates or chooses anything.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from perdure.calibration.rates import Rates
from perdure.data.dataset import ClipDataset
from perdure.evaluation.attention import attention_rows, clip_attention, until_decision, whole_clip
from perdure.evaluation.calibrate import rule_for
from perdure.evaluation.config import EvaluationConfig
from perdure.evaluation.controls import count_changed_by_scrambling, shortcut_scores, with_swapped_crops
from perdure.evaluation.curves import error_curves, optimal_frames, point_at
from perdure.evaluation.decide import Association, GateSetup, StreamOutcome, decide_split
from perdure.evaluation.efficiency import measure_efficiency
from perdure.evaluation.intervention import intervention_rows
from perdure.evaluation.soundness import seeing_evidence, soundness_rows
from perdure.evaluation.stored_scores import StoredScores
from perdure.evaluation.targets import target_rows
from perdure.evaluation.tokenizer import tokenizer_quality
from perdure.gate.model import PersistenceModel
from perdure.metrics.attention import attention_efficiency
from perdure.metrics.decisions import DecisionRecord, decision_metrics
from perdure.stopping.rules import TruncatedSPRT
from perdure.stopping.sequences import run_rule
from perdure.track_table import TrackTable
from perdure.training.offline import evidence_of
from perdure.training.windows import split_windows

SPLIT = "test"
DECIDING = {"truth": "deciding with true links", "tracker": "deciding with the tracker"}
"""What is said while the gate runs over the split."""
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
    rates: Rates
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
    scores: StoredScores


def evaluate_clips(request: EvaluationRequest) -> Evaluation:
    """Returns decisions, rates, cost, attention and controls on the test split.

    Raises:
        ValueError: the weights are not calibrated, or on too few tracks for the rates.
    """
    model = PersistenceModel.load(request.weights)
    if model.calibration is None:
        raise ValueError(f"weights: {request.weights} are not calibrated; run 'perdure calibrate' first")
    rule = rule_for(model.calibration, model, request.rates)
    outcomes, tracker_outcomes = _decide(request, rule, "truth"), _decide(request, rule, "tracker")
    windows, evidence = _whole_tracks(request, model)
    metrics = _decision_part(outcomes, request.config, request.seed)
    metrics |= {"association": "truth", "tracker": _decision_part(tracker_outcomes, request.config, request.seed)}
    efficiency = _efficiency(request, model, rule) | {"num_clips": metrics["num_clips"]}
    saved = efficiency["classes"]["all"]
    metrics |= {f"compute_{name}": saved[name] for name in ("savings_flops", "savings_wall_clock")}
    metrics |= _attention_part(request, model, outcomes)
    metrics |= _tokenizer_part(model, windows)
    metrics |= _model_part(model, rule, request.rates)
    metrics["controls"] = _controls(request, model, rule, windows)
    metrics["evidence"] = soundness_rows(evidence, windows.is_persistent, _exact_evidence(request, model))
    curves = _add_curves(request, model, metrics, (windows, evidence))
    targets = target_rows(metrics, num_codes=2**model.config.tokenizer.quantizer.num_bits)
    # Figures that only a target is held to get a name of their own, so that a report can say where they stand.
    metrics |= {row["name"]: row["value"] for row in targets if row["name"] not in metrics} | {"targets": targets}
    return Evaluation(
        records=[record for outcome in outcomes for record in outcome.records],
        tracker_records=[record for outcome in tracker_outcomes for record in outcome.records],
        metrics=metrics,
        efficiency=efficiency,
        frontier=curves,
        scores=_scores(request, model, windows, evidence),
    )


def _scores(
    request: EvaluationRequest, model: PersistenceModel, windows: TrackTable, evidence: np.ndarray
) -> StoredScores:
    clip_ids = request.dataset.split(SPLIT)
    return StoredScores(
        clip_id=[clip_ids[unit] for unit in windows.unit.tolist()],
        track_id=windows.known("track_id").tolist(),
        is_persistent=windows.is_persistent,
        is_open=windows.known("is_open") & ~windows.is_valid[:, -1],
        evidence=np.where(windows.is_valid, evidence, np.nan),
        horizon=model.operation.horizon,
        on_timeout=model.operation.on_timeout,
    )


def _whole_tracks(request: EvaluationRequest, model: PersistenceModel) -> tuple[TrackTable, np.ndarray]:
    """Returns all tracks of the split up to the horizon and their evidence with everything in sight."""
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
    return windows, evidence


def _decide(request: EvaluationRequest, rule: TruncatedSPRT, association: Association) -> list[StreamOutcome]:
    return decide_split(
        request.dataset,
        SPLIT,
        GateSetup(weights=request.weights, rule=rule, association=association),
        num_workers=request.num_workers,
        on_progress=lambda done, total: request.on_progress(done, total, DECIDING[association]),
    )


def _decision_part(outcomes: list[StreamOutcome], config: EvaluationConfig, seed: int) -> dict[str, Any]:
    records = [record for outcome in outcomes for record in outcome.records]
    return decision_metrics(
        records,
        num_censored=sum(len(outcome.censored) for outcome in outcomes),
        early_stop_frame=config.early_stop_frame,
        num_resamples=config.num_resamples,
        seed=seed,
    ).to_dict()


def _efficiency(request: EvaluationRequest, model: PersistenceModel, rule: TruncatedSPRT) -> dict[str, Any]:
    clip_ids = request.dataset.split(SPLIT)[: request.config.num_timed_clips]
    return measure_efficiency(
        [request.dataset.clip(clip_id) for clip_id in clip_ids],
        model,
        rule,
        on_progress=lambda done, total: request.on_progress(done, total, "timing with and without gating"),
    )


def _attention_part(
    request: EvaluationRequest, model: PersistenceModel, outcomes: list[StreamOutcome]
) -> dict[str, Any]:
    """Returns attention efficiency on whole tracks with its controls, and that of the gated pass."""
    config = request.config
    clip_ids = request.dataset.split(SPLIT)[: config.num_attention_clips]
    ungated, gated = [], []
    for place, clip_id in enumerate(clip_ids):
        windows = whole_clip(request.dataset.clip(clip_id), model)
        age = {record.track_id: record.decision_frame for record in outcomes[place].records}
        decided = np.array([age.get(track, windows.is_valid.shape[1]) for track in range(len(windows))])
        ungated.append(clip_attention(model, windows))
        gated.append(clip_attention(model, until_decision(windows, decided)))
        request.on_progress(place + 1, len(clip_ids), "attention")
    found, live = (
        attention_efficiency(clips, seed=request.seed, num_resamples=config.num_resamples) for clips in (ungated, gated)
    )
    return attention_rows(found, live, clip_ids)


def _tokenizer_part(model: PersistenceModel, windows: TrackTable) -> dict[str, Any]:
    quality = tokenizer_quality(model, windows)
    return {
        "tokenizer_psnr_db": quality.psnr_db,
        "tokenizer_codes_used": quality.codes.codes_used,
        "tokenizer_perplexity": quality.codes.perplexity,
        "tokenizer_num_tokens": quality.codes.num_tokens,
        "tokenizer_num_dead_bits": quality.codes.num_dead_bits,
        "tokenizer_bits_per_frame": quality.bits_per_frame,
    }


def _add_curves(
    request: EvaluationRequest,
    model: PersistenceModel,
    metrics: dict[str, Any],
    tracks: tuple[TrackTable, np.ndarray],
) -> dict[str, Any]:
    """Returns error curves, and adds to the metrics what they say at the error that was reached."""
    world = request.dataset.config.world
    metrics |= optimal_frames(
        world,
        false_confirm_rate=metrics["false_confirm_rate"],
        miss_rate=metrics["miss_rate"],
        horizon=model.operation.horizon,
    )
    curves = error_curves(world, model, *tracks)
    metrics["lifetime_only"] = point_at(curves["lifetime"], metrics["total_error"])
    return curves | {"operating_point": {name: metrics[name] for name in ("total_error", "mean_decision_frame")}}


def _model_part(model: PersistenceModel, rule: TruncatedSPRT, rates: Rates) -> dict[str, Any]:
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


def _exact_evidence(request: EvaluationRequest, model: PersistenceModel) -> np.ndarray | None:
    """Returns the evidence of whoever sees everything, where the law of the world is known."""
    if not request.dataset.config.world.is_exact:
        return None
    operation = model.operation
    return seeing_evidence(request.dataset, SPLIT, operation=operation, num_ages=operation.horizon)


def _controls(
    request: EvaluationRequest, model: PersistenceModel, rule: TruncatedSPRT, windows: TrackTable
) -> dict[str, Any]:
    swapped = with_swapped_crops(windows, np.random.default_rng(request.seed))
    clip_ids = request.dataset.split(SPLIT)[: request.config.num_timed_clips]
    found: dict[str, Any] = {}
    for done, (name, shown) in enumerate((("crop_swap", swapped), ("own_crops", windows)), start=1):
        found[name] = _offline_rates(model, shown, rule)
        request.on_progress(done, 3, "controls")
    found |= {
        "scrambled_metadata_changed_decisions": count_changed_by_scrambling(
            request.dataset, clip_ids, model, rule, seed=request.seed
        ),
        "shortcut_rules": shortcut_scores(windows),
        "attention_replaced": intervention_rows(
            model, windows.take(np.flatnonzero(windows.unit < request.config.num_attention_clips)), rule
        ),
    }
    request.on_progress(3, 3, "controls")
    return found


def _offline_rates(model: PersistenceModel, windows: TrackTable, rule: TruncatedSPRT) -> dict[str, float]:
    """Returns what the bounds make of whole tracks that see each other to the end."""
    outcome = run_rule(rule, windows.sequences(evidence_of(model, windows)))
    false_confirm, miss = outcome.error_rates(windows.is_persistent)
    return {
        "accuracy": float((outcome.is_persistent == windows.is_persistent).mean()),
        "false_confirm_rate": false_confirm,
        "miss_rate": miss,
        "total_error": (false_confirm + miss) / 2,
        "mean_decision_frame": float(outcome.age.mean()),
    }
