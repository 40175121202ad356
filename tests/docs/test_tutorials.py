"""Tutorials run, their pages and notebooks are those that would be made, and they print what the pages say."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

pytest.importorskip("jupytext", reason="jupytext is not installed (pip install '.[docs]')")

from tutorial_pages import FOLDER, cells_of, run_cells, tutorial_files

TUTORIALS = sorted(FOLDER.glob("*.py"))
_NUMBER = re.compile(r"-?\d+(\.\d+)?(, \d+: \d+)*")


def shape_of(text: str) -> str:
    """Returns a text with all numbers alike: other weights, or another machine, may change them."""
    return _NUMBER.sub("#", text)


def test_pages_and_notebooks_are_those_that_would_be_made() -> None:
    for path, text in tutorial_files(is_run=False).items():
        assert path.read_text(encoding="utf-8") == text, f"{path.name}: run python docs/render.py"


def test_a_notebook_holds_the_cells_of_its_tutorial() -> None:
    assert len(TUTORIALS) == 3
    for path in TUTORIALS:
        cells = cells_of(path).cells
        assert cells[0].cell_type == "markdown" and cells[0].source.startswith("# ")
        code = [line for line in path.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")]
        kept = [line for cell in cells if cell.cell_type == "code" for line in cell.source.splitlines() if line]
        assert code == kept


@pytest.mark.slow
@pytest.mark.parametrize("path", TUTORIALS, ids=lambda path: path.stem)
def test_a_tutorial_runs_and_prints_what_its_page_says(path: Path) -> None:
    page = path.with_suffix(".md").read_text(encoding="utf-8")
    for said in run_cells(cells_of(path)):
        assert shape_of(said.rstrip()) in shape_of(page), "run python docs/render.py --run"
