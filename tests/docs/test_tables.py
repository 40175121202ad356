"""The tables of README, benchmarks and model card are those that their JSON gives."""

from __future__ import annotations

import re

import pytest
from render import PAGES, ROOT, with_tables
from tables import LEARNED, LIBRARY, TABLES, rows_of, table

from perdure.bench.library_rules import LIBRARY_RULES

FIXED = {"2/2", "2/3", "3/3", "3/5", "4/5", "5/5", "SORT", "DeepSORT", "ByteTrack", "4 of first 6"}
BY_HAND = {"tuned hand rule", "tuned hand rule, on test", "track score (Blackman)", "existence (IPDA)"}


@pytest.mark.parametrize("page", PAGES)
def test_a_page_holds_the_tables_that_would_be_written(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    assert with_tables(text, page) == text, "run: python docs/render.py"
    assert len(re.findall(r"<!-- table: ", text)) == text.count("<!-- end of table -->") > 0


def test_every_table_stands_on_a_page() -> None:
    texts = [(ROOT / page).read_text(encoding="utf-8") for page in PAGES]
    assert set(TABLES) == {name for text in texts for name in re.findall(r"<!-- table: ([\w-]+) -->", text)}


def test_a_number_typed_by_hand_is_written_over() -> None:
    page = "docs/benchmarks.md"
    text = (ROOT / page).read_text(encoding="utf-8")
    assert with_tables(text.replace("| 4.42 |", "| 4.54 |"), page) == text


def test_a_marker_without_a_table_is_named() -> None:
    with pytest.raises(ValueError, match=r"page\.md: got table 'reel', expected one of frontier"):
        with_tables("<!-- table: reel -->\n<!-- end of table -->", "page.md")


def test_no_learned_opponent_is_left_out() -> None:
    """Gradient boosting on our inputs, the best one in 15 of 24 rows, was stored and shown nowhere."""
    methods = {row["method"] for row in rows_of("real")} - FIXED - BY_HAND - set(LIBRARY)
    assert {name for name in methods if "perdure" not in name} == set(LEARNED)
    costs = {(row["data"], row["fa_cap"], row["method"]): row["cost"] for row in rows_of("real")}
    best = min(costs["kitti-car", 0.03, name] for name in LEARNED)
    rule = min(costs["kitti-car", 0.03, name] for name in ("tuned hand rule", *LIBRARY))
    assert any(line.startswith(f"| KITTI Car | {rule:.2f} | {best:.2f} |") for line in TABLES["real-short"]())


def test_every_rule_of_a_library_stands_in_the_table_of_rules() -> None:
    assert set(LIBRARY) == set(LIBRARY_RULES)
    header, _, *lines = TABLES["real-rules"]()
    assert all(f"| {name} |" in header for name in LIBRARY) and len(lines) == 24
    assert all(line.count("**") >= 2 for line in lines), "the strongest of each row is in bold"


def test_a_table_in_markdown() -> None:
    assert table(["a", "b"], [["1", "2"]]) == ["| a | b |", "|---|---|", "| 1 | 2 |"]
