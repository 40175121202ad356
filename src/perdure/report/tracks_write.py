"""Writes charts and the final report of a run on real tracks from what the run has stored."""

from __future__ import annotations

from pathlib import Path

from perdure.report.decision_sections import early_stop_frame
from perdure.report.figures import draw_confusion_matrix, draw_decision_frame_histogram
from perdure.report.stored_run import StoredRun
from perdure.report.style import save_figure
from perdure.report.tracks_figures import cost_figure, sequences_figure
from perdure.report.tracks_report import ALPHA, build_tracks_report
from perdure.report.write import save_report
from perdure.runs.run_folder import RunFolder


def write_tracks_analysis(run_path: Path | str) -> None:
    """Writes the confusion matrix, and in `analysis/` ages at decision, cost at equal rates, and rates by sequence.

    Raises:
        FileNotFoundError: a stored file is missing; the stage that writes it is named.
        ValueError: a stored file lacks a figure.
    """
    run = StoredRun(run_path)
    metrics, own = run.content("evaluation"), RunFolder(run.path)
    folder = own.analysis
    draw_confusion_matrix(metrics, own.confusion_matrix)
    draw_decision_frame_histogram(run.records, own.decision_frame_histogram, early_stop_frame(run))
    save_figure(cost_figure(metrics["confirmation"]), folder / "cost_at_rates.png")
    rates = sequences_figure(metrics["sequences"], run.value("evaluation", ALPHA))
    save_figure(rates, folder / "false_confirms_by_sequence.png")


def write_tracks_report(run_path: Path | str) -> None:
    """Writes FINAL_REPORT.md and FINAL_REPORT.html; nothing is written unless both can be.

    Raises:
        FileNotFoundError: a stored file is missing; the stage that writes it is named.
        ValueError: a stored file lacks a figure or contradicts itself.
    """
    run = StoredRun(run_path)
    save_report(build_tracks_report(run), run)
