"""What the site takes from elsewhere: pages that stand in the repository, and the list of commands."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "src"))


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Returns a page with files and the list of commands in the places of their markers."""
    markdown = re.sub(r"<!-- file: (\S+) -->", lambda match: _file(match[1]), markdown)
    return markdown.replace("<!-- commands -->", _commands()) if "<!-- commands -->" in markdown else markdown


def _file(name: str) -> str:
    """Returns a page of the repository, its links into `docs/` as they are on the site."""
    text = (ROOT / name).read_text(encoding="utf-8")
    return re.sub(r"\]\((?:\.\./)*docs/", "](", text)


def _commands() -> str:
    """Returns a table of all commands for each group of them."""
    from perdure.cli.program import GROUPS

    lines = []
    for title, commands in GROUPS.items():
        lines += [f"## {title}", "", "| command | does |", "|---|---|"]
        lines += [f"| `perdure {command.words}` | {command.summary} |" for command in commands]
        lines.append("")
    return "\n".join(lines)
