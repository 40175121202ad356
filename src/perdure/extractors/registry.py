"""Extractors by name."""

from __future__ import annotations

from perdure.extractors.magvit import MagvitExtractor
from perdure.tokenizer.config import TokenizerConfig

EXTRACTORS = ("magvit",)


def build_extractor(name: str, tokenizer: TokenizerConfig) -> MagvitExtractor:
    """Returns the extractor of that name.

    Raises:
        ValueError: there is none of that name.
    """
    if name != "magvit":
        raise ValueError(f"model.extractor: got '{name}', expected one of {', '.join(EXTRACTORS)}")
    return MagvitExtractor(tokenizer)
