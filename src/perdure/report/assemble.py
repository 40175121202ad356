"""Puts the sections of a report in order."""

from __future__ import annotations

from perdure.report.closing_sections import (
    limits_section,
    reproduce_section,
    sources_section,
    training_section,
)
from perdure.report.cost_sections import cost_section
from perdure.report.decision_sections import class_section, optimum_section
from perdure.report.document import Report
from perdure.report.evidence_section import evidence_sections
from perdure.report.mistake_sections import wrong_section
from perdure.report.opening import headline, overline, targets_table, tiles, verdict
from perdure.report.proof_sections import attention_section, controls_section, tokenizer_section, tracker_section
from perdure.report.stored_run import StoredRun


def build_report(run: StoredRun) -> Report:
    """Returns the whole report of a run.

    Raises:
        FileNotFoundError: a stored file is missing; the stage that writes it is named.
        ValueError: a stored file lacks a figure or contradicts itself.
    """
    badge, verdict_text = verdict(run)
    return Report(
        title=f"perdure: {run.path.name}",
        overline=overline(run),
        headline=headline(run),
        verdict=badge,
        verdict_text=verdict_text,
        tiles=tiles(run),
        targets=targets_table(run),
        sections=(
            optimum_section(run),
            class_section(run),
            wrong_section(run),
            cost_section(run),
            *evidence_sections(run),
            attention_section(run),
            tokenizer_section(run),
            controls_section(run),
            tracker_section(run),
            training_section(run),
            reproduce_section(run),
            limits_section(run),
            sources_section(run),
        ),
    )
