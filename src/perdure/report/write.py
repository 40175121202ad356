"""Writes the analysis and the final report of a run from what the run has stored."""

from __future__ import annotations

from pathlib import Path

from perdure.files import write_text
from perdure.report.drawings import DRAWINGS
from perdure.report.render import efficiency_markdown, report_html, report_markdown
from perdure.report.stored_run import StoredRun
from perdure.report.style import save_figure
from perdure.runs.run_folder import RunFolder

CHARTS = ("confusion", "ages", "compute")
"""Of a run on clips."""
TRACKS_CHARTS = ("confusion", "ages", "cost_at_rates", "sequences")
"""Of a run on recorded tracks."""


def write_analysis(run_path: Path | str) -> list[Path]:
    """Writes the confusion matrix and `analysis/`: charts, and for runs on clips a text beside them; returns the paths.

    Raises:
        FileNotFoundError: a stored file is missing; the stage that writes it is named.
        ValueError: a stored file lacks a figure.
    """
    run, folder = StoredRun(run_path), RunFolder(Path(run_path))
    charts = TRACKS_CHARTS if run.has("evaluation", "confirmation") else CHARTS
    figures = {run.path / DRAWINGS[name].file: DRAWINGS[name].draw(run) for name in charts}
    folder.analysis.mkdir(exist_ok=True)
    for path, figure in figures.items():
        save_figure(figure, path)
    if charts is TRACKS_CHARTS:
        return list(figures)
    write_text(folder.efficiency_report, efficiency_markdown(run))
    return [*figures, folder.efficiency_report]


def write_report(run_path: Path | str) -> list[Path]:
    """Writes FINAL_REPORT.md and FINAL_REPORT.html, or neither; returns their paths.

    Raises:
        FileNotFoundError: a stored file is missing; the stage that writes it is named.
        ValueError: a stored file lacks a figure or contradicts itself.
    """
    run, folder = StoredRun(run_path), RunFolder(Path(run_path))
    texts = {folder.report_markdown: report_markdown(run), folder.report_html: report_html(run)}
    for path, text in texts.items():
        write_text(path, text)
    return list(texts)
