"""Extractors by name."""

from __future__ import annotations

import pytest

from perdure.extractors.registry import EXTRACTORS, build_extractor
from perdure.tokenizer.config import TokenizerConfig


@pytest.mark.parametrize("name", ["resnet", "", "MAGVIT"])
def test_an_unknown_name_is_an_error_that_lists_the_known_ones(name: str) -> None:
    with pytest.raises(ValueError, match=f"extractor: got '{name}', expected one of .*magvit"):
        build_extractor(name, TokenizerConfig())


def test_magvit_is_among_the_known_ones() -> None:
    assert "magvit" in EXTRACTORS
