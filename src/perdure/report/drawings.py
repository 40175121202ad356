"""The figures of reports by name: how each is drawn from a stored run, and where its file lies."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from matplotlib.figure import Figure

from perdure.report.choice import early_stop_frame
from perdure.report.figures import compute_figure, confusion_figure, histogram_figure
from perdure.report.stored_run import StoredRun
from perdure.report.tracks_figures import cost_figure, sequences_figure

ALPHA = "thresholds.alpha_false_confirm"
"""Where the metrics say which false-confirm rate was set."""


@dataclass(frozen=True, slots=True)
class Drawing:
    """One figure.

    Args:
        draw: makes it.
        sources: short names of the stored files it shows.
        file: its file inside the run folder.
    """

    draw: Callable[[StoredRun], Figure]
    sources: tuple[str, ...]
    file: str


DRAWINGS = {
    "confusion": Drawing(
        lambda run: confusion_figure(run.content("evaluation")), ("evaluation",), "evaluation/confusion_matrix.png"
    ),
    "ages": Drawing(
        lambda run: histogram_figure(run.records, early_stop_frame(run)),
        ("decisions", "config"),
        "analysis/decision_frame_histogram.png",
    ),
    "compute": Drawing(
        lambda run: compute_figure(run.content("efficiency")), ("efficiency",), "analysis/compute_usage_chart.png"
    ),
    "cost_at_rates": Drawing(
        lambda run: cost_figure(run.value("evaluation", "confirmation")), ("evaluation",), "analysis/cost_at_rates.png"
    ),
    "sequences": Drawing(
        lambda run: sequences_figure(run.value("evaluation", "sequences"), run.value("evaluation", ALPHA)),
        ("evaluation",),
        "analysis/false_confirms_by_sequence.png",
    ),
}
"""By the name that templates call them."""
