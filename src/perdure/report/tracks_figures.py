"""Figures of runs on recorded tracks: cost of methods at equal false-confirm rates, rates by sequence, evidence."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from perdure.evaluation.tracks_evidence import SequenceEvidence
from perdure.report.style import (
    BOTH,
    CLASS_COLOUR,
    GATE,
    INK,
    MUTED,
    PERSISTENT,
    WRONG,
    dot_in_interval,
    house_style,
    in_percent,
    name_rows,
    new_figure,
    quiet,
    quiet_rows,
    write_beside,
)

SHOWN = {"tuned hand rule": "M-of-N baseline (tuned)", "tuned hand rule, on test": "M-of-N baseline (tuned on test)"}
"""Methods whose name in the glossary is not that of their rows."""
MAX_SEQUENCES = 40
"""Lines of the figure by sequence; those with most transient tracks are kept."""
MAX_TRACKS = 60
"""Lines of each class in the figure of evidence; those born first are drawn."""


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
                dot_in_interval(axes, place, row["cost"], row["ci95"], colour)
                end, weight = max(row["ci95"][1], row["cost"]), "bold" if is_own else "normal"
                write_beside(axes, f"{row['cost']:.2f}", (end, place), fontweight=weight)
            quiet_rows(axes)
            axes.set_title(f"at most {100 * cap:g} % false confirms")
            axes.set_xlim(0.8, 10.2)
        name_rows(panels[0], [SHOWN.get(name, name) for name in names])
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
            dot_in_interval(axes, place, row["false_confirm_rate"], (low, high), colour, size=5)
        in_percent(axes.xaxis)
        axes.set_xlim(left=-0.02 * max([0.05, *(row["false_confirm_rate_ci95"][1] for row in shown)]))
        axes.set_xlabel("false confirms, 95 % interval; in brackets transient tracks; line: what was set", loc="left")
        name_rows(axes, [f"{row['name']} ({row['num_transient']:,})" for row in shown])
        quiet_rows(axes)
    return figure


def evidence_figure(found: SequenceEvidence) -> Figure:
    """Returns how evidence grows with age: a line a track, coloured by its truth, with a dot where it ends."""
    ages = np.arange(1, found.evidence.shape[1] + 1)
    with house_style():
        figure = new_figure(7.2, 3.4)
        axes = figure.subplots()
        for label, of_class in (("transient", ~found.is_persistent), ("persistent", found.is_persistent)):
            tracks = found.evidence[of_class]
            for row in tracks[:MAX_TRACKS]:
                axes.plot(ages, row, color=CLASS_COLOUR[label], lw=0.8, alpha=0.5)
                last = int((~np.isnan(row)).sum())
                axes.plot(ages[last - 1 : last], row[last - 1 : last], "o", ms=2.5, color=CLASS_COLOUR[label])
            axes.plot([], [], color=CLASS_COLOUR[label], label=f"{label} ({len(tracks)})")
        for name in ("upper", "lower"):
            bound = getattr(found.rule, name, np.inf)
            if np.isfinite(bound):
                axes.axhline(bound, color=INK, lw=1.0, ls="--")
        axes.set_title(found.name)
        axes.set_xlabel("age in frames", loc="left")
        axes.set_ylabel("evidence in nats")
        axes.legend(loc="upper left", frameon=False)
        quiet(axes)
    return figure
