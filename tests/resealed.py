"""Stored files with other values in them, sealed as if they had been written so: what is behind the seal is tested."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from perdure.files import SEAL, sealed


def edit(path: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """Changes the object in a JSON file in place."""
    values = json.loads(path.read_text(encoding="utf-8"))
    change(values)
    values.pop(SEAL, None)
    path.write_text(json.dumps(sealed(values)), encoding="utf-8")
