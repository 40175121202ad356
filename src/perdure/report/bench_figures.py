"""Figures of the benchmarks: dots with intervals on one line a rule."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes

from perdure.report.style import (
    BOTH,
    GATE,
    INK,
    LIFETIME,
    MUTED,
    OPTIMUM_DETECTIONS,
    OPTIMUM_SEEING,
    WRONG,
    dot_in_interval,
    house_style,
    in_percent,
    name_rows,
    new_figure,
    quiet_rows,
    save_figure,
    write_beside,
)

Rows = Sequence[dict[str, Any]]


def draw_frontier_rows(rows: Rows, path: Path) -> None:
    """Writes one panel a world: the frame that each rule needs at the wanted error, and both optima as lines."""
    swept = [row for row in rows if row["bounds"] == "swept"]
    worlds = list(dict.fromkeys((row["pd"], row["d"]) for row in swept))
    names = list(dict.fromkeys(row["rule"] for row in swept))
    with house_style():
        figure = new_figure(2.6 + 2.6 * len(worlds), 0.9 + 0.33 * len(names))
        panels = figure.subplots(1, len(worlds), sharey=True, squeeze=False)[0]
        for axes, (pd, d) in zip(panels, worlds, strict=True):
            inside = [row for row in swept if (row["pd"], row["d"]) == (pd, d)]
            _frontier_panel(axes, inside)
            axes.set_title(f"Pd {pd:g}, d {d:g}")
        name_rows(panels[0], names)
        figure.supxlabel(
            f"mean decision frame at {100 * swept[0]['total_error']:g} % total error, 95 % interval over clips\n"
            "black line: full-observation bound; grey line: detection-only bound",
            fontsize=9,
            color=MUTED,
        )
        save_figure(figure, path)


def _frontier_panel(axes: Axes, rows: Rows) -> None:
    axes.axvline(rows[0]["optimum_detections"], color=OPTIMUM_DETECTIONS, lw=1.4)
    axes.axvline(rows[0]["optimum_seeing"], color=OPTIMUM_SEEING, lw=1.4)
    for place, row in enumerate(rows):
        frame = row["mean_decision_frame"]
        if frame is None:
            axes.annotate(
                f"{100 * row['least_error']:.0f} % at best", (0.5, place), xycoords=("axes fraction", "data"),
                ha="center", va="center", fontsize=8, color=MUTED,
            )  # fmt: skip
            continue
        dot_in_interval(axes, place, frame, row["ci95"], _rule_colour(row["rule"]))
        weight = "bold" if place == 0 else "normal"
        write_beside(axes, f"{frame:.2f}", (max(row["ci95"][1], frame), place), fontweight=weight)
    quiet_rows(axes)
    axes.margins(x=0.18)


def _rule_colour(name: str) -> str:
    if name.startswith("perdure"):
        return GATE
    return LIFETIME if name.startswith("lifetime") else BOTH


def draw_guarantee_rows(rows: Rows, path: Path) -> None:
    """Writes the share of calibrations that break the promise, a line a row, and the share that may."""
    with house_style():
        figure = new_figure(8.2, 0.9 + 0.27 * len(rows))
        axes = figure.subplots()
        for place, row in enumerate(rows):
            share, allowed = (row[name] / row["draws"] for name in ("violations", "violations_allowed"))
            colour = WRONG if share > allowed else GATE
            axes.plot([0, share], [place, place], color=colour, lw=3.2, solid_capstyle="butt")
            axes.plot([allowed, allowed], [place - 0.4, place + 0.4], color=INK, lw=1.2)
            write_beside(axes, f"{100 * share:.1f} %", (max(share, allowed), place), color=colour)
        in_percent(axes.xaxis)
        words = "calibrations that violate a guaranteed rate\ntick: at most, 99 % quantile"
        axes.set_xlabel(words, loc="left")
        name_rows(axes, [f"{row['data']}, {row['num_calibration']} clips, {row['method']}" for row in rows])
        quiet_rows(axes)
        axes.set_xlim(0, 1.15 * max([row["violations"] / row["draws"] for row in rows] + [0.1]))
        save_figure(figure, path)


def draw_tracker_rows(rows: Rows, path: Path, *, method: str) -> None:
    """Writes one panel a tracker: how HOTA differs from that of its own rule on each set, and how false tracks do.

    Args:
        rows: of `benchmarks/hota.py`.
        path: PNG or SVG.
        method: that is drawn.
    """
    own = {(row["data"], row["tracker"]): row for row in rows if row["method"] == "own rule"}
    drawn = {(row["data"], row["tracker"]): row for row in rows if row["method"] == method}
    sets, trackers = (list(dict.fromkeys(key[place] for key in drawn)) for place in (0, 1))
    with house_style():
        figure = new_figure(2.4 + 2.9 * len(trackers), 1.2 + 0.33 * len(sets))
        panels = figure.subplots(1, len(trackers), sharey=True, sharex=True, squeeze=False)[0]
        for axes, tracker in zip(panels, trackers, strict=True):
            axes.axvline(0.0, color=INK, lw=1.0)
            for place, name in enumerate(sets):
                _tracker_row(axes, place, drawn[name, tracker], own[name, tracker])
            axes.set_title(tracker)
            quiet_rows(axes)
            axes.margins(x=0.32)
        name_rows(panels[0], sets)
        words = "HOTA minus that of the own rule, in points, 95 % interval over streams; beside it: transient tracks"
        figure.supxlabel(words, fontsize=9, color=MUTED)
        save_figure(figure, path)


def draw_speed_rows(rows: Rows, path: Path, *, names: Mapping[str, str]) -> None:
    """Writes the processor time of a frame against undecided tracks, a line a contender, as a multiple of one of them.

    Args:
        rows: of `benchmarks/speed.py`, one a number of objects.
        path: PNG or SVG.
        names: of the contenders that are drawn, by kind; times are multiples of the first of them with fewest tracks.
    """
    colours = dict(zip(names, (MUTED, GATE, LIFETIME, INK), strict=False))
    unit = rows[0][next(iter(names))]["cpu_ms"]
    with house_style():
        figure = new_figure(6.4, 3.8)
        axes = figure.subplots()
        for kind, name in names.items():
            points = [(row["num_undecided"], row[kind]["cpu_ms"] / unit) for row in rows if kind in row]
            axes.plot(*zip(*points, strict=True), color=colours[kind], lw=1.6, marker="o", ms=3.5)
            write_beside(axes, name, points[-1], color=colours[kind])
        axes.set(xscale="log", yscale="log", xlabel="undecided tracks")
        axes.set_ylabel("processor time of a frame, multiples")
        axes.margins(x=0.3)
        save_figure(figure, path)


def _tracker_row(axes: Axes, place: int, row: dict[str, Any], own: dict[str, Any]) -> None:
    low, high = (100 * end for end in row["HOTA_difference_ci95"])
    dot_in_interval(axes, place, 100 * row["HOTA_difference"], (low, high), WRONG if high < 0 else GATE)
    before = own["num_false_tracks"]
    change = f"{100 * (row['num_false_tracks'] / before - 1):+.0f} %" if before else f"{row['num_false_tracks']} for 0"
    write_beside(axes, change, (max(high, 100 * row["HOTA_difference"]), place), color=MUTED)
