"""Which goals a run is held to, and whether it meets them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

RATES = ("false_confirm_rate", "miss_rate")
"""Goals that are missed only if the whole interval lies above them."""
GAIN_OVER_DETECTIONS = 0.2
"""Frames by which decisions must come before the optimum of any rule that sees detections alone."""


def target_rows(metrics: dict[str, Any], *, num_codes: int) -> list[dict[str, Any]]:
    """Returns one row per goal: `name`, `target` (bound), `value`, `met`; a bound is exclusive where a name says so.

    Error rates are held to their bound up to their interval: the goal is missed if the whole interval lies above it.
    The first four rows are the classic ones.
    """
    thresholds = metrics["thresholds"]
    gain = metrics["optimal_decision_frame_detections"] - metrics["mean_decision_frame"]
    return [
        _above("accuracy", metrics["accuracy"], 0.80),
        _above("early_stop_rate", metrics["early_stop_rate"], 0.60),
        _above("compute_savings_wall_clock", metrics["compute_savings_wall_clock"], 0.50),
        _above("attention_efficiency", metrics["attention_efficiency"], 2.0),
        _above("compute_savings_flops", metrics["compute_savings_flops"], 0.50),
        _rate("false_confirm_rate", metrics, thresholds["alpha_false_confirm"]),
        _rate("miss_rate", metrics, thresholds["alpha_miss"]),
        _above("attention_over_structure_control",
               metrics["attention_efficiency"] / metrics["attention_structure_control"], 1.0),
        _above("frames_before_optimum_of_detections", gain, GAIN_OVER_DETECTIONS),
        _above("tokenizer_psnr_db", metrics["tokenizer_psnr_db"], 21.5),
        _above("tokenizer_codes_used_share", metrics["tokenizer_codes_used"] / num_codes, 0.35),
    ]  # fmt: skip


def is_met(row: Mapping[str, Any], metrics: Mapping[str, Any]) -> bool:
    """Returns whether a stored goal is met by its own figures, whatever it says.

    >>> is_met({"name": "accuracy", "target": 0.8, "value": 0.7, "met": True}, {})
    False

    Args:
        row: `name`, `target` (a number, or a sign and a number) and `value`.
        metrics: the figures that it stands among.
    """
    name, target, value = row["name"], row["target"], row["value"]
    if value is None:
        return False
    if isinstance(target, str):
        sign, _, limit = target.strip().partition(" ")
        return bool({">": value > float(limit), "<": value < float(limit), "<=": value <= float(limit)}[sign])
    held = metrics.get(f"{name}_ci95")
    if held is not None and name in RATES:
        return bool(held[0] <= target)
    return bool(target < value)


def _above(name: str, value: float, target: float) -> dict[str, Any]:
    return {"name": name, "target": target, "value": value, "met": bool(value > target)}


def _rate(name: str, metrics: dict[str, Any], target: float) -> dict[str, Any]:
    low = metrics[f"{name}_ci95"][0]
    return {"name": name, "target": target, "value": metrics[name], "met": bool(low <= target)}
