"""Makes Markdown and HTML from one template in which every number is a place in a stored file.

While a template is filled, numbers are marks; only at the end each becomes its text, in HTML together with its file and
key. So the files behind a block can be told from its marks, and nothing stored is ever read as markup.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from markdown_it import MarkdownIt
from markupsafe import Markup, escape

from perdure.explain.words import reason_words
from perdure.report.charts import CHARTS
from perdure.report.choice import LETTERS, crop_rows, material, read_picture, stored_files, verdict_words
from perdure.report.drawings import DRAWINGS
from perdure.report.numbers import STYLES
from perdure.report.page import Page, data_uri, rendered
from perdure.report.page_data import page_data
from perdure.report.stored_run import STORED_FILES, Fact, Place, StoredRun, fact_at, is_measured, value_at
from perdure.report.targets import fitting_style, is_passed
from perdure.report.tracks_figures import MAX_SEQUENCES, SHOWN

_FACT, _NOTES = "\ue000{}\ue001", "\ue002{}\ue003"
"""Marks, of characters that no text has: the place of a fact by its number, and footnotes by their letters."""
_FACTS, _FOOTNOTES = re.compile("\ue000(\\d+)\ue001"), re.compile(" ?\ue002([a-z]*)\ue003")
_SPECIAL = re.compile(r"[\\`*\[\]|]|~~|<(?=[A-Za-z/!?])|&(?=#?\w+;)|(?<![^\W_])_|_(?![^\W_])")
_START = re.compile(r"^([#>+-])(?=\s)")
_SOFT_BREAK = re.compile(r"(?<=[^\s`])[ \t]*\n[ \t]*(?=[^\s|`-])")


def report_markdown(run: StoredRun) -> str:
    """Returns FINAL_REPORT.md: plain text that reads well with or without a renderer.

    Raises:
        FileNotFoundError: a stored file is missing; the stage that writes it is named.
        ValueError: a stored file lacks a figure or contradicts itself.
    """
    return FilledTemplate(run, "report.md.j2", material(run), is_html=False).as_markdown()


def efficiency_markdown(run: StoredRun) -> str:
    """Returns efficiency_report.md, which lies in `analysis/`."""
    return FilledTemplate(run, "efficiency_report.md.j2", {}, is_html=False, prefix="../").as_markdown()


def report_html(run: StoredRun) -> str:
    """Returns FINAL_REPORT.html: one page that needs no network; raises as `report_markdown` does."""
    return FilledTemplate(run, "report.md.j2", material(run), is_html=True).as_page()


def escaped(text: str, *, starts_line: bool = False) -> str:
    r"""Returns text with everything that Markdown or HTML would read as markup made harmless.

    >>> escaped("a|b <i> *c* max_misses <= 2"), escaped("- d", starts_line=True)
    ('a\\|b \\<i> \\*c\\* max_misses <= 2', '\\- d')
    """
    text = _SPECIAL.sub(r"\\\g<0>", text.replace("\n", " ")).strip()
    return _START.sub(r"\\\1", text) if starts_line else text


def fence_of(text: str) -> str:
    """Returns a code fence longer than any in the text."""
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    return "`" * max(3, longest + 1)


class FilledTemplate:
    """A template filled from a run.

    Args:
        run: where all numbers come from.
        template: name of its file.
        content: what else it is filled with.
        is_html: whether it becomes a page; parts may look different there.
        prefix: way from the text to the run folder, such as `../`.

    Raises:
        TypeError: the template shows a number that is no stored one.
    """

    def __init__(
        self, run: StoredRun, template: str, content: dict[str, Any], *, is_html: bool, prefix: str = ""
    ) -> None:
        self.is_html, self.run, self.charts = is_html, run, set[str]()
        self._marked: list[Fact | str | Callable[[], str]] = []
        self._noted: set[int] = set()
        self.environment = Environment(
            loader=PackageLoader("perdure.report", "templates"),
            autoescape=select_autoescape(enabled_extensions=("html.j2",), default=False),
            undefined=StrictUndefined,
            finalize=self._shown,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self.environment.tests["measured"] = is_measured
        self.environment.filters |= {
            **{style: partial(self.fact, style=style) for style in ("plain", *STYLES)},
            "fitting": lambda place: self.fact(place, fitting_style(place)),
            "interval": self.interval,
            "counted": self.counted,
            "stored": value_at,
            "reason": lambda reason: reason_words(value_at(reason)),
            "verdict": lambda track: verdict_words(value_at(track.label), value_at(track.reason)),
            "raw": lambda place: json.dumps(value_at(place)),
            "verbatim": self.mark,
            "fence": fence_of,
            "escaped": escaped,
            "noted": self.noted,
            "paragraphs": lambda text: re.split(r"\n\s*\n", text.strip()),
        }
        self.environment.globals |= {
            **{source: Place(run, source) for source in STORED_FILES},
            "run_name": run.path.name,
            "files": stored_files(run),
            "drawings": DRAWINGS,
            "method_names": SHOWN,
            "max_sequences": str(MAX_SEQUENCES),
            "html": is_html,
            "prefix": prefix,
            "notes": self.notes,
            "charts": CHARTS,
            "chart_of": self.chart,
            "picture": lambda file: self.mark(lambda: data_uri("png", read_picture(run, file))),
            "crop_rows": lambda number: self.mark(lambda: data_uri("png", crop_rows(run, number))),
            "start_of": lambda keys, name: Place(run, "evaluation", keys[name]),
            "is_there": lambda file: bool(file) and (run.path / file).is_file(),
        }
        self._text = self.environment.get_template(template).render(content)

    def as_markdown(self) -> str:
        """Returns the text as Markdown: a line a paragraph, footnotes in brackets."""
        text = re.sub(r"\n{3,}", "\n\n", _SOFT_BREAK.sub(" ", self._text)).strip() + "\n"
        text = _FOOTNOTES.sub(lambda found: f" [{found[1]}]" if found[1] else "", text)
        return _FACTS.sub(self._markdown_of, re.sub(r"^ | +$", "", text, flags=re.MULTILINE))

    def as_page(self) -> str:
        """Returns the text as a page of HTML with a section a heading."""
        page = MarkdownIt("commonmark").enable("table").render(self._text)
        page = page.replace("<table>", '<div class="scroll" tabindex="0"><table>').replace("</table>", "</table></div>")
        page = _FACTS.sub(self._html_of, _FOOTNOTES.sub(lambda found: _links(found[1]), page))
        head, *parts = re.split(r"<h2>(.*)</h2>", page)
        sections = [
            (re.sub(r"\W+", "-", title.lower()).strip("-"), title, body)
            for title, body in zip(parts[::2], parts[1::2], strict=True)
        ]
        title = f"{'PASS' if is_passed(self.run) else 'FAIL'}: {self.run.path.name} - perdure"
        content = Page(title=title, head=head, sections=sections, data=page_data(self.run, self.charts))
        return rendered(content, self.environment)

    def chart(self, name: str) -> bool:
        """Returns whether a run has what a chart shows, and notes that the page holds it."""
        if CHARTS[name].build(self.run) is None:
            return False
        self.charts.add(name)
        return True

    def mark(self, what: Fact | str | Callable[[], str]) -> str:
        """Returns a mark for a fact, for text that stays as it is, or for the address of a picture."""
        self._marked.append(what)
        return _FACT.format(len(self._marked) - 1)

    def fact(self, place: Place, style: str) -> str:
        """Returns a stored value as a mark."""
        return self.mark(fact_at(place, style))

    def counted(self, number: int, source: str, what: str) -> str:
        """Returns how many entries of a stored file are as `what` says, as a mark."""
        return self.mark(Fact(text=f"{number:,}", value=number, source=source, key=what, is_count=True))

    def interval(self, place: Place, style: str = "percent") -> str:
        """Returns both ends of a stored interval."""
        return f"{self.fact(place[0], style)} to {self.fact(place[1], style)}"

    def _shown(self, value: Any) -> Any:
        """Returns what a template shows for a value."""
        if isinstance(value, Place):
            return self.fact(value, "plain")
        if isinstance(value, Fact):
            return self.mark(value)
        if isinstance(value, int | float):
            raise TypeError(f"report: got the number {value}, expected a place in a stored file")
        return value

    def notes(self, text: str, sources: Iterable[str] = ()) -> str:
        """Returns the footnotes of a text: a letter for each stored file that it has facts of, or that is named."""
        numbers = [int(number) for number in _FACTS.findall(text)]
        self._noted |= set(numbers)
        facts = (self._marked[number] for number in numbers)
        used = {fact.source for fact in facts if isinstance(fact, Fact)} | set(sources)
        return _NOTES.format("".join(LETTERS[source] for source in STORED_FILES if source in used))

    def noted(self, text: str) -> str:
        """Returns a text in which every block with facts that no footnote covers yet has footnotes."""
        return "\n\n".join(self._noted_block(block) for block in re.split(r"\n\s*\n", text.strip()))

    def _noted_block(self, block: str) -> str:
        if self._noted.issuperset(map(int, _FACTS.findall(block))):
            return block
        notes = self.notes(block)
        if block.startswith("|") and self.is_html:
            return block.replace(" |", f" {notes} |", 1)
        if block.startswith("- ") and self.is_html:
            return f'{block}\n\n<div class="small">\n\nRead from {notes}\n\n</div>'
        return f"{block}\n\n{notes}" if block.startswith(("|", "- ")) else f"{block} {notes}"

    def _markdown_of(self, found: re.Match[str]) -> str:
        what = self._marked[int(found[1])]
        if not isinstance(what, Fact):
            return str(what)
        return escaped(what.text, starts_line=found.string[found.start() - 1 : found.start()] == "\n")

    def _html_of(self, found: re.Match[str]) -> str:
        """Returns a number with its value, file and key, which hovering shows; everything stored is escaped."""
        what = self._marked[int(found[1])]
        if not isinstance(what, Fact):
            return escape(what) if isinstance(what, str) else what()
        kind = Markup(' data-count=""') if what.is_count else Markup("")
        return Markup('<data value="{}" data-source="{}" data-key="{}"{} title="{}">{}</data>').format(
            json.dumps(what.value), what.file, what.key, kind, what.place, what.text
        )


def _links(letters: str) -> str:
    """Returns footnote letters as links to the list of files."""
    files = {letter: STORED_FILES[source][0] for source, letter in LETTERS.items()}
    links = [f'<a href="#where-the-numbers-come-from" title="{files[letter]}">{letter}</a>' for letter in letters]
    return f"<sup>{' '.join(links)}</sup>" if links else ""
