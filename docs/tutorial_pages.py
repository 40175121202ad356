"""Tutorials are Python files in cells; this makes a page and a notebook of each.

A cell begins with `# %%`, one of prose with `# %% [markdown]`. What a cell prints is noted beside the tutorial, in
NAME.json, when it is run.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import tempfile
from pathlib import Path
from typing import Any

import jupytext
from nbformat import NotebookNode
from nbformat.v4 import writes

FOLDER = Path(__file__).parent / "tutorials"
_NOTE = """!!! note
    This page is made from [{name}.py]({name}.py); the same as a notebook: [{name}.ipynb]({name}.ipynb)."""


def tutorial_files(*, is_run: bool) -> dict[Path, str]:
    """Returns the text of the page, the notebook and the notes of every tutorial, by path.

    Args:
        is_run: run the tutorials for what they print; otherwise it is taken from the notes.
    """
    files = {}
    for path in sorted(FOLDER.glob("*.py")):
        notes = path.with_suffix(".json")
        notebook = cells_of(path)
        printed = run_cells(notebook) if is_run else json.loads(notes.read_text(encoding="utf-8"))
        files[notes] = json.dumps(printed, indent=1) + "\n"
        files[path.with_suffix(".md")] = page(path.stem, notebook, printed)
        files[path.with_suffix(".ipynb")] = writes(notebook, indent=1) + "\n"
    return files


def cells_of(path: Path) -> NotebookNode:
    """Returns a tutorial as a notebook without outputs, the same every time."""
    notebook: NotebookNode = jupytext.read(path, fmt="py:percent")
    for index, cell in enumerate(notebook.cells):
        cell.id = f"{path.stem}-{index}".replace("_", "-")
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    notebook.metadata = NotebookNode(kernelspec=kernel, language_info={"name": "python"})
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    return notebook


def run_cells(notebook: NotebookNode) -> list[str]:
    """Returns what each cell of code prints, run one after the other in an empty folder."""
    names: dict[str, Any] = {"__name__": "__main__"}
    printed, before = [], Path.cwd()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        try:
            for cell in notebook.cells:
                if cell.cell_type == "code":
                    said = io.StringIO()
                    with contextlib.redirect_stdout(said):
                        exec(compile(cell.source, cell.id, "exec"), names)  # noqa: S102 - it is our own text
                    printed.append(said.getvalue())
        finally:
            os.chdir(before)
    return printed


def page(name: str, notebook: NotebookNode, printed: list[str]) -> str:
    """Returns a tutorial as Markdown: prose, code, and below it what it prints."""
    blocks, outputs = [], iter(printed)
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            blocks.append(cell.source)
            continue
        blocks.append(f"```python\n{cell.source}\n```")
        if said := next(outputs).rstrip():
            blocks.append(f'```text title="prints"\n{said}\n```')
    blocks.insert(1, _NOTE.format(name=name))
    return "\n\n".join(blocks) + "\n"
