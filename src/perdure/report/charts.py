"""The charts of pages: what each shows, as plain data with the file and key behind every number.

Drawn in the browser, so that they follow its width, its colours and its reader. There are three kinds: `lines` through
points, `rows` of values with intervals, and `bars` of counts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from perdure.metrics.decisions import LABELS
from perdure.report.chart_parts import Spec, line, row, rows_chart
from perdure.report.choice import early_stop_frame
from perdure.report.figures import CLASSES, COST_KINDS, saving_key
from perdure.report.numbers import format_value
from perdure.report.stored_run import STORED_FILES, StoredRun
from perdure.report.tracks_figures import MAX_SEQUENCES, SHOWN

CURVES = (
    ("optimum_detections", "optimum of any rule that sees detections only", "detections", "solid"),
    ("optimum_seeing", "full-observation bound", "seeing", "solid"),
    ("lifetime", "lifetime evidence alone, no picture", "lifetime", "dashed"),
    ("gate", "this gate, all bounds", "gate", "solid"),
)
"""(key in frontier.json, words, look, line)."""
SMALLEST_ERROR = 1e-5
"""Points without any error cannot stand on a logarithmic axis and are left out of the line."""
CLASS_WORDS = {"all": "all tracks", "persistent": "persistent", "transient": "transient"}


@dataclass(frozen=True, slots=True)
class ChartPlan:
    """One chart.

    Args:
        build: makes it from a run; None where the run has nothing to show.
        sources: short names of the stored files it shows.
    """

    build: Callable[[StoredRun], Spec | None]
    sources: tuple[str, ...]


def _frontier(run: StoredRun) -> Spec:
    age, error = "mean_decision_frame", "total_error"
    series = [
        line(run, "frontier", key, (age, error), name=name, look=look, line=style, least=SMALLEST_ERROR)
        for key, name, look, style in CURVES
        if run.has("frontier", key)
    ]
    at = {"file": STORED_FILES["frontier"][0], "key": "operating_point", "fields": [age, error]}
    point = run.value("frontier", "operating_point")
    marks = [{"name": "this run", "look": "gate", **at, "points": [[point[age], point[error]]]}] if point[error] else []
    return {
        "kind": "lines",
        "title": "Error against frames",
        "x": {"label": "mean age at decision, frames", "style": "two"},
        "y": {"label": "total error", "style": "percent", "scale": "log"},
        "series": [one for one in series if one["points"]],
        "marks": marks,
    }


def _optima(run: StoredRun) -> Spec:
    rows = [
        ("optimal_decision_frame_seeing", "full-observation bound", "seeing"),
        ("mean_decision_frame", "this gate", "gate"),
        ("optimal_decision_frame_detections", "optimum of detections only", "detections"),
        ("lifetime_only.mean_decision_frame", "lifetime evidence alone", "lifetime"),
    ]
    known = [
        row(run, "evaluation", key, name, look=look, bar=True) for key, name, look in rows if run.has("evaluation", key)
    ]
    return rows_chart(
        "Mean age at decision beside what is possible", known, "mean age at decision, frames (birth = 1)", 1.0
    )


def _ages(run: StoredRun) -> Spec:
    kinds: tuple[tuple[str, str, dict[str, Any]], ...] = (
        ("right", "own", {"is_right": True, "decided": True}),
        ("right, forced at the horizon", "forced", {"is_right": True, "decided": False}),
        ("wrong", "wrong", {"is_right": False}),
    )
    file = STORED_FILES["decisions"][0]
    panels = []
    for truth in LABELS:
        series = []
        for name, look, where in kinds:
            wanted = {"true_label": truth, **where}
            counts = Counter(
                record.decision_frame
                for record in run.records
                if all(getattr(record, field) == value for field, value in wanted.items())
            )
            if counts:
                shown = truth if look == "own" else f"{truth} forced" if look == "forced" else look
                series.append(
                    {"name": name, "look": shown, "file": file, "where": wanted, "counts": sorted(counts.items())}
                )
        panels.append({"title": f"truly {truth}", "look": truth, "series": series})
    return {
        "kind": "bars",
        "title": "Age at decision by class",
        "early": early_stop_frame(run),
        "x": {"label": "age at decision, frames (birth = 1)"},
        "y": {"label": "tracks"},
        "panels": panels,
    }


def _attention(run: StoredRun) -> Spec:
    passes = (
        ("gate", "The gate as it runs", "gated_efficiency", "gated_"),
        ("detections", "Every track on every frame (ungated)", "efficiency", ""),
    )
    panels = []
    for look, title, key, prefix in passes:
        rows = [row(run, "attention", key, "attention efficiency", look=look, interval=f"{key}_ci95")]
        for control, words in (("structure", "structure control"), ("shuffled", "shuffled labels")):
            name = f"{prefix}{control}_control"
            if run.has("attention", name):
                rows.append(row(run, "attention", name, words, look="muted"))
        panels.append({"title": title, "rows": rows})
    return {
        "kind": "rows",
        "title": "Attention efficiency and its controls",
        "x": {"label": "attention on persistent / on transient tokens; one is no preference", "from": 0, "at": 1},
        "panels": panels,
    }


def _compute(run: StoredRun) -> Spec:
    panels = []
    for title, kind, style in COST_KINDS:
        rows = []
        for name in CLASSES:
            saved = format_value(run.value("efficiency", f"classes.{name}.{saving_key(kind)}"), "percent")
            at, words = f"classes.{name}.{kind}", CLASS_WORDS[name]
            rows.append(
                row(run, "efficiency", f"{at}_ungated", f"{words}, ungated", style=style, look="faint", bar=True)
            )
            rows.append(
                row(run, "efficiency", f"{at}_gated", f"gated, saves {saved}", style=style, look=name, bar=True)
            )
        panels.append({"title": title, "rows": rows})
    return {"kind": "rows", "title": "Cost with and without gating", "x": {"label": "", "from": 0}, "panels": panels}


def _reliability(run: StoredRun) -> Spec | None:
    if not run.has("evaluation", "evidence.reliability"):
        return None
    rows = run.value("evaluation", "evidence.reliability")
    fields = ("mean_probability", "share_persistent")
    ages = sorted({one["age"] for one in rows})
    series = [
        line(run, "evaluation", "evidence.reliability", fields, name=f"age {age}", look=f"age-{place + 1}",
             where={"age": age}, line="dotted")
        for place, age in enumerate(ages)
    ]  # fmt: skip
    return {
        "kind": "lines",
        "title": "What was said, and how often it was so",
        "x": {"label": "probability of persistent, as said", "style": "percent", "from": 0, "to": 1},
        "y": {"label": "share that was persistent", "style": "percent", "from": 0, "to": 1},
        "series": series,
        "diagonal": True,
    }


def _training(run: StoredRun) -> Spec:
    series = [
        line(run, "training", "", ("step", field), name=name, look=look, where={"stage": "train"})
        for field, name, look in (
            ("persistence", "training", "detections"),
            ("validation_persistence", "validation", "gate"),
        )
    ]
    return _over_steps("Persistence loss", "nats", series)


def _validation(run: StoredRun) -> Spec | None:
    series = [
        line(run, "training", "", ("step", f"validation_accuracy_age_{age}"), name=f"age {age}", look=f"age-{age}",
             where={"stage": "train"})
        for age in (1, 2, 3, 4)
    ]  # fmt: skip
    return _over_steps("Validation accuracy by age", "accuracy", series, style="percent")


def _over_steps(title: str, label: str, series: list[Spec], *, style: str = "two") -> Spec:
    return {
        "kind": "lines",
        "title": title,
        "x": {"label": "step", "style": "count", "from": 0},
        "y": {"label": label, "style": style},
        "series": [one for one in series if one["points"]],
    }


def _cost_at_rates(run: StoredRun) -> Spec:
    rows = run.value("evaluation", "confirmation")
    caps = list(dict.fromkeys(one["fa_cap"] for one in rows if one["fa_cap"] is not None))
    panels = []
    for cap in caps:
        shown = []
        for place, one in enumerate(rows):
            if one["fa_cap"] == cap:
                look = "gate" if one["method"].startswith("perdure") else "muted"
                name, at = SHOWN.get(one["method"], one["method"]), f"confirmation.{place}"
                shown.append(row(run, "evaluation", f"{at}.cost", name, look=look, interval=f"{at}.ci95"))
        panels.append({"title": f"at most {format_value(cap, 'percent')} false confirms", "rows": shown})
    label = "cost: mean age at which a persistent track is confirmed, a miss charged 9"
    return {
        "kind": "rows",
        "title": "Frames to confirm a persistent track",
        "x": {"label": label, "from": 1},
        "panels": panels,
    }


def _sequences(run: StoredRun) -> Spec:
    limit_key = "thresholds.alpha_false_confirm"
    limit = run.value("evaluation", limit_key) if run.has("evaluation", limit_key) else None
    stored: Sequence[Mapping[str, Any]] = run.value("evaluation", "sequences")
    known = [place for place, one in enumerate(stored) if one["false_confirm_rate"] is not None]
    shown = sorted(known, key=lambda place: -stored[place]["num_transient"])[:MAX_SEQUENCES]
    rows = []
    for place in shown:
        at = f"sequences.{place}"
        is_above = limit is not None and stored[place]["false_confirm_rate_ci95"][0] > limit
        look, interval = "wrong" if is_above else "persistent", f"{at}.false_confirm_rate_ci95"
        rows.append(
            row(run, "evaluation", f"{at}.false_confirm_rate", stored[place]["name"], style="percent", look=look,
                interval=interval)
        )  # fmt: skip
    spec = rows_chart(
        "False confirms by sequence", rows, "false confirms; the line is what was set", 0.0, style="percent"
    )
    spec["x"]["at"] = limit
    return spec


CHARTS = {
    "frontier": ChartPlan(_frontier, ("frontier",)),
    "optima": ChartPlan(_optima, ("evaluation",)),
    "ages": ChartPlan(_ages, ("decisions",)),
    "attention": ChartPlan(_attention, ("attention",)),
    "compute": ChartPlan(_compute, ("efficiency",)),
    "reliability": ChartPlan(_reliability, ("evaluation",)),
    "training": ChartPlan(_training, ("training",)),
    "validation": ChartPlan(_validation, ("training",)),
    "cost_at_rates": ChartPlan(_cost_at_rates, ("evaluation",)),
    "sequences": ChartPlan(_sequences, ("evaluation",)),
}
"""By the name that templates call them."""
