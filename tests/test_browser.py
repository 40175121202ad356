"""The browser of the tests shows a page, has no network, and tells of errors."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from browser import note_faults


def test_a_page_is_shown_as_wide_and_as_dark_as_asked_for(open_page: Callable[..., Any], tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text("<button onclick='this.textContent = innerWidth'>width</button>")
    page = open_page((tmp_path / "page.html").as_uri(), width_px=390, scheme="dark")
    page.click("button")
    assert page.text_content("button") == "390"
    assert page.evaluate("matchMedia('(prefers-color-scheme: dark)').matches")


@pytest.mark.parametrize(
    ("script", "complaint"),
    [
        ("setTimeout(() => { throw new Error('broken') })", "broken"),
        ("console.error('broken')", "broken"),
        ("new Image().src = 'http://elsewhere.test/'", "asked http://elsewhere.test/"),
    ],
)
def test_what_a_page_does_wrong_is_noted(
    open_page: Callable[..., Any], tmp_path: Path, script: str, complaint: str
) -> None:
    (tmp_path / "page.html").write_text("<p>a page</p>")
    page, faults = open_page((tmp_path / "page.html").as_uri()).context.new_page(), []
    note_faults(page, faults)
    page.evaluate(f"() => {{ {script} }}")
    page.wait_for_timeout(200)
    assert complaint in faults
