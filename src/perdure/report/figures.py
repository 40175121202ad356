"""Figures of decisions and of what they cost.

Counts and stored figures only: nothing here turns counts into a rate.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle
from matplotlib.ticker import MaxNLocator

from perdure.metrics.decisions import LABELS, DecisionRecord
from perdure.report.numbers import format_value
from perdure.report.style import (
    BOTH,
    CLASS_COLOUR,
    INK,
    LINE,
    MUTED,
    PALE,
    WRONG,
    house_style,
    new_figure,
    quiet,
    write_beside,
)

CLASSES = ("all", "persistent", "transient")
COST_KINDS = (
    ("FLOPs", "flops", "flops"),
    ("wall-clock", "seconds", "seconds"),
    ("track-frames", "track_frames", "count"),
)
"""(title, key of the cost, style of its numbers)."""


def saving_key(kind: str) -> str:
    """Returns the stored name of the saving that belongs to a kind of cost.

    >>> saving_key("seconds"), saving_key("flops")
    ('savings_wall_clock', 'savings_flops')
    """
    return "savings_wall_clock" if kind == "seconds" else f"savings_{kind}"


def confusion_figure(metrics: dict[str, Any]) -> Figure:
    """Returns the confusion matrix: truth down, verdict across, right cells in the colour of the class."""
    matrix = metrics["confusion_matrix"]
    with house_style():
        figure = new_figure(4.4, 3.7)
        axes = figure.subplots()
        for row, truth in enumerate(LABELS):
            for column, verdict in enumerate(LABELS):
                _draw_cell(axes, row, column, count=matrix[truth][verdict], is_right=truth == verdict)
        axes.set(xlim=(0, 2), ylim=(2, 0), aspect=0.78)
        axes.set_xticks([0.5, 1.5], [f"called\n{name}" for name in LABELS], color=INK)
        axes.set_yticks([0.5, 1.5], [f"truly\n{name}" for name in LABELS], color=INK)
        axes.xaxis.tick_top()
        axes.spines[:].set_visible(False)
        figure.supxlabel(
            f"{metrics['num_tracks']:,} tracks of {metrics['num_clips']:,} clips", fontsize=8.5, color=MUTED
        )
    return figure


def _draw_cell(axes: Axes, row: int, column: int, *, count: int, is_right: bool) -> None:
    colour = CLASS_COLOUR[LABELS[row]] if is_right else (WRONG if count else LINE)
    face = colour if is_right else PALE
    axes.add_patch(
        Rectangle(
            (column + 0.02, row + 0.02), 0.96, 0.96, facecolor=face, edgecolor=colour, linewidth=1.2 if count else 0
        )
    )
    word = "right" if is_right else ("missed" if row == 0 else "false confirm")
    ink = "white" if is_right else (WRONG if count else MUTED)
    axes.text(column + 0.5, row + 0.46, f"{count:,}", ha="center", va="center", fontsize=21, color=ink)
    axes.text(column + 0.5, row + 0.78, word, ha="center", va="center", fontsize=8.5, color=ink)


def histogram_figure(records: list[DecisionRecord], early_stop_frame: int) -> Figure:
    """Returns how many tracks were decided at each age, one panel a true class, wrong and forced ones marked."""
    last = max([record.decision_frame for record in records] + [early_stop_frame + 1])
    with house_style():
        figure = new_figure(7.2, 4.3)
        panels = figure.subplots(2, 1, sharex=True)
        for axes, truth in zip(panels, LABELS, strict=True):
            _draw_ages(axes, [record for record in records if record.true_label == truth], truth)
            axes.axvspan(0.5, early_stop_frame + 0.5, color=PALE, alpha=0.6, linewidth=0, zorder=0)
        panels[0].annotate(
            f"early: age {early_stop_frame} or less",
            (early_stop_frame + 0.42, 0.97),
            xycoords=("data", "axes fraction"),
            ha="right",
            va="top",
            fontsize=8.5,
            color=MUTED,
        )
        panels[1].set(xlim=(0.4, last + 0.6), xlabel="age at decision (frames since birth, birth = 1)")
        panels[1].xaxis.set_major_locator(MaxNLocator(integer=True, nbins=17))
    return figure


def _draw_ages(axes: Axes, records: list[DecisionRecord], truth: str) -> None:
    right = Counter(record.decision_frame for record in records if record.label == truth and record.decided)
    forced = Counter(record.decision_frame for record in records if record.label == truth and not record.decided)
    wrong = Counter(record.decision_frame for record in records if record.label != truth)
    bottom: Counter[int] = Counter()
    styles: tuple[tuple[Counter[int], str, dict[str, Any]], ...] = (
        (right, "right", {"color": CLASS_COLOUR[truth]}),
        (
            forced,
            "right, forced at the horizon",
            {"facecolor": "white", "edgecolor": CLASS_COLOUR[truth], "hatch": "////"},
        ),
        (wrong, "wrong", {"color": WRONG}),
    )
    handles = []
    for counts, name, style in styles:
        taken = sorted(counts)
        axes.bar(taken, [counts[age] for age in taken], bottom=[bottom[age] for age in taken], width=0.78, **style)
        bottom.update(counts)
        if counts:
            handles.append(Patch(label=f"{name}: {sum(counts.values()):,}", **style))
    quiet(axes)
    axes.set_title(f"truly {truth}", color=CLASS_COLOUR[truth])
    axes.set_ylabel("tracks")
    axes.yaxis.set_major_locator(MaxNLocator(integer=True, nbins=4))
    axes.set_ylim(0, max([*bottom.values(), 1]) * 1.25)
    if handles:
        axes.legend(handles=handles, loc="lower right", bbox_to_anchor=(1.0, 0.98), ncols=3, borderpad=0.2)


def compute_figure(efficiency: dict[str, Any]) -> Figure:
    """Returns cost with and without gating: one panel a kind of cost, one pair of bars a class."""
    with house_style():
        figure = new_figure(9.6, 3.4)
        panels = figure.subplots(1, 3, sharey=True)
        for axes, (title, kind, style) in zip(panels, COST_KINDS, strict=True):
            for row, name in enumerate(CLASSES):
                _draw_costs(axes, row, efficiency["classes"][name], kind=kind, style=style, colour=CLASS_COLOUR[name])
            quiet(axes, grid="x")
            axes.set_title(title)
            axes.set_xticks([])
            axes.set_ylim(2.75, -0.5)
            axes.spines["left"].set_visible(True)
            top = max(efficiency["classes"][name][f"{kind}_ungated"] for name in CLASSES)
            axes.set_xlim(0, max(top, 1e-12) * 1.42)
        panels[0].set_yticks([0.2, 1.2, 2.2], ["all tracks", "persistent", "transient"], color=INK)
        handles = [Patch(color=BOTH, label="gated"), Patch(color=LINE, label="ungated: every track on every frame")]
        figure.legend(handles=handles, loc="outside lower left", ncols=2)
        words = f"T = {efficiency['num_frames']}, max_misses = {efficiency['max_misses']}"
        panels[2].set_title(words, loc="right", fontsize=8.5, fontweight="normal", color=MUTED)
    return figure


def _draw_costs(axes: Axes, row: int, costs: dict[str, Any], *, kind: str, style: str, colour: str) -> None:
    gated, ungated = costs[f"{kind}_gated"], costs[f"{kind}_ungated"]
    axes.barh(row, ungated, height=0.36, color=LINE)
    axes.barh(row + 0.4, gated, height=0.36, color=colour)
    write_beside(axes, format_value(ungated, style), (ungated, row), gap=4, color=MUTED)
    saving = costs[saving_key(kind)]
    saves = "" if saving is None else f"  saves {format_value(saving, 'percent')}"
    write_beside(axes, format_value(gated, style) + saves, (gated, row + 0.4), gap=4, color=INK)
