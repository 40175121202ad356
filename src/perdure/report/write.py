"""Writes the analysis and the final report of a run from what the run has stored."""

from __future__ import annotations

from pathlib import Path

from perdure.files import write_text
from perdure.report.assemble import build_report
from perdure.report.decision_sections import early_stop_frame
from perdure.report.document import Report
from perdure.report.figures import draw_compute_chart, draw_decision_frame_histogram
from perdure.report.html import report_html
from perdure.report.markdown import efficiency_markdown, report_markdown
from perdure.report.stored_run import StoredRun
from perdure.runs.run_folder import RunFolder


def write_analysis(run_path: Path | str) -> list[Path]:
    """Writes `analysis/`: histogram of decision frames, chart of compute, efficiency report; returns their paths.

    Raises:
        FileNotFoundError: a stored file is missing; the stage that writes it is named.
        ValueError: a stored file lacks a figure.
    """
    run = StoredRun(run_path)
    folder = RunFolder(run.path)
    run.content("evaluation")
    records, early, efficiency = run.records, early_stop_frame(run), run.content("efficiency")
    folder.analysis.mkdir(exist_ok=True)
    paths = [folder.decision_frame_histogram, folder.compute_usage_chart, folder.efficiency_report]
    draw_decision_frame_histogram(records, paths[0], early)
    draw_compute_chart(efficiency, paths[1])
    write_text(paths[2], efficiency_markdown(run))
    return paths


def write_report(run_path: Path | str) -> list[Path]:
    """Writes FINAL_REPORT.md and FINAL_REPORT.html; returns their paths.

    Nothing is written unless both can be.

    Raises:
        FileNotFoundError: a stored file is missing; the stage that writes it is named.
        ValueError: a stored file lacks a figure or contradicts itself.
    """
    run = StoredRun(run_path)
    return save_report(build_report(run), run)


def save_report(report: Report, run: StoredRun) -> list[Path]:
    """Writes a report as FINAL_REPORT.md and FINAL_REPORT.html, or neither; returns their paths."""
    folder = RunFolder(run.path)
    texts = {folder.report_markdown: report_markdown(report, run), folder.report_html: report_html(report)}
    for path, text in texts.items():
        write_text(path, text)
    return list(texts)
