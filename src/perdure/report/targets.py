"""Targets: what was asked, what was measured, and how both are written."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from perdure.evaluation.targets import is_met
from perdure.report.numbers import NOT_MEASURED
from perdure.report.stored_run import Fact, Place, StoredRun, fact_at

_NUMBER = re.compile(r"[-+]?\d*\.?\d+(?:[eE][-+]?\d+)?")

LOWER_IS_BETTER = ("mean_decision_frame", "total_error")
"""Figures whose target is an upper bound; that of all others is a lower one."""
HELD_BY_INTERVAL = ("false_confirm_rate", "miss_rate")
"""Rates that miss their target only if their whole interval lies above it (see evaluation, targets)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One target.

    Args:
        name: stored name of the figure.
        asked: the target as people read it.
        measured: the figure.
        is_met: whether it is met by its own figure too, whatever is stored; one without a truth value is not.
        has_interval: whether its interval decides.
    """

    name: str
    asked: Fact
    measured: Fact
    is_met: bool
    has_interval: bool


def targets_of(run: StoredRun) -> list[Target]:
    """Returns all targets of a run.

    Raises:
        ValueError: a target shows another value than the figure of its name.
    """
    return [_target(run, index, target) for index, target in enumerate(run.value("evaluation", "targets"))]


def is_passed(run: StoredRun) -> bool:
    """Returns whether a run has targets, and meets all of them."""
    found = targets_of(run)
    return bool(found) and all(target.is_met for target in found)


def _target(run: StoredRun, index: int, target: dict[str, Any]) -> Target:
    name, asked = target["name"], target["target"]
    return Target(
        name=name,
        asked=Fact(text=target_words(name, asked), value=asked, source="evaluation", key=f"targets.{index}.target"),
        measured=_measured(run, f"targets.{index}.value", name, target_limit(asked)),
        is_met=target["met"] is True and is_met(target, run.content("evaluation")),
        has_interval=name in HELD_BY_INTERVAL and run.has("evaluation", f"{name}_ci95.0"),
    )


def _measured(run: StoredRun, key: str, name: str, limit: float | None) -> Fact:
    style = "percent" if is_share(name) else "two"
    value = run.fact("evaluation", key, style, beside=limit)
    if name not in run.content("evaluation"):
        return value
    own = run.fact("evaluation", name, style, beside=limit)
    if own.value != value.value:
        raise ValueError(
            f"{run.file('evaluation')}: {key.removesuffix('.value')} gives {name} as {value.value}, but {name} is"
            f" {own.value}; run 'perdure evaluate {run.path}' again"
        )
    return own


def is_share(name: str) -> bool:
    """Returns whether a figure of that name is a share, to be written in percent.

    >>> is_share("miss_rate"), is_share("compute_savings_flops"), is_share("mean_decision_frame")
    (True, True, False)
    """
    return name == "accuracy" or name.endswith(("_rate", "_error", "_share")) or name.startswith("compute_savings")


def fitting_style(place: Place) -> str:
    """Returns how a stored figure is written, by its name."""
    return "percent" if is_share(fact_at(place).key.rpartition(".")[2]) else "plain"


def target_limit(target: Any) -> float | None:
    """Returns the number in a target, None where there is none.

    >>> target_limit("> 0.80"), target_limit(2), target_limit("better")
    (0.8, 2.0, None)
    """
    found = _NUMBER.search(str(target))
    return float(found[0]) if found else None


def target_words(name: str, target: Any) -> str:
    """Returns a target as people read it; a bare number gets the sign that its name implies.

    >>> target_words("accuracy", "> 0.80"), target_words("accuracy", 0.8), target_words("miss_rate", 0.02)
    ('> 80 %', '> 80 %', 'interval from <= 2 %')
    """
    limit = target_limit(target)
    if limit is None:
        return NOT_MEASURED if target is None else str(target)
    shown = f"{100 * limit:.10g} %" if is_share(name) else f"{limit:.10g}"
    if isinstance(target, str):
        return _NUMBER.sub(shown, target, count=1)
    if name in HELD_BY_INTERVAL:
        return f"interval from <= {shown}"
    return f"{'<=' if name in LOWER_IS_BETTER else '>'} {shown}"
