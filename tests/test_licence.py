"""One licence: its text, the package metadata, README and the model card name the same one."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
NAME = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["license"]


def test_the_text_is_that_of_the_licence_named_in_the_metadata() -> None:
    """README and card once said Apache-2.0 while LICENSE and the metadata said MIT."""
    text = (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert NAME == "Apache-2.0"
    assert re.search(r"Apache License\s+Version 2\.0, January 2004", text)
    assert "END OF TERMS AND CONDITIONS" in text, "the whole text is there"
    assert re.search(r"Copyright \d{4} The perdure authors", text)


@pytest.mark.parametrize("page", ["README.md", "src/perdure/weights/MODEL_CARD.md"])
def test_every_page_that_names_a_licence_of_ours_names_this_one(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    named = re.findall(r"(?:^## Licence\n+|^\| licence \| )([\w.-]+?)[.,]?(?:\s|$)", text, flags=re.MULTILINE)
    assert named and set(named) == {NAME}
