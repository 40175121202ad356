"""Goals: met above their bound, error rates up to their interval."""

from __future__ import annotations

from typing import Any

import pytest

from perdure.evaluation.targets import target_rows

GOOD: dict[str, Any] = {
    "accuracy": 0.98,
    "early_stop_rate": 0.7,
    "compute_savings_wall_clock": 0.6,
    "compute_savings_flops": 0.7,
    "attention_efficiency": 2.5,
    "attention_structure_control": 1.2,
    "false_confirm_rate": 0.01,
    "false_confirm_rate_ci95": [0.005, 0.018],
    "miss_rate": 0.012,
    "miss_rate_ci95": [0.006, 0.02],
    "optimal_decision_frame_detections": 4.5,
    "mean_decision_frame": 4.0,
    "tokenizer_psnr_db": 23.0,
    "tokenizer_codes_used": 600,
    "thresholds": {"alpha_false_confirm": 0.02, "alpha_miss": 0.03},
}


def rows(**changes: Any) -> dict[str, dict[str, Any]]:
    return {row["name"]: row for row in target_rows({**GOOD, **changes}, num_codes=1024)}


def missed(**changes: Any) -> list[str]:
    return [name for name, row in rows(**changes).items() if not row["met"]]


def test_a_good_run_meets_every_goal_and_the_classic_ones_come_first() -> None:
    assert missed() == []
    assert list(rows())[:4] == [
        "accuracy", "early_stop_rate", "compute_savings_wall_clock", "attention_efficiency"
    ]  # fmt: skip
    assert [row["target"] for row in rows().values()][:4] == [0.80, 0.60, 0.50, 2.0]
    assert all(type(row["met"]) is bool for row in rows().values())


@pytest.mark.parametrize(
    ("name", "bound"),
    [
        ("accuracy", 0.80),
        ("early_stop_rate", 0.60),
        ("compute_savings_wall_clock", 0.50),
        ("compute_savings_flops", 0.50),
        ("tokenizer_psnr_db", 21.5),
    ],
)
def test_a_goal_is_met_strictly_above_its_bound(name: str, bound: float) -> None:
    assert missed(**{name: bound}) == [name]
    assert missed(**{name: bound + 1e-9}) == []
    assert rows(**{name: bound})[name]["value"] == bound


@pytest.mark.parametrize(("name", "alpha"), [("false_confirm_rate", 0.02), ("miss_rate", 0.03)])
def test_a_rate_is_missed_only_if_its_whole_interval_lies_above(name: str, alpha: float) -> None:
    above = {name: 2 * alpha, f"{name}_ci95": [alpha, 4 * alpha]}
    assert missed(**above) == []
    assert rows(**above)[name] == {"name": name, "target": alpha, "value": 2 * alpha, "met": True}
    assert missed(**{name: 2 * alpha, f"{name}_ci95": [alpha + 1e-9, 4 * alpha]}) == [name]


def test_attention_must_exceed_two_and_its_structure_control() -> None:
    assert missed(attention_efficiency=2.0) == ["attention_efficiency"]
    assert missed(attention_structure_control=2.5) == ["attention_over_structure_control"]
    assert rows()["attention_over_structure_control"]["value"] == pytest.approx(2.5 / 1.2)


def test_decisions_must_come_before_the_optimum_of_detections() -> None:
    assert rows()["frames_before_optimum_of_detections"]["value"] == pytest.approx(0.5)
    assert missed(mean_decision_frame=4.3001) == ["frames_before_optimum_of_detections"]
    assert missed(mean_decision_frame=4.2999) == []


def test_codes_are_counted_as_a_share_of_the_book() -> None:
    assert rows()["tokenizer_codes_used_share"]["value"] == 600 / 1024
    assert missed(tokenizer_codes_used=358) == ["tokenizer_codes_used_share"]
    assert missed(tokenizer_codes_used=359) == []
