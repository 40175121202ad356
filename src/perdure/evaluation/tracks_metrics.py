"""Everything that is measured on left-out sequences, from the decisions that the gates really took on them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from perdure.bench.confirmation import lower_limit
from perdure.bench.confirmation_bench import MIN_FALSE
from perdure.bench.confirmation_methods import DETECTIONS, NETWORK, PIXELS
from perdure.calibration.rates import Rates
from perdure.metrics.decisions import DecisionRecord, decision_metrics
from perdure.metrics.intervals import binomial_interval
from perdure.stopping.rules import TruncatedSPRT

TOGETHER = "all clips"
"""Name of the one row that stands for all clips."""
TARGET_CAP = 0.03
"""False-confirm rate at which a run is held to be faster than the M-of-N baseline (tuned)."""


def tracks_metrics(
    records: Sequence[DecisionRecord],
    rows: Sequence[Mapping[str, Any]],
    rules: Sequence[TruncatedSPRT],
    *,
    num_censored: int,
    rates: Rates,
    early_stop_frame: int,
    num_resamples: int,
    seed: int,
    is_one_sequence: bool = False,
) -> dict[str, Any]:
    """Returns all rates, the comparison with M-of-N baselines and learned opponents, and the targets, ready for JSON.

    Args:
        records: decisions of gates that had not seen the sequence.
        rows: of the benchmark on the same splits.
        rules: of the gates, one a fold.
        num_censored: tracks that were left out.
        rates: what the bounds had to guarantee.
        early_stop_frame: largest age that counts as early.
        num_resamples: bootstrap resamples.
        seed: of the bootstrap.
        is_one_sequence: whether the guarantee is judged on all together, since single ones are short clips.
    """
    metrics = decision_metrics(
        records,
        num_censored=num_censored,
        early_stop_frame=early_stop_frame,
        num_resamples=num_resamples,
        seed=seed,
    ).to_dict()
    judged_as = [replace(record, clip_id=TOGETHER) for record in records] if is_one_sequence else records
    sequences = sequence_rows(judged_as, rates.max_false_confirm)
    judged = [row for row in sequences if row["is_kept"] is not None]
    metrics |= {
        "thresholds": {
            "alpha_false_confirm": rates.max_false_confirm,
            "alpha_miss": rates.max_miss,
            "folds": [{name: _finite(getattr(rule, name)) for name in ("upper", "lower")} for rule in rules],
        },
        "sequences": sequences,
        "num_sequences_judged": len(judged),
        "num_sequences_kept": sum(row["is_kept"] for row in judged),
        "confirmation": list(rows),
        "cost_minus_hand": _own_row(rows, TARGET_CAP)["cost_minus_hand"],
    }
    return metrics | {"targets": _targets(metrics)}


def sequence_rows(records: Sequence[DecisionRecord], max_false_confirm: float | None) -> list[dict[str, Any]]:
    """Returns counts and rates of each sequence, in order of name.

    `is_kept` says whether the exact one-sided 95 % lower limit of its false-confirm rate is at most what was
    guaranteed; None where there are too few transient tracks to tell, or nothing was guaranteed.
    """
    rows = []
    for name in sorted({record.clip_id for record in records}):
        own = [record for record in records if record.clip_id == name]
        true = [record for record in own if record.true_label == "persistent"]
        false = [record for record in own if record.true_label == "transient"]
        num_false_confirms = sum(record.label == "persistent" for record in false)
        num_confirmed = sum(record.label == "persistent" for record in true)
        is_kept = None
        if max_false_confirm is not None and len(false) >= MIN_FALSE:
            is_kept = lower_limit(num_false_confirms, len(false)) <= max_false_confirm
        rows.append(
            {
                "name": name,
                "num_persistent": len(true),
                "num_confirmed": num_confirmed,
                "num_transient": len(false),
                "num_false_confirms": num_false_confirms,
                "false_confirm_rate": num_false_confirms / len(false) if false else None,
                "false_confirm_rate_ci95": list(binomial_interval(num_false_confirms, len(false))),
                "is_kept": is_kept,
            }
        )
    return rows


def _finite(bound: float) -> float | None:
    """Returns a bound; None for one that is never reached, which JSON has no number for."""
    return bound if math.isfinite(bound) else None


def _own_row(rows: Sequence[Mapping[str, Any]], cap: float) -> Mapping[str, Any]:
    """Returns the row of what decided: the network, else the forest, with pixels where there are any."""
    own = {row["method"]: row for row in rows if row["fa_cap"] == cap}
    return own.get(NETWORK) or own.get(PIXELS) or own[DETECTIONS]


def _targets(metrics: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Returns one row per goal, as `target_rows` does for the synthetic world."""
    rows: list[dict[str, Any]] = []
    alpha, rate = metrics["thresholds"]["alpha_false_confirm"], metrics["false_confirm_rate"]
    if alpha is not None and rate is not None:
        is_met = bool(metrics["false_confirm_rate_ci95"][0] <= alpha)
        rows.append({"name": "false_confirm_rate", "target": alpha, "value": rate, "met": is_met})
    difference = metrics["cost_minus_hand"]
    rows.append({"name": "cost_minus_hand", "target": "< 0", "value": difference, "met": bool(difference < 0)})
    return rows
