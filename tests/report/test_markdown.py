"""The Markdown reports show the same numbers as the HTML report and survive odd names."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from perdure.report.render import escaped, report_markdown
from perdure.report.stored_run import StoredRun
from perdure.report.write import write_analysis
from report.report_page import read_page, stored_value


@pytest.fixture(scope="module")
def texts(reported_run: Path) -> dict[str, str]:
    paths = [reported_run / "FINAL_REPORT.md", reported_run / "analysis" / "efficiency_report.md"]
    return {path.name: path.read_text(encoding="utf-8") for path in paths}


def rendered(text: str) -> str:
    """Returns Markdown as HTML by an independent renderer that knows tables."""
    return MarkdownIt("commonmark").enable("table").render(text)


def test_all_numbers_of_the_page_are_in_the_text(reported_run: Path, texts: dict[str, str]) -> None:
    page = read_page(reported_run / "FINAL_REPORT.html")
    plain = re.sub(r"\\(.)", r"\1", texts["FINAL_REPORT.md"])
    shown = {"evaluation/evaluation_metrics.json", "efficiency_metrics.json", "run.json"}
    numbers = [number for number in page.numbers if number.file in shown]
    assert numbers
    assert [number for number in numbers if number.text not in plain] == []


def test_tables_are_tables(texts: dict[str, str]) -> None:
    for text in texts.values():
        html = rendered(text)
        assert "<table>" in html
        assert "| ---" not in html
        cells = re.findall(r"<td[^>]*>([^<]*)</td>", html)
        assert not any(re.fullmatch(r"\[[a-h]+\]", cell) for cell in cells), "a footnote became a row of its table"


def test_every_target_has_a_row_with_its_verdict(reported_run: Path, texts: dict[str, str]) -> None:
    targets = stored_value(reported_run, "evaluation/evaluation_metrics.json", "targets")
    lines = texts["FINAL_REPORT.md"].splitlines()
    for target in targets:
        word = "**PASS**" if target["met"] else "**FAIL**"
        assert sum(word in line and f"evaluation_metrics.json: {target['name']} |" in line for line in lines) == 1


def test_pictures_in_the_text_exist(reported_run: Path, texts: dict[str, str]) -> None:
    for name, text in texts.items():
        folder = reported_run if name == "FINAL_REPORT.md" else reported_run / "analysis"
        pictures = re.findall(r"!\[[^\]]*\]\(([^)]+)\)", text)
        assert pictures
        assert [picture for picture in pictures if not (folder / picture).is_file()] == []


def test_the_efficiency_report_prints_what_savings_depend_on(own_run: Path, change: Callable[..., None]) -> None:
    changes = {"num_frames": 48, "max_misses": 7, "classes.transient.savings_flops": 0.3217}
    change("efficiency_metrics.json", changes)
    write_analysis(own_run)
    text = (own_run / "analysis" / "efficiency_report.md").read_text(encoding="utf-8")
    assert "T = 48 frames a clip, max_misses = 7" in text
    assert re.search(r"\| transient, FLOPs \|.*\| 32\.2 % \|", text)


def test_stored_names_cannot_become_markup(own_run: Path, change: Callable[..., None]) -> None:
    change("efficiency_metrics.json", {"machine": "a|b <script>x</script> `c` [d](e)"})
    (own_run / "config.toml").write_text('note = "````"\n', encoding="utf-8")
    html = rendered(report_markdown(StoredRun(own_run)))
    assert "<script>" not in html
    assert "a|b &lt;script&gt;x&lt;/script&gt; `c` [d](e)" in html


@pytest.mark.parametrize("text", ["# no heading", "- no item", "_x_", "max_misses <= 5", "*a* **b**", "&lt;<b>", "> q"])
def test_escaped_text_reads_as_it_was(text: str) -> None:
    html = rendered(escaped(text, starts_line=True)).strip()
    assert html == f"<p>{text.replace('&', '&amp;').replace('<', '&lt;').replace('>', '&gt;')}</p>"


def test_the_opening_is_made_of_whole_sentences(texts: dict[str, str]) -> None:
    """Of how many verdicts were right it said '99.1 %. of verdicts'."""
    opening = texts["FINAL_REPORT.md"].partition("\n## ")[0]
    answers = re.findall(r"^\*\*[^*]+\?\*\* .*", opening, flags=re.MULTILINE)
    assert len(answers) == 5
    assert [line for line in answers if re.search(r"\. +[a-z]", line)] == []
