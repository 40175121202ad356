"""One offline page of HTML: its shell, its scripts, and the data that lies in it.

Knows neither runs nor templates of reports; comparisons and other pages are made of the same parts. Loads nothing from
any network: styles and scripts lie in the page, and its policy allows these very scripts alone.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment

SCRIPTS = ("charts.js", "bounds.js", "gallery.js", "page.js")
"""In order; each may use what stands in those before it."""
MAX_BYTES = 5_000_000
"""Largest size of a page, so that it can be sent by mail."""
_FOLDER = Path(__file__).parent / "page"


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """What is on a page.

    Args:
        title: of the window.
        head: HTML of the first screen.
        sections: anchor, title and HTML of each section.
        data: what scripts read, by name: `charts`, `scores`, `gallery`.
    """

    title: str
    head: str
    sections: Sequence[tuple[str, str, str]]
    data: dict[str, Any] = field(default_factory=dict)


def rendered(page: Page, environment: Environment) -> str:
    """Returns a page as one file.

    Args:
        page: what is on it.
        environment: that finds `page.html.j2`.
    """
    scripts = script_text()
    digest = base64.b64encode(hashlib.sha256(scripts.encode("utf-8")).digest()).decode("ascii")
    return environment.get_template("page.html.j2").render(
        title=page.title,
        head=page.head,
        sections=page.sections,
        data={name: embedded(value) for name, value in page.data.items()},
        scripts=scripts,
        digest=digest,
    )


@cache
def script_text() -> str:
    """Returns all scripts as they stand in the page."""
    return "\n" + "\n".join((_FOLDER / name).read_text(encoding="utf-8") for name in SCRIPTS)


def embedded(value: Any) -> str:
    r"""Returns a value as JSON that can stand in a script element: nothing in it can end the element.

    >>> print(embedded({"name": "</script><b>&"}))
    {"name":"\u003c/script\u003e\u003cb\u003e\u0026"}
    """
    text = json.dumps(value, allow_nan=False, separators=(",", ":"))
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def data_uri(kind: str, content: bytes) -> str:
    """Returns a picture as an address that carries its own data.

    Args:
        kind: `png`, `webp` or `svg+xml`.
        content: the bytes.
    """
    return f"data:image/{kind};base64,{base64.b64encode(content).decode('ascii')}"
