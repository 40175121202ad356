"""A small run folder that hangs together: decisions from a seeded random walk, figures counted from those decisions.

What cannot be counted from them (seconds, attention, tokenizer) is drawn from the same seed.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np

from perdure.evaluation.attention_sample import AttentionSample
from perdure.evaluation.gallery import clip_row
from perdure.evaluation.stored_scores import StoredScores
from perdure.evaluation.tokenizer import KeptCrops
from perdure.files import write_json, write_json_lines, write_text
from perdure.metrics.decisions import DecisionRecord, decision_metrics, write_decisions
from perdure.report.attention_figure import attention_figure
from perdure.report.figures import confusion_figure
from perdure.report.strips import save_strip
from perdure.report.style import save_figure
from report.simulated_tracks import BOUND, HORIZON, MAX_MISSES, NUM_FRAMES, SimulatedTrack, simulated_clips

EARLY = 4
FLOPS_PER_FRAME = 2_100_000
CONFIG = """# written by perdure run
seed = 0
on_timeout = "persistent"

[world]
num_frames = 32
horizon = 16

[data]
num_train = 240
num_validation = 20
num_calibration = 180
num_test = 60

[evaluation]
early_stop_frame = 4
"""


def decision_figures(records: list[DecisionRecord], num_censored: int) -> dict[str, Any]:
    """Returns the decision fields of `evaluation_metrics.json`."""
    metrics = decision_metrics(records, num_censored=num_censored, early_stop_frame=EARLY, num_resamples=200)
    return metrics.to_dict()


def class_costs(tracks: list[SimulatedTrack], rng: np.random.Generator) -> dict[str, Any]:
    """Counts gated and ungated cost of some tracks."""
    gated = sum(track.record.frames_encoded for track in tracks)
    ungated = sum(track.num_frames for track in tracks)
    costs: dict[str, Any] = {
        "track_frames_gated": gated,
        "track_frames_ungated": ungated,
        "flops_gated": gated * FLOPS_PER_FRAME * 1.02,
        "flops_ungated": ungated * FLOPS_PER_FRAME,
        "seconds_gated": gated * 0.0021 * (1.1 + 0.02 * rng.random()),
        "seconds_ungated": ungated * 0.0021,
    }
    for name, kind in (("track_frames", "track_frames"), ("flops", "flops"), ("wall_clock", "seconds")):
        costs[f"savings_{name}"] = 1 - costs[f"{kind}_gated"] / costs[f"{kind}_ungated"]
    return costs


def efficiency_figures(tracks: list[SimulatedTrack], rng: np.random.Generator) -> dict[str, Any]:
    """Returns `efficiency_metrics.json`."""
    classes = {"all": tracks}
    for name in ("persistent", "transient"):
        classes[name] = [track for track in tracks if track.record.true_label == name]
    costs = {name: class_costs(members, rng) for name, members in classes.items()}
    timed = len({track.record.clip_id for track in tracks})

    def timing(seconds: float) -> dict[str, float]:
        shares = {"crop_s": 0.08, "extractor_s": 0.62, "evidence_s": 0.27, "rule_s": 0.03}
        return {**{name: share * seconds for name, share in shares.items()}, "tracker_s": 0.11}

    return {
        "num_frames": NUM_FRAMES,
        "max_misses": MAX_MISSES,
        "num_clips": timed,
        "num_clips_timed": timed,
        "machine": "2 cores of a test machine",
        "classes": costs,
        "timing": {kind: timing(costs["all"][f"seconds_{kind}"]) for kind in ("gated", "ungated")},
    }


def frontier_figures(metrics: dict[str, Any]) -> dict[str, Any]:
    """Returns `frontier.json`: four curves of one family, and the achieved point."""

    def curve(scale: float) -> list[dict[str, float]]:
        errors = [0.2, 0.1, 0.05, 0.02, 0.01, 0.005, 0.002, 0.001]
        return [{"total_error": e, "mean_decision_frame": 1 + scale * math.log(0.5 / e)} for e in errors]

    point = {
        "total_error": (metrics["false_confirm_rate"] + metrics["miss_rate"]) / 2,
        "mean_decision_frame": metrics["mean_decision_frame"],
    }
    curves = {"gate": 0.62, "lifetime": 0.95, "optimum_detections": 0.78, "optimum_seeing": 0.53}
    return {**{name: curve(scale) for name, scale in curves.items()}, "operating_point": point}


def attention_figures(samples: list[AttentionSample]) -> dict[str, Any]:
    """Returns `attention_analysis.json`."""
    return {
        "efficiency": 2.61,
        "efficiency_ci95": [2.44, 2.79],
        "uniform_control": 1.0,
        "shuffled_control": 1.03,
        "structure_control": 1.72,
        "gated_efficiency": 2.18,
        "gated_efficiency_ci95": [2.02, 2.35],
        "gated_shuffled_control": 1.01,
        "gated_structure_control": 1.44,
        "num_clips": 180,
        "clips": [{"clip_id": sample.clip_id, "ratio": sample.ratio} for sample in samples],
        "samples": [
            {
                "file": f"sample_{index:04d}_attention.png",
                "clip_id": sample.clip_id,
                "ratio": sample.ratio,
                "tracks": [
                    {
                        "track_id": int(sample.track_id[row]),
                        "true_label": sample.true_label[row],
                        "label": sample.label[row],
                        "decision_frame": int(sample.decision_frame[row]),
                    }
                    for row in range(len(sample.track_id))
                ],
            }
            for index, sample in enumerate(samples)
        ],
    }


def targets_of(metrics: dict[str, Any]) -> list[dict[str, Any]]:
    """Returns the four classic targets and ours."""
    figures = metrics | {
        "frames_before_optimum_of_detections": metrics["optimal_decision_frame_detections"]
        - metrics["mean_decision_frame"]
    }
    limits = {
        "accuracy": 0.80,
        "early_stop_rate": 0.60,
        "compute_savings_wall_clock": 0.50,
        "attention_efficiency": 2.0,
        "compute_savings_flops": 0.50,
        "false_confirm_rate": 0.02,
        "miss_rate": 0.02,
        "frames_before_optimum_of_detections": 0.2,
        "tokenizer_psnr_db": 27.5,
    }
    rows = [{"name": name, "target": limit, "value": figures[name]} for name, limit in limits.items()]
    for row in rows:
        is_rate = row["name"] in ("false_confirm_rate", "miss_rate")
        low = figures[f"{row['name']}_ci95"][0] if is_rate else None
        row["met"] = row["value"] > row["target"] if low is None else low <= row["target"]
    return rows


def stored_scores(tracks: list[SimulatedTrack]) -> StoredScores:
    """Returns the evidence of all tracks up to the horizon, whatever was decided."""
    evidence = np.full((len(tracks), HORIZON), np.nan)
    for row, track in enumerate(tracks):
        seen = track.evidence[: track.num_frames]
        evidence[row, : len(seen)] = seen
    records = [track.record for track in tracks]
    return StoredScores(
        clip_id=[record.clip_id for record in records],
        track_id=[record.track_id for record in records],
        is_persistent=np.array([record.true_label == "persistent" for record in records]),
        is_open=np.array([record.last_frame == NUM_FRAMES - 1 for record in records]) & np.isnan(evidence[:, -1]),
        evidence=evidence,
        horizon=HORIZON,
        on_timeout="persistent",
    )


def write_gallery(folder: Path, samples: list[AttentionSample]) -> None:
    """Writes clips to play, and crops beside copies that are a little darker."""
    rows = []
    for index, sample in enumerate(samples):
        save_strip(sample.frames, folder / f"clip_{index:04d}.webp")
        rows.append(clip_row(sample, f"clip_{index:04d}.webp", 30.0))
    crops = np.stack([sample.frames[:6, :32, :32] for sample in samples])
    kept = KeptCrops(
        clip_id=tuple(sample.clip_id for sample in samples),
        track_id=tuple(int(sample.track_id[0]) for sample in samples),
        originals=crops,
        copies=(crops * 0.9).astype(np.uint8),
    )
    save_strip(kept.pictures(), folder / "tokenizer.png", columns=kept.num_ages)
    write_json(folder / "gallery.json", {"clips": rows, "tokenizer": {"file": "tokenizer.png", **kept.to_dict()}})


def training_rows(rng: np.random.Generator) -> list[dict[str, Any]]:
    """Returns `metrics.jsonl`."""
    rows = []
    for step in range(20, 2001, 20):
        fall = math.exp(-step / 500)
        row = {
            "stage": "train",
            "step": step,
            "persistence": 0.25 + 0.44 * fall + 0.03 * rng.normal(),
            "psnr_db": 27 - 9 * fall + 0.2 * rng.normal(),
        }
        if step % 200 == 0:
            row["validation_persistence"] = 0.27 + 0.42 * fall
            for age in (1, 2, 3, 4):
                row[f"validation_accuracy_age_{age}"] = 0.5 + (0.15 + 0.07 * age) * (1 - fall)
        rows.append(row)
    return rows


def evaluation_figures(
    tracks: list[SimulatedTrack], efficiency: dict[str, Any], attention: dict[str, Any]
) -> dict[str, Any]:
    """Returns `evaluation_metrics.json`."""
    metrics = decision_figures([track.record for track in tracks], num_censored=3)
    tracker = decision_figures([track.record for track in tracks[: len(tracks) // 2]], num_censored=5)
    costs = efficiency["classes"]["all"]
    metrics |= {
        "association": "truth",
        "optimal_decision_frame_detections": 4.02,
        "optimal_decision_frame_seeing": 2.71,
        "compute_savings_flops": costs["savings_flops"],
        "compute_savings_wall_clock": costs["savings_wall_clock"],
        "compute_savings_track_frames": costs["savings_track_frames"],
        "attention_efficiency": attention["efficiency"],
        "attention_efficiency_ci95": attention["efficiency_ci95"],
        "attention_uniform_control": attention["uniform_control"],
        "attention_shuffled_control": attention["shuffled_control"],
        "attention_structure_control": attention["structure_control"],
        "tokenizer_psnr_db": 26.8,
        "tokenizer_codes_used": 498,
        "tokenizer_perplexity": 211.4,
        "tracker": tracker,
        "lifetime_only": {"mean_decision_frame": 4.87, "total_error": 0.019},
        "controls": {
            "crop_swap": {
                "mean_decision_frame": 6.9,
                "accuracy": 0.71,
                "false_confirm_rate": 0.22,
                "miss_rate": 0.36,
            },
            "own_crops": {name: metrics[name] for name in ("mean_decision_frame", "accuracy", "miss_rate")},
            "scrambled_metadata_changed_decisions": 0,
            "shortcut_rules": {"red": 0.503, "size": 0.491, "position": 0.508},
            "attention_replaced": {
                name: {
                    "false_confirm_rate": 0.011,
                    "miss_rate": 0.012,
                    "mean_decision_frame": 3.21,
                    "changed_labels": 0.003 * place,
                }
                for place, name in enumerate(("own", "uniform", "structure"))
            },
        },
        "evidence": {
            "expected_calibration_error": [0.021, 0.019, 0.014, 0.002, None],
            "negative_log_likelihood": [0.58, 0.41, 0.24, 0.01, None],
            "reliability": [
                {"age": age, "mean_probability": 0.1 * step, "share_persistent": 0.09 * step + 0.05, "num_tracks": 9}
                for age in (1, 2)
                for step in (1, 5, 9)
            ],
            "martingale_mean": [0.97, 0.98, 1.04, 0.2, 0.2],
            "martingale_standard_error": [0.03, 0.06, 0.21, 0.2, 0.2],
            "mean_distance": 0.41,
            "mean_distance_by_age": {"1": 0.26, "2": 0.43, "3": 0.61},
        },
        "thresholds": {"upper": BOUND, "lower": -BOUND, "alpha_false_confirm": 0.02, "alpha_miss": 0.02, "delta": 0.05},
        "model": {"num_parameters": 412_388, "flops_per_frame_extractor": FLOPS_PER_FRAME},
    }
    targets = targets_of(metrics)
    return metrics | {row["name"]: row["value"] for row in targets} | {"targets": targets}


def write_run(
    root: Path, *, seed: int = 0, num_clips: int = 24, num_samples: int = 2, strength: float = 1.7
) -> list[DecisionRecord]:
    """Writes a run folder at `root` and returns its decisions.

    Args:
        root: folder, made where it is missing.
        seed: of everything.
        num_clips: clips of the test split.
        num_samples: clips that get an attention figure.
        strength: of the evidence per frame; with little of it targets are missed.
    """
    rng = np.random.default_rng([seed, 1])
    tracks, samples = simulated_clips(seed=seed, num_clips=num_clips, num_samples=num_samples, strength=strength)
    records = [track.record for track in tracks]
    efficiency, attention = efficiency_figures(tracks, rng), attention_figures(samples)
    metrics = evaluation_figures(tracks, efficiency, attention)
    for name in ("evaluation", "visualizations", "analysis", "artifacts", "checkpoints"):
        (root / name).mkdir(parents=True, exist_ok=True)
    write_json(root / "evaluation" / "evaluation_metrics.json", metrics)
    write_decisions(root / "evaluation" / "decisions.jsonl", records)
    write_json(root / "evaluation" / "frontier.json", frontier_figures(metrics))
    write_json(root / "efficiency_metrics.json", efficiency)
    write_json(root / "visualizations" / "attention_analysis.json", attention)
    stored_scores(tracks).save(root / "evaluation" / "scores.json")
    write_gallery(root / "visualizations", samples)
    write_json_lines(root / "metrics.jsonl", training_rows(rng))
    write_text(root / "config.toml", CONFIG)
    write_json(root / "run.json", {"name": root.name, "recipe": "cpu", "command": "perdure run --recipe cpu --seed 0"})
    save_figure(confusion_figure(metrics), root / "evaluation" / "confusion_matrix.png")
    for index, sample in enumerate(samples):
        save_figure(attention_figure(sample), root / "visualizations" / f"sample_{index:04d}_attention.png")
    return records
