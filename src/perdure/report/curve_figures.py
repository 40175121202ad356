"""Figures of error against frames, of the age at decision beside its optima, and of training."""

from __future__ import annotations

from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter

from perdure.report.numbers import format_value
from perdure.report.style import (
    GATE,
    INK,
    LIFETIME,
    LINE,
    MUTED,
    OPTIMUM_DETECTIONS,
    OPTIMUM_SEEING,
    house_style,
    in_percent,
    name_rows,
    new_figure,
    quiet,
    write_beside,
)

CURVES: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("optimum_detections", "optimum of any rule that sees detections only", {"color": OPTIMUM_DETECTIONS, "lw": 1.6}),
    ("optimum_seeing", "full-observation bound", {"color": OPTIMUM_SEEING, "lw": 1.6}),
    ("lifetime", "lifetime evidence alone, no picture", {"color": LIFETIME, "lw": 1.6, "ls": (0, (4, 2))}),
    ("gate", "this gate", {"color": GATE, "lw": 2.4}),
)
"""(key in frontier.json, words, line)."""
SMALLEST_ERROR = 1e-5
"""Points without any error cannot stand on a logarithmic axis and are left out of the line."""


def frontier_figure(frontier: dict[str, Any]) -> Figure:
    """Returns total error (logarithmic) against mean age at decision, with both optima and the operating point."""
    with house_style():
        figure = new_figure(7.2, 4.6)
        axes = figure.subplots()
        for key, name, style in CURVES:
            points = sorted(
                (point["mean_decision_frame"], point["total_error"])
                for point in frontier.get(key) or []
                if point["total_error"] >= SMALLEST_ERROR
            )
            if points:
                axes.plot([frame for frame, _ in points], [error for _, error in points], label=name, **style)
        _draw_operating_point(axes, frontier["operating_point"])
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(base=10, subs=(1.0, 2.0, 5.0), numticks=20))
        in_percent(axes.yaxis)
        axes.yaxis.set_minor_formatter(NullFormatter())
        quiet(axes)
        axes.set(xlabel="mean age at decision (frames)", ylabel="total error: mean of false-confirm and miss rate")
        if axes.get_legend_handles_labels()[0]:
            axes.legend(loc="upper right")
    return figure


def _draw_operating_point(axes: Axes, point: dict[str, Any]) -> None:
    frame, error = point["mean_decision_frame"], point["total_error"]
    if error is None or frame is None:
        return
    if error < SMALLEST_ERROR:
        axes.axvline(frame, color=GATE, lw=1, ls=":")
        axes.annotate(
            f"operating point: age {frame:.2f}, no error ",
            (frame, 0.02),
            xycoords=("data", "axes fraction"),
            fontsize=8.5,
        )
        return
    axes.plot([frame], [error], "o", ms=9, color=GATE, mec="white", mew=1.6, zorder=5)
    axes.annotate(
        f"operating point\nage {frame:.2f}, {format_value(error, 'percent')}",
        (frame, error),
        xytext=(-10, -8),
        textcoords="offset points",
        ha="right",
        va="top",
        fontsize=8.5,
        color=INK,
    )


def decision_age_figure(metrics: dict[str, Any]) -> Figure:
    """Returns the mean age at decision on one line with the optima at the same errors and the lifetime rule."""
    rows = [
        ("full-observation bound", metrics["optimal_decision_frame_seeing"], OPTIMUM_SEEING),
        ("this gate", metrics["mean_decision_frame"], GATE),
        ("optimum of detections only", metrics["optimal_decision_frame_detections"], OPTIMUM_DETECTIONS),
        ("lifetime evidence alone", (metrics.get("lifetime_only") or {}).get("mean_decision_frame"), LIFETIME),
    ]
    rows = [row for row in rows if row[1] is not None]
    with house_style():
        figure = new_figure(7.2, 2.1)
        axes = figure.subplots()
        for row, (name, age, colour) in enumerate(rows):
            is_gate = name == "this gate"
            axes.plot([1, age], [row, row], color=colour, lw=2.6 if is_gate else 1.4, solid_capstyle="round")
            axes.plot([age], [row], "o", ms=9 if is_gate else 6, color=colour)
            write_beside(
                axes, f"{age:.2f}", (age, row), gap=9, fontsize=9.5, fontweight="bold" if is_gate else "normal"
            )
        name_rows(axes, [name for name, _, _ in rows])
        axes.set(xlim=(1, 1.12 * max([age for _, age, _ in rows] + [2])))
        axes.set_xlabel("mean age at decision (frames, birth = 1)")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        quiet(axes, grid="x")
        axes.spines["left"].set_color(LINE)
    return figure


def attention_controls_figure(attention: dict[str, Any]) -> Figure:
    """Returns attention efficiency with its interval beside the three controls; the gated pass stands apart."""
    rows = [
        ("attention efficiency, ungated", "efficiency", GATE),
        ("structure control: age gap and track only", "structure_control", OPTIMUM_SEEING),
        ("shuffled labels", "shuffled_control", OPTIMUM_DETECTIONS),
        ("uniform attention", "uniform_control", OPTIMUM_DETECTIONS),
        ("gated pass", "gated_efficiency", GATE),
    ]
    places = [0.0, 1.0, 2.0, 3.0, 4.6]
    shown = [2.0, *(attention[key] or 0.0 for _, key, _ in rows), *(attention["efficiency_ci95"] or ())]
    with house_style():
        figure = new_figure(7.2, 2.5)
        axes = figure.subplots()
        axes.axvline(1.0, color=LINE, lw=1.2, zorder=0)
        if attention["efficiency_ci95"] is not None:
            axes.plot(attention["efficiency_ci95"], [0, 0], color=GATE, lw=5, alpha=0.3, solid_capstyle="butt")
        for place, (_, key, colour) in zip(places, rows, strict=True):
            value = attention[key]
            if value is not None:
                face = "white" if key == "gated_efficiency" else colour
                axes.plot([value], [place], "o", ms=8, color=colour, mfc=face, mew=1.6)
            axes.annotate(
                format_value(value), (value or 1.0, place), xytext=(0, 9), textcoords="offset points", ha="center",
                va="center", fontsize=8.5,
            )  # fmt: skip
        axes.set_yticks(places, [name for name, _, _ in rows], color=INK)
        axes.set(ylim=(5.2, -0.8), xlim=(0, 1.12 * max(shown)))
        axes.set_xlabel("attention on persistent / on transient tokens")
        quiet(axes, grid="x")
    return figure


def training_figure(rows: list[dict[str, Any]]) -> Figure:
    """Returns training curves: loss, validation accuracy at ages 1 to 4, reconstruction quality where there is one."""
    rows = [row for row in rows if row.get("stage") == "train" and "step" in row]
    has_picture = any("psnr_db" in row for row in rows)
    with house_style():
        figure = new_figure(9.6, 2.9)
        panels = figure.subplots(1, 3 if has_picture else 2)
        _draw_series(panels[0], rows, "persistence", {"color": OPTIMUM_DETECTIONS, "lw": 1.3, "label": "training"})
        _draw_series(panels[0], rows, "validation_persistence", {"color": GATE, "lw": 2, "label": "validation"})
        panels[0].set_title("persistence loss (nats)")
        for age, colour in zip((1, 2, 3, 4), ("#b9d7d3", "#7fb5ae", "#3d9389", "#0b4f4a"), strict=True):
            style = {"color": colour, "lw": 1.8, "label": f"age {age}"}
            _draw_series(panels[1], rows, f"validation_accuracy_age_{age}", style)
        panels[1].set_title("validation accuracy")
        if has_picture:
            _draw_series(panels[2], rows, "psnr_db", {"color": INK, "lw": 1.3, "label": "training crops"})
            panels[2].set_title("reconstruction (PSNR, dB)")
        for axes in panels:
            quiet(axes)
            axes.set_xlabel("step")
            axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=5))
            if axes.get_lines():
                axes.legend()
            else:
                axes.text(0.5, 0.5, "not recorded", transform=axes.transAxes, ha="center", color=MUTED)
    return figure


def _draw_series(axes: Axes, rows: list[dict[str, Any]], key: str, style: dict[str, Any]) -> None:
    points = [(row["step"], row[key]) for row in rows if row.get(key) is not None]
    if points:
        marker = "o" if len(points) < 12 else ""
        axes.plot([step for step, _ in points], [value for _, value in points], marker=marker, ms=3, **style)
