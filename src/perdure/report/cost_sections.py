"""Sections about what gating saved: counted, timed and in track-frames, always side by side."""

from __future__ import annotations

from typing import Any

from perdure.report.document import Block, Cell, Paragraph, Picture, Section, Table
from perdure.report.figures import CLASSES, COST_KINDS, compute_figure, saving_key
from perdure.report.stored_run import Sentence, StoredRun
from perdure.report.style import svg_bytes

TIMED_PARTS = (
    ("crop_s", "cutting crops"),
    ("extractor_s", "extractor"),
    ("evidence_s", "evidence"),
    ("rule_s", "stopping rule"),
    ("tracker_s", "tracker (not in the savings)"),
)


def cost_section(run: StoredRun) -> Section:
    """Returns savings three ways, by class, and where the seconds went."""
    blocks: list[Block] = [
        Paragraph(text=_saving_words(run)),
        Picture(
            title="Cost with and without gating",
            image=lambda: svg_bytes(compute_figure(run.content("efficiency"))),
            media_type="image/svg+xml",
            caption=run.say(
                "T = {efficiency:num_frames} frames a clip, max_misses = {efficiency:max_misses}; savings depend on"
                " both. Ungated encodes every track on every frame from birth until the tracker deletes it or the"
                " clip ends."
            ),
            sources=("efficiency",),
            file="analysis/compute_usage_chart.png",
            layout="wide",
        ),
        saving_table(run),
        timing_table(run),
    ]
    return Section(anchor="compute", title="Compute saved, three ways", blocks=tuple(blocks))


def _saving_words(run: StoredRun) -> Sentence:
    facts = run.say(
        "{efficiency:num_clips_timed} of the {efficiency:num_clips} test clips were run with and without gating"
        " ({efficiency:machine}): gating saves {efficiency:classes.all.savings_flops|percent} of counted FLOPs,"
        " {efficiency:classes.all.savings_wall_clock|percent} of measured seconds and"
        " {efficiency:classes.all.savings_track_frames|percent} of track-frames. Over all test clips it saves"
        " {evaluation:compute_savings_track_frames|percent} of track-frames. "
    )
    costs = run.value("efficiency", "classes.all")
    counted, timed = costs["savings_flops"], costs["savings_wall_clock"]
    if counted is None or timed is None:
        return (*facts, "One of them was not measured, so promise and clock cannot be compared.")
    if timed <= 0:
        return (*facts, "FAIL: on the clock nothing is saved.")
    if timed < counted:
        return (*facts, "The clock saves less than the count promises.")
    return (*facts, "The clock saves no less than the count promises.")


def saving_table(run: StoredRun) -> Table:
    """Returns gated and ungated cost and the saving, one row a class and kind."""
    rows: list[tuple[Cell, ...]] = []
    for name in CLASSES:
        for title, kind, style in COST_KINDS:
            place = f"efficiency:classes.{name}"
            rows.append(
                (
                    (f"{'all tracks' if name == 'all' else name}, {title}",),
                    run.say(f"{{{place}.{kind}_ungated|{style}}}"),
                    run.say(f"{{{place}.{kind}_gated|{style}}}"),
                    run.say(f"{{{place}.{saving_key(kind)}|percent}}"),
                )
            )
    return Table(header=("Cost", "ungated", "gated", "saved"), rows=tuple(rows))


def timing_table(run: StoredRun) -> Table:
    """Returns seconds by part, with and without gating."""
    rows: list[tuple[Cell, ...]] = []
    timing: dict[str, Any] = run.value("efficiency", "timing")
    for key, name in TIMED_PARTS:
        if key in timing["gated"] and key in timing["ungated"]:
            cells = [run.say(f"{{efficiency:timing.{side}.{key}|seconds}}") for side in ("ungated", "gated")]
            rows.append(((name,), *cells))
    return Table(header=("Where the seconds went", "ungated", "gated"), rows=tuple(rows))
