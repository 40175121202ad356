"""Figures of runs on real tracks: what methods cost at the same false-confirm rates, and rates by sequence."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from matplotlib.figure import Figure

from perdure.report.style import BOTH, GATE, INK, LINE, MUTED, PERSISTENT, WRONG, house_style, new_figure, quiet

SHOWN = {"tuned hand rule": "M-of-N baseline (tuned)", "tuned hand rule, on test": "M-of-N baseline (tuned on test)"}
"""Methods whose name in the glossary is not that of their rows."""
MAX_SEQUENCES = 40
"""Lines of the figure by sequence; those with most transient tracks are kept."""


def cost_figure(rows: Sequence[dict[str, Any]]) -> Figure:
    """Returns one panel a false-confirm rate: what every method costs, with its interval over sequences.

    Args:
        rows: of the benchmark on real tracks.
    """
    swept = [row for row in rows if row["fa_cap"] is not None]
    caps = list(dict.fromkeys(row["fa_cap"] for row in swept))
    names = list(dict.fromkeys(row["method"] for row in swept))
    with house_style():
        figure = new_figure(2.4 + 2.6 * len(caps), 1.0 + 0.36 * len(names))
        panels = figure.subplots(1, len(caps), sharey=True, sharex=True, squeeze=False)[0]
        for axes, cap in zip(panels, caps, strict=True):
            for row in (row for row in swept if row["fa_cap"] == cap):
                place, is_own = names.index(row["method"]), row["method"].startswith("perdure")
                colour = GATE if is_own else BOTH
                axes.plot(row["ci95"], [place, place], color=colour, lw=2.2, solid_capstyle="round")
                axes.plot([row["cost"]], [place], "o", ms=6, color=colour)
                axes.annotate(
                    f"{row['cost']:.2f}", (max(row["ci95"][1], row["cost"]), place), xytext=(6, 0),
                    textcoords="offset points", va="center", fontsize=8.5, fontweight="bold" if is_own else "normal",
                )  # fmt: skip
            quiet(axes)
            axes.grid(visible=False, axis="y")
            axes.grid(visible=True, axis="x", color=LINE, lw=0.6)
            axes.set_title(f"at most {100 * cap:g} % false confirms")
            axes.set_xlim(0.8, 10.2)
        panels[0].set_yticks(range(len(names)), [SHOWN.get(name, name) for name in names], color=INK)
        panels[0].set_ylim(len(names) - 0.4, -0.6)
        figure.supxlabel(
            "mean age at which a persistent track is confirmed, a miss charged 9; 95 % interval over sequences",
            fontsize=9,
            color=MUTED,
        )
    return figure


def sequences_figure(rows: Sequence[dict[str, Any]], max_false_confirm: float | None) -> Figure:
    """Returns the false-confirm rate of each sequence with its exact interval, and the rate that was set.

    Args:
        rows: one a sequence, as stored with the metrics.
        max_false_confirm: the rate; None draws no line.
    """
    known = [row for row in rows if row["false_confirm_rate"] is not None]
    shown = sorted(known, key=lambda row: -row["num_transient"])[:MAX_SEQUENCES]
    with house_style():
        figure = new_figure(8.2, 1.1 + 0.24 * max(len(shown), 1))
        axes = figure.subplots()
        if max_false_confirm is not None:
            axes.axvline(max_false_confirm, color=INK, lw=1.2)
        for place, row in enumerate(shown):
            low, high = row["false_confirm_rate_ci95"]
            is_above = max_false_confirm is not None and low > max_false_confirm
            colour = WRONG if is_above else PERSISTENT
            axes.plot([low, high], [place, place], color=colour, lw=2.2, solid_capstyle="round")
            axes.plot([row["false_confirm_rate"]], [place], "o", ms=5, color=colour)
        names = [f"{row['name']} ({row['num_transient']:,})" for row in shown]
        axes.set_yticks(range(len(shown)), names, color=INK)
        axes.set_ylim(max(len(shown), 1) - 0.4, -0.6)
        axes.xaxis.set_major_formatter(lambda value, _: f"{100 * value:g} %")
        axes.set_xlim(left=-0.02 * max([0.05, *(row["false_confirm_rate_ci95"][1] for row in shown)]))
        axes.set_xlabel("false confirms, 95 % interval; in brackets transient tracks; line: what was set", loc="left")
        quiet(axes)
        axes.grid(visible=False, axis="y")
        axes.grid(visible=True, axis="x", color=LINE, lw=0.6)
    return figure
