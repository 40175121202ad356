"""Writes what the documents hold that programs know better: tables from their JSON, tutorials as pages and notebooks.

    python docs/render.py            # rewrite the tables between `<!-- table: NAME -->` and `<!-- end of table -->`
    python docs/render.py --check    # exit code 1, and the pages' names, where one is not what would be written
    python docs/render.py --run      # also run the tutorials (docs/tutorials/*.py) and note what they print

Tables need the standard library alone; tutorials need `jupytext` (extra `docs`), with --run also the package.
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path

from tables import TABLES

ROOT = Path(__file__).resolve().parents[1]
PAGES = ("README.md", "docs/index.md", "docs/benchmarks.md", "src/perdure/weights/MODEL_CARD.md")
"""Pages with tables."""
_TABLE = re.compile(r"(<!-- table: (?P<name>[\w-]+) -->\n).*?(<!-- end of table -->)", flags=re.DOTALL)


def with_tables(text: str, page: str) -> str:
    """Returns a page with its tables as their JSON says.

    Raises:
        ValueError: a marker names a table that there is not.
    """

    def written(match: re.Match[str]) -> str:
        name = match["name"]
        if name not in TABLES:
            raise ValueError(f"{page}: got table '{name}', expected one of {', '.join(TABLES)}")
        # The empty lines keep a comment from swallowing the table where HTML blocks end at an empty line only.
        return match[1] + "\n" + "\n".join(TABLES[name]()) + "\n\n" + match[3]

    return _TABLE.sub(written, text)


def rendered(is_run: bool) -> dict[Path, str]:
    """Returns the text of every page with rendered parts, by path."""
    pages = {ROOT / page: with_tables((ROOT / page).read_text(encoding="utf-8"), page) for page in PAGES}
    from tutorial_pages import tutorial_files  # needs jupytext, which tables do not

    return pages | tutorial_files(is_run=is_run)


def main() -> int:
    """Runs the command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing, say what differs")
    parser.add_argument("--run", action="store_true", help="run the tutorials and note what they print")
    arguments = parser.parse_args()
    differing = []
    for path, text in rendered(arguments.run).items():
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            differing.append(str(path.relative_to(ROOT)))
            if not arguments.check:
                path.write_text(text, encoding="utf-8")
    verb = "differs" if arguments.check else "written"
    sys.stdout.write("".join(f"{verb}: {name}\n" for name in differing))
    return 1 if arguments.check and differing else 0


if __name__ == "__main__":
    sys.exit(main())
