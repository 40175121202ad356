"""A real browser without a network, for tests that click through a page; skipped, with a reason, where there is none.

`tests/conftest.py` lets every test have `open_page`.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

ARGUMENTS = ("--no-sandbox", "--disable-gpu", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1")
"""Every host but this machine is unknown to it."""
LOCAL = ("file:", "data:", "blob:", "about:", "http://127.0.0.1:")


@pytest.fixture(scope="module")  # no longer: while it runs, the main thread has an event loop
def chromium() -> Iterator[Any]:
    """Yields the system's Chromium, driven by Playwright, without the browsers that Playwright would download."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed: pip install playwright")
    program = shutil.which("chromium") or shutil.which("google-chrome")
    if program is None:
        pytest.skip("there is no Chromium on this machine: apt-get install chromium")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=list(ARGUMENTS))
        yield browser
        browser.close()


def note_faults(page: Any, faults: list[str]) -> None:
    """Lets a list be told of errors of scripts, of what the console complains of, and of what is asked of others."""
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("console", lambda line: faults.append(line.text) if line.type in ("error", "warning") else None)
    page.on("request", lambda sent: None if sent.url.startswith(LOCAL) else faults.append(f"asked {sent.url}"))


@pytest.fixture
def open_page(chromium: Any) -> Iterator[Callable[..., Any]]:
    """Yields what opens an address in a window of its own; afterwards nothing may have been complained of or sent out.

    The function takes the address, `width_px` (1280), `scheme` (`light` or `dark`) and, where something has to be
    complained of, `expected`, which is a part of it.
    """
    faults: list[str] = []
    excused: set[str] = set()

    def opened(address: str, *, width_px: int = 1280, scheme: str = "light", expected: str = "") -> Any:
        excused.update({expected} - {""})
        context = chromium.new_context(viewport={"width": width_px, "height": 900}, color_scheme=scheme)
        undo.callback(context.close)
        page = context.new_page()
        note_faults(page, faults)
        page.goto(address)
        return page

    with ExitStack() as undo:
        yield opened
    assert not (left := [fault for fault in faults if not any(part in fault for part in excused)]), left
