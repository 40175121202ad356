"""FINAL_REPORT.md and efficiency_report.md: the report as plain text that reads well with or without a renderer."""

from __future__ import annotations

import re
from collections.abc import Iterable

from perdure.report.cost_sections import cost_section
from perdure.report.document import (
    Badge,
    Block,
    Cell,
    Code,
    Paragraph,
    Picture,
    Report,
    Section,
    footnote_of,
    sources_of,
)
from perdure.report.rendering import template_environment
from perdure.report.stored_run import STORED_FILES, Sentence, StoredRun

_SPECIAL = re.compile(r"[\\`*\[\]|]|~~|<(?=[A-Za-z/!?])|&(?=#?\w+;)|(?<![^\W_])_|_(?![^\W_])")
_START = re.compile(r"^([#>+-])(?=\s)")


def escaped(text: str) -> str:
    r"""Returns text with everything that Markdown or HTML would read as markup made harmless.

    >>> escaped("a|b <i> *c* max_misses <= 2")
    'a\\|b \\<i> \\*c\\* max_misses <= 2'
    """
    return _SPECIAL.sub(r"\\\g<0>", text.replace("\n", " "))


def markdown_sentence(sentence: Sentence) -> str:
    """Returns a sentence as Markdown that may stand at the start of a line."""
    return _START.sub(r"\\\1", markdown_words(sentence))


def markdown_words(sentence: Sentence) -> str:
    """Returns a sentence as Markdown that stands inside a line."""
    return "".join(escaped(part if isinstance(part, str) else part.text) for part in sentence).strip()


def markdown_cell(cell: Cell) -> str:
    """Returns a cell of a table as Markdown."""
    return f"**{escaped(cell.text)}**" if isinstance(cell, Badge) else markdown_words(cell)


def markdown_footnotes(block: Block) -> str:
    """Returns the footnotes of a block, in brackets; the list of files stands at the end of the report."""
    letters = "".join(footnote_of(source) for source in sources_of(block))
    return f" [{letters}]" if letters else ""


def fence_of(block: Code) -> str:
    """Returns a code fence longer than any in the text."""
    longest = max((len(run) for run in re.findall(r"`+", block.text)), default=0)
    return "`" * max(3, longest + 1)


def row_of(cells: Iterable[str]) -> str:
    """Returns a row of a table."""
    return f"| {' | '.join(cells)} |"


def is_shown(block: Block, run: StoredRun) -> bool:
    """Returns whether Markdown can show a block: pictures only if they are files of the run folder."""
    return not isinstance(block, Picture) or (bool(block.file) and (run.path / block.file).is_file())


def efficiency_markdown(run: StoredRun) -> str:
    """Returns the text of efficiency_report.md, which lies in `analysis/`."""
    section = cost_section(run)
    histogram = Section(
        anchor="ages",
        title="When decisions fell",
        blocks=(
            Paragraph(
                text=run.say(
                    "Mean age at decision {evaluation:mean_decision_frame}, {evaluation:mean_decision_frame_persistent}"
                    " for persistent and {evaluation:mean_decision_frame_transient} for transient tracks;"
                    " {evaluation:early_stop_rate|percent} were decided early. See decision_frame_histogram.png."
                )
            ),
        ),
    )
    return _rendered("efficiency_report.md.j2", run=run, sections=(section, histogram), prefix="../")


def report_markdown(report: Report, run: StoredRun) -> str:
    """Returns the text of FINAL_REPORT.md."""
    return _rendered("report.md.j2", run=run, report=report, sections=report.sections, prefix="")


def _rendered(name: str, *, run: StoredRun, prefix: str, **content: object) -> str:
    environment = template_environment()
    environment.filters |= {
        "sentence": markdown_sentence,
        "cell": markdown_cell,
        "notes": markdown_footnotes,
        "fence": fence_of,
        "plain": escaped,
        "row": row_of,
    }
    text = environment.get_template(name).render(
        run_name=run.path.name,
        prefix=prefix,
        files=[
            (footnote_of(source), file) for source, (file, _) in STORED_FILES.items() if (run.path / file).is_file()
        ],
        is_shown=lambda block: is_shown(block, run),
        **content,
    )
    return re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"
