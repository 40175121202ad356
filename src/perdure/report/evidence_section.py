"""Whether the evidence is the log-likelihood ratio that it claims to be, by age."""

from __future__ import annotations

from perdure.report.document import Cell, Paragraph, Section, Table
from perdure.report.stored_run import StoredRun

SOUNDNESS_AGES = ("at birth", "second frame", "third frame", "fourth frame")
"""Ages of the table; later ones are nearly always certain."""
SOUNDNESS_COLUMNS = {
    "expected_calibration_error": "calibration error",
    "negative_log_likelihood": "log loss, nats",
    "martingale_mean": "mean of exp(evidence), transient",
    "martingale_standard_error": "its standard error",
}


def evidence_sections(run: StoredRun) -> tuple[Section, ...]:
    """Returns the section on the scale of the evidence; none if it was not measured."""
    if not run.has("evaluation", "evidence"):
        return ()
    rows: list[tuple[Cell, ...]] = []
    num_ages = len(run.value("evaluation", "evidence.negative_log_likelihood"))
    for column, age in enumerate(SOUNDNESS_AGES[:num_ages]):
        cells = [run.say(f"{{evaluation:evidence.{key}.{column}|three}}") for key in SOUNDNESS_COLUMNS]
        if run.has("evaluation", f"evidence.mean_distance_by_age.{column + 1}"):
            cells.append(run.say(f"{{evaluation:evidence.mean_distance_by_age.{column + 1}|three}}"))
        else:
            cells.append(("-",))
        rows.append(((age,), *cells))
    words = (
        "True evidence gives probabilities that hold, exp(evidence) has mean one over transient tracks at every age"
        " (heavy-tailed, so the standard error counts), and its distance from the exact evidence of whoever sees"
        " every frame is zero. Distances are taken where the class is still open."
    )
    header = ("age", *SOUNDNESS_COLUMNS.values(), "mean distance, nats")
    blocks = (Paragraph(text=(words,)), Table(header=header, rows=tuple(rows)))
    return (Section(anchor="evidence", title="Is the evidence what it claims to be?", blocks=blocks),)
