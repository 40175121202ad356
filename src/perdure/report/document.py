"""What a report is made of: sections of paragraphs, tables, pictures and code, the same for Markdown and HTML.

Holds content only; `markdown` and `html` decide what it looks like.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import ClassVar, Literal

from perdure.report.stored_run import STORED_FILES, Fact, Sentence

BadgeKind = Literal["pass", "fail", "note"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Badge:
    """A verdict in one word."""

    text: str
    kind: BadgeKind


Cell = Sentence | Badge
"""What stands in one cell of a table."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Paragraph:
    """Running text; `warning` for what the reader must not overlook."""

    kind: ClassVar[str] = "paragraph"
    text: Sentence
    tone: Literal["plain", "warning", "small"] = "plain"


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Rows under a header; the first column is words, the others are set flush right if `is_numeric`."""

    kind: ClassVar[str] = "table"
    header: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    caption: Sentence = ()
    is_numeric: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A figure.

    Args:
        title: what it shows, also for readers who cannot see it.
        image: draws or reads the image; called only where it is shown.
        media_type: `image/svg+xml` or `image/png`.
        caption: words below it.
        details: one line each below the caption.
        sources: short names of the stored files it was drawn from.
        file: path inside the run folder of the same figure, for Markdown; empty where there is none.
        layout: `beside` its caption, `wide` across the page, or `small`.
    """

    kind: ClassVar[str] = "picture"
    title: str
    image: Callable[[], bytes]
    media_type: Literal["image/svg+xml", "image/png"]
    caption: Sentence = ()
    details: tuple[Sentence, ...] = ()
    sources: tuple[str, ...] = ()
    file: str = ""
    layout: Literal["beside", "wide", "small"] = "beside"


@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    """Text to be shown as it is; with a summary it is folded away."""

    kind: ClassVar[str] = "code"
    text: str
    summary: str = ""
    sources: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Items:
    """A list of remarks."""

    kind: ClassVar[str] = "items"
    items: tuple[Sentence, ...]


Block = Paragraph | Table | Picture | Code | Items


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A headed part of a report; `anchor` is its address."""

    anchor: str
    title: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tile:
    """One of the large figures of the first screen."""

    question: str
    answer: Sentence
    details: tuple[Sentence, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """A whole report.

    Args:
        title: of the page.
        overline: small words above the headline.
        headline: the outcome in a sentence.
        verdict: PASS or FAIL over all targets.
        verdict_text: which targets were missed.
        tiles: the four questions.
        targets: one row a target.
        sections: the rest.
    """

    title: str
    overline: Sentence
    headline: Sentence
    verdict: Badge
    verdict_text: Sentence
    tiles: tuple[Tile, ...]
    targets: Table
    sections: tuple[Section, ...]


def facts_of(block: Block) -> Iterator[Fact]:
    """Yields all facts of a block in reading order."""
    sentences: Iterable[Sentence] = ()
    if isinstance(block, Paragraph):
        sentences = (block.text,)
    elif isinstance(block, Picture):
        sentences = (block.caption, *block.details)
    elif isinstance(block, Items):
        sentences = block.items
    elif isinstance(block, Table):
        cells = (cell for row in block.rows for cell in row)
        sentences = (*(cell for cell in cells if isinstance(cell, tuple)), block.caption)
    for sentence in sentences:
        yield from (part for part in sentence if isinstance(part, Fact))


def sources_of(block: Block) -> list[str]:
    """Returns the short names of the files behind a block, in the order of `STORED_FILES`."""
    used = {fact.source for fact in facts_of(block)}
    if isinstance(block, Picture | Code):
        used |= set(block.sources)
    return [name for name in STORED_FILES if name in used]


def footnote_of(source: str) -> str:
    """Returns the footnote letter of a stored file.

    >>> footnote_of("evaluation"), footnote_of("decisions")
    ('a', 'b')
    """
    return "abcdefghijklmnop"[list(STORED_FILES).index(source)]
