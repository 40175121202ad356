"""A host behind a real sshd on loopback, and a small repository of a user whose runs take seconds."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from remote.loopback import MISSING, Loopback


@pytest.fixture
def testbox(tmp_path: Path) -> Iterator[Loopback]:
    """A running sshd that `testbox` of its ssh configuration leads to."""
    if MISSING:
        pytest.skip(f"not installed: {', '.join(MISSING)} (Debian: apt-get install openssh-server rsync)")
    folder = tmp_path / "sshd"
    folder.mkdir()
    box = Loopback(folder)
    box.make()
    box.start()
    yield box
    box.stop()
