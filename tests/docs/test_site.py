"""The site builds without a warning, and every link in it leads somewhere."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from check_links import broken_links

from docs.pages import ROOT


@pytest.mark.slow
def test_the_site_builds_strictly_and_no_link_is_broken(tmp_path: Path) -> None:
    if find_spec("mkdocstrings") is None:
        pytest.skip("mkdocs-material or mkdocstrings is not installed (pip install '.[docs]')")
    built = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(tmp_path / "site")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"NO_MKDOCS_2_WARNING": "1"},
    )
    assert built.returncode == 0, built.stdout + built.stderr
    assert broken_links(tmp_path / "site") == []
    assert "PersistenceGate" in (tmp_path / "site" / "api" / "index.html").read_text(encoding="utf-8")


def test_links_that_lead_nowhere_are_named(tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text('<a href="b.html#here"></a><img src="no.png"><a href="b.html#gone"></a>')
    (tmp_path / "b.html").write_text('<p id="here"></p><a href="https://example.org/x"></a><a href="c.html"></a>')
    assert broken_links(tmp_path) == ["a.html: b.html#gone", "a.html: no.png", "b.html: c.html"]


def test_a_folder_without_pages_is_no_site(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="holds no page"):
        broken_links(tmp_path)
