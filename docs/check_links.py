"""Checks that every link, anchor and picture of a built site leads somewhere inside of it.

    python docs/check_links.py site

Addresses on other machines are not called: a check must not depend on whether they answer today.
"""

from __future__ import annotations

import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit


class Page(HTMLParser):
    """Collects the links and the anchors of a page."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.links: set[str] = set()
        self.anchors: set[str] = set()
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Notes what an element links to, and by what it can be linked to."""
        for name, value in attrs:
            if name in ("href", "src") and value is not None and tag != "base":
                self.links.add(value)
            elif name in ("id", "name") and value is not None:
                self.anchors.add(value)


def broken_links(site: Path) -> list[str]:
    """Returns one line for each link of a site that leads nowhere.

    Raises:
        FileNotFoundError: the folder holds no page.
    """
    pages = {path.resolve(): Page(path) for path in sorted(site.rglob("*.html"))}
    if not pages:
        raise FileNotFoundError(f"site: {site} holds no page; build it first (mkdocs build)")
    broken = []
    for path, page in pages.items():
        if path.name == "404.html":  # it is shown in the place of any page, so its links begin at the root
            continue
        for link in sorted(page.links):
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            if target.is_dir():
                target /= "index.html"
            missing = not target.exists()
            fragment = unquote(parts.fragment)
            lost = bool(fragment) and target in pages and fragment not in pages[target].anchors
            if missing or (lost and not fragment.startswith("__")):
                broken.append(f"{path.relative_to(site.resolve())}: {link}")
    return broken


def main() -> int:
    """Runs the command."""
    broken = broken_links(Path(sys.argv[1] if len(sys.argv) > 1 else "site"))
    sys.stdout.write("".join(f"leads nowhere: {line}\n" for line in broken))
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
