"""The HTML report shows the stored numbers and nothing else, loads nothing, and calls a miss a miss."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from perdure.files import read_json_lines, write_json_lines
from perdure.report.write import write_report
from report.report_page import Page, ShownNumber, read_number, read_page, stored_value

ALLOWED_WORDS = re.compile(r"95 % interval|AUC")
"""The only digits that may stand on the page without a source: the level of all intervals."""


@pytest.fixture(scope="module")
def page(reported_run: Path) -> Page:
    return read_page(reported_run / "FINAL_REPORT.html")


def is_as_stored(run_path: Path, number: ShownNumber) -> bool:
    stored = stored_value(run_path, number.file, number.key)
    if stored != number.value:
        return False
    if stored is None:
        return number.text == "not measured"
    if isinstance(stored, str):
        return number.text == stored
    shown, tolerance = read_number(re.sub(r"^(>|interval from <=) ", "", number.text))
    return abs(shown - stored) <= tolerance


def test_every_number_is_the_stored_one(reported_run: Path, page: Page) -> None:
    numbers = [number for number in page.numbers if not number.is_count]
    assert len(numbers) > 150
    assert [number for number in numbers if not is_as_stored(reported_run, number)] == []


def test_counts_are_counts_of_stored_entries(reported_run: Path, page: Page) -> None:
    counts = {number.key: number.text for number in page.numbers if number.is_count}
    rows = read_json_lines(reported_run / "evaluation" / "decisions.jsonl")
    misses = sum(row["true_label"] == "persistent" and row["label"] == "transient" for row in rows)
    assert misses > 0
    assert counts["misses: persistent tracks called transient"] == str(misses)
    crossed = sum(row["true_label"] == "transient" and row["reason"] == "evidence" for row in rows)
    assert counts["truly transient tracks with reason evidence"] == str(crossed)
    assert counts["targets"] == str(len(stored_value(reported_run, "evaluation/evaluation_metrics.json", "targets")))


def test_no_digit_stands_outside_a_number_with_a_source(page: Page) -> None:
    free = " ".join(page.words).replace("\n", " ")
    free = re.sub(r"clip_\d+", "", ALLOWED_WORDS.sub("", free))
    assert re.findall(r".{0,30}\d.{0,30}", free) == []


def test_the_page_loads_nothing(reported_run: Path, page: Page) -> None:
    assert all(address.startswith(("data:image/", "#")) for address in page.addresses)
    assert not {"script", "link", "iframe", "object", "embed", "video"} & set(page.tags)
    text = (reported_run / "FINAL_REPORT.html").read_text(encoding="utf-8")
    assert "default-src 'none'" in text
    without_pictures = re.sub(r"data:image/[a-z+]+;base64,[A-Za-z0-9+/=]+", "", text)
    assert not re.search(r"https?://|url\(|@import", without_pictures)


def test_links_inside_the_page_have_targets(reported_run: Path, page: Page) -> None:
    text = (reported_run / "FINAL_REPORT.html").read_text(encoding="utf-8")
    for address in {address for address in page.addresses if address.startswith("#")}:
        assert f'id="{address[1:]}"' in text


def test_stored_names_cannot_become_markup(own_run: Path, change: Callable[..., None]) -> None:
    evil = '<script>alert("1")</script>'
    change("efficiency_metrics.json", {"machine": evil})
    change("evaluation/evaluation_metrics.json", {"targets.0.name": "<b>x</b>"})
    (own_run / "config.toml").write_text('note = "</pre><script>"\n', encoding="utf-8")
    rows = read_json_lines(own_run / "evaluation" / "decisions.jsonl")
    wrong = next(row for row in rows if row["true_label"] != row["label"])
    wrong["clip_id"] = "<i onmouseover=1>"
    write_json_lines(own_run / "evaluation" / "decisions.jsonl", rows)
    write_report(own_run)
    page = read_page(own_run / "FINAL_REPORT.html")
    assert not {"script", "i"} & set(page.tags)
    assert evil in [number.text for number in page.numbers]
    assert "<i onmouseover=1>" in [number.text for number in page.numbers]
    assert "<script>" not in (own_run / "FINAL_REPORT.html").read_text(encoding="utf-8")


def test_wrong_decisions_are_listed_and_pictured_first(reported_run: Path, page: Page) -> None:
    rows = read_json_lines(reported_run / "evaluation" / "decisions.jsonl")
    wrong = {f"{row['clip_id']} / {row['track_id']}" for row in rows if row["true_label"] != row["label"]}
    assert wrong
    assert wrong <= {row[0] for row in page.rows if row}
    text = (reported_run / "FINAL_REPORT.html").read_text(encoding="utf-8")
    assert text.index("with a wrong decision") < text.index("all decisions right")


def test_pictures_are_those_of_the_run(reported_run: Path, page: Page) -> None:
    shown = [base64.b64decode(address.partition(",")[2]) for address in page.addresses if "image/png" in address]
    stored = [path.read_bytes() for path in sorted((reported_run / "visualizations").glob("*.png"))]
    assert sorted(shown) == sorted(stored)
    assert sum("image/svg+xml" in address for address in page.addresses) == 7


def test_the_verdict_of_every_target_is_on_the_first_screen(reported_run: Path, page: Page) -> None:
    targets = stored_value(reported_run, "evaluation/evaluation_metrics.json", "targets")
    rows = page.rows[1 : 1 + len(targets)]
    assert [row[3] for row in rows] == ["PASS" if target["met"] else "FAIL" for target in targets]
    assert {"PASS", "FAIL"} == {row[3] for row in rows}
    for row, target in zip(rows, targets, strict=True):
        assert row[4] == f"evaluation/evaluation_metrics.json: {target['name']}"
    assert page.words.index("FAIL") < page.words.index("What was decided?")


def test_the_command_and_the_configuration_are_on_the_page(reported_run: Path) -> None:
    text = (reported_run / "FINAL_REPORT.html").read_text(encoding="utf-8")
    assert "<pre>perdure run --recipe cpu --seed 0</pre>" in text
    assert "early_stop_frame = 4" in text
