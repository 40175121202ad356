"""The seed of the small data set, and what is in a folder."""

from __future__ import annotations

from pathlib import Path

SEED = 5


def content(root: Path) -> dict[str, bytes]:
    """Returns all files of a folder."""
    return {path.name: path.read_bytes() for path in sorted(root.iterdir())}
