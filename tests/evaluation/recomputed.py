"""Decision metrics from `decisions.jsonl` in plain Python, sharing no code with `perdure.metrics`."""

from __future__ import annotations

import json
from fractions import Fraction
from math import comb
from pathlib import Path
from typing import Any


def tail(num: int, hits: int, rate: Fraction) -> Fraction:
    """Returns P(Binomial(num, rate) >= hits), exactly."""
    return sum((comb(num, k) * rate**k * (1 - rate) ** (num - k) for k in range(hits, num + 1)), start=Fraction(0))


def clopper_pearson(hits: int, num: int) -> list[float]:
    """Returns the exact 95 % interval of a rate by bisection to 2^-30."""

    def solve(is_above: Any) -> float:
        low, high = Fraction(0), Fraction(1)
        for _ in range(30):
            middle = (low + high) / 2
            low, high = (low, middle) if is_above(middle) else (middle, high)
        return float((low + high) / 2)

    alpha = Fraction(25, 1000)
    lower = 0.0 if hits == 0 else solve(lambda rate: tail(num, hits, rate) > alpha)
    upper = 1.0 if hits == num else solve(lambda rate: 1 - tail(num, hits + 1, rate) < alpha)
    return [lower, upper]


def recomputed(path: Path, *, early_stop_frame: int) -> dict[str, Any]:
    """Returns every metric that the file alone determines, under the names of `evaluation_metrics.json`."""
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    matrix = {truth: {label: 0 for label in ("persistent", "transient")} for truth in ("persistent", "transient")}
    ages: dict[str, list[int]] = {"persistent": [], "transient": []}
    spent = possible = early = right = 0
    for row in rows:
        matrix[row["true_label"]][row["label"]] += 1
        ages[row["true_label"]].append(row["decision_frame"])
        spent += row["frames_encoded"]
        possible += row["last_frame"] - row["first_frame"] + 1
        early += row["decision_frame"] <= early_stop_frame
        right += row["true_label"] == row["label"]
    num_persistent, num_transient = len(ages["persistent"]), len(ages["transient"])
    false_confirms, misses = matrix["transient"]["persistent"], matrix["persistent"]["transient"]
    both = ages["persistent"] + ages["transient"]
    return {
        "num_clips": len({row["clip_id"] for row in rows}),
        "num_tracks": len(rows),
        "accuracy": right / len(rows),
        "accuracy_ci95": clopper_pearson(right, len(rows)),
        "confusion_matrix": matrix,
        "false_confirm_rate": false_confirms / num_transient,
        "false_confirm_rate_ci95": clopper_pearson(false_confirms, num_transient),
        "miss_rate": misses / num_persistent,
        "miss_rate_ci95": clopper_pearson(misses, num_persistent),
        "total_error": (false_confirms / num_transient + misses / num_persistent) / 2,
        "early_stop_rate": early / len(rows),
        "mean_decision_frame": sum(both) / len(both),
        "mean_decision_frame_persistent": sum(ages["persistent"]) / num_persistent,
        "mean_decision_frame_transient": sum(ages["transient"]) / num_transient,
        "track_frames_gated": spent,
        "track_frames_ungated": possible,
        "compute_savings_track_frames": 1 - spent / possible,
    }
