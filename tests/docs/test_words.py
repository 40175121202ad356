"""The documents use one word for each thing, that of the glossary, in lines of at most 120 columns."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from docs.pages import PAGES, ROOT, TUTORIALS, name_of, prose_of

TEXTS = sorted({*PAGES, ROOT / "dev" / "LOG.md", ROOT / "CODE_OF_CONDUCT.md"})
WORDS = {
    r"hand rules?": "M-of-N baseline",
    r"(optimum|bound) of seeing": "full-observation bound",
    r"optimum of detections": "detection-only bound",
    r"looks (of|at) (crops|tables|whole)": "appearance features",
    r"price of the promise": "excess delay",
    r"(made-up|invented) (scenes?|detections|detectors?)": "synthetic detections",
    r"(break|broken|breaks|keep|keeps|kept) (its|the|their) (promise|rates?)": "violate, satisfy",
    r"veterans?": "long-lived",
    r"three hits": "three in a row",
    r"TRUE tracks|FALSE tracks|true tracks|false tracks": "persistent, transient tracks",
}
"""What is not said, and what is said for it."""
TERMS = ("associated", "appearance features", "M-of-N baseline", "detection-only bound", "full-observation bound",
         "excess delay", "synthetic detections", "persistent", "long-lived", "violate", "satisfy", "known scores",
         "horizon", "guarantee", "false confirm", "decision frame")  # fmt: skip


@pytest.mark.parametrize("page", TEXTS, ids=name_of)
def test_a_page_speaks_the_words_of_the_glossary(page: Path) -> None:
    prose = " ".join(re.sub(r"`[^`]*`", "", prose_of(page)).split())
    said = {found[0]: instead for word, instead in WORDS.items() if (found := re.search(rf"\b(?:{word})\b", prose))}
    assert not said, f"{name_of(page)}: {said}"


@pytest.mark.parametrize("page", [page for page in TEXTS if page not in TUTORIALS], ids=name_of)
def test_lines_have_at_most_120_columns(page: Path) -> None:
    lines = page.read_text(encoding="utf-8").splitlines()
    long = [line for line in lines if len(line) > 120 and not line.startswith(("|", "!["))]
    assert not long, f"{name_of(page)}: {long[0]}"


def test_the_glossary_explains_about_twenty_terms() -> None:
    text = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8")
    terms = re.findall(r"^\*.+\*$", text, flags=re.MULTILINE)
    assert len(terms) >= 20
    assert not [term for term in TERMS if term not in text]


def test_readme_fits_on_a_few_screens_and_begins_with_how_to_install() -> None:
    lines = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()
    assert len(lines) < 200
    assert any(line.startswith("pip install ") for line in lines[:20])


def test_every_experiment_of_the_log_has_a_dated_heading() -> None:
    text = (ROOT / "dev" / "LOG.md").read_text(encoding="utf-8")
    headings = re.findall(r"^## (.*)$", text, flags=re.MULTILINE)
    assert len(headings) > 40
    assert not [heading for heading in headings if not re.match(r"\d{4}-\d{2}-\d{2}: \S", heading)]


def test_questions_of_the_design_page_are_answered_by_the_room_that_is_named() -> None:
    text = (ROOT / "docs" / "design.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| [^|]+\? \| `(\w+)` \| `([\w/]+\.py)`, `(\w+)` \|$", text, flags=re.MULTILINE)
    assert len(rows) >= 10
    for room, path, name in rows:
        assert path.startswith(f"{room}/"), path
        source = (ROOT / "src" / "perdure" / path).read_text(encoding="utf-8")
        assert re.search(rf"^(def|class) {name}\b", source, flags=re.MULTILINE), f"{path} has no {name}"
