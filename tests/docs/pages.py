"""The pages that people read, and the fenced blocks in them."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
BY_PROGRAM = {ROOT / "docs" / name for name in ("model-card.md", "contributing.md", "changelog.md")}
"""Pages of the site that hold files of the repository, which are read where they are."""
PAGES = sorted(
    {ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md", "src/perdure/weights/MODEL_CARD.md")}
    | {path for path in (ROOT / "docs").rglob("*.md") if path not in BY_PROGRAM}
)
TUTORIALS = {path.with_suffix(".md") for path in (ROOT / "docs" / "tutorials").glob("*.py")}
_FENCE = re.compile(r"^```(\w*)[^\n]*\n(.*?)^```", flags=re.MULTILINE | re.DOTALL)
_INLINE = re.compile(r"(?<!`)`(perdure [^`]+)`", flags=re.DOTALL)


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block of a page."""

    page: Path
    language: str
    text: str


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def blocks_of(page: Path) -> list[Block]:
    return [Block(page, language, text) for language, text in _FENCE.findall(page.read_text(encoding="utf-8"))]


def prose_of(page: Path) -> str:
    return _FENCE.sub("", page.read_text(encoding="utf-8"))


def command_lines() -> list[tuple[str, str]]:
    """Returns every command in a block of every page, with the page's name; comments are left out."""
    found = []
    for page in PAGES:
        for line in (line for block in blocks_of(page) if block.language == "sh" for line in block.text.splitlines()):
            words = shlex.join(shlex.split(line, comments=True))
            found += [(name_of(page), command) for command in words.split(" '&&' ") if command]
    return list(dict.fromkeys(found))


def mentions() -> list[tuple[str, str]]:
    """Returns every `perdure ...` in the prose of every page, perhaps without its arguments, with the page's name."""
    found = [(name_of(page), " ".join(text.split())) for page in PAGES for text in _INLINE.findall(prose_of(page))]
    return [(page, text) for page, text in dict.fromkeys(found) if "COMMAND" not in text]
