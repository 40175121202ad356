"""FINAL_REPORT.html: one file that needs no network and no script, with the source of every number behind it."""

from __future__ import annotations

import base64
import json

from markupsafe import Markup, escape

from perdure.report.document import Badge, Block, Cell, Picture, Report, footnote_of, sources_of
from perdure.report.rendering import template_environment
from perdure.report.stored_run import STORED_FILES, Fact, Sentence


def html_fact(fact: Fact) -> Markup:
    """Returns a number with its value, file and key as attributes; hovering shows them."""
    kind = Markup(' data-count=""') if fact.is_count else Markup("")
    return Markup('<data value="{}" data-source="{}" data-key="{}"{} title="{}">{}</data>').format(
        json.dumps(fact.value), fact.file, fact.key, kind, fact.place, fact.text
    )


def html_sentence(sentence: Sentence) -> Markup:
    """Returns a sentence as HTML; everything stored is escaped."""
    return Markup("").join(html_fact(part) if isinstance(part, Fact) else escape(part) for part in sentence)


def html_cell(cell: Cell) -> Markup:
    """Returns a cell of a table as HTML."""
    if isinstance(cell, Badge):
        return Markup('<span class="badge {}">{}</span>').format(cell.kind, cell.text)
    return html_sentence(cell)


def html_footnotes(block: Block) -> Markup:
    """Returns the footnote letters of a block, each a link to the list of files."""
    links = [
        Markup('<a href="#sources" title="{}">{}</a>').format(STORED_FILES[source][0], footnote_of(source))
        for source in sources_of(block)
    ]
    return Markup("<sup>{}</sup>").format(Markup(" ").join(links)) if links else Markup("")


def data_uri(picture: Picture) -> str:
    """Returns an image as an address that carries its own data."""
    return f"data:{picture.media_type};base64,{base64.b64encode(picture.image()).decode('ascii')}"


def report_html(report: Report) -> str:
    """Returns the text of FINAL_REPORT.html."""
    environment = template_environment()
    environment.filters |= {
        "sentence": html_sentence,
        "cell": html_cell,
        "notes": html_footnotes,
        "data_uri": data_uri,
    }
    return environment.get_template("report.html.j2").render(report=report)
