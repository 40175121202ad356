"""Every example runs as it stands and does what it says."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"
pytestmark = pytest.mark.integration


def output_of(name: str) -> str:
    done = subprocess.run(
        [sys.executable, str(EXAMPLES / name)], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_every_example_is_tested() -> None:
    assert {path.name for path in EXAMPLES.glob("*.py")} == {
        "detections_only.py",
        "existing_tracker.py",
        "numpy_stream.py",
        "yolo_detections.py",
    }


def test_yolo_detections() -> None:
    lines = output_of("yolo_detections.py").splitlines()
    assert lines[0] == "frame 1: track 0 is persistent, age 2", "before the third detection"
    labels = dict(re.search(r"track (\d+) is (\w+)", line).groups() for line in lines)  # type: ignore[union-attr]
    assert labels == {"0": "persistent", "1": "transient"}


def test_detections_only() -> None:
    line, compared = output_of("detections_only.py").splitlines()
    assert re.fullmatch(r"frame [01]: track 0 of class 2 is real, age [12]", line), "before the third detection"
    assert re.fullmatch(r"confirmed at age: gate \{0: [12]\}, three in a row \{0: 3\}", compared), compared


def test_numpy_stream() -> None:
    lines = output_of("numpy_stream.py").splitlines()
    assert len(lines) == 16
    assert "confirmed [], encoded 1" in lines[0]
    assert "confirmed [0], encoded 0" in lines[7], "the second gate must go on from a decision of the first"
    assert "confirmed [0], encoded 0" in lines[-1]


def test_existing_tracker() -> None:
    for module in ("supervision", "trackers"):
        if find_spec(module) is None:
            pytest.skip(f"{module} is not installed (pip install --no-deps trackers; pip install supervision)")
    lines = output_of("existing_tracker.py").splitlines()
    reported = [line.split("reported ")[1] for line in lines]
    assert reported[0] == "[]" and reported[2] == reported[-1] == "[0]"
    assert set(reported) == {"[]", "[0]"}
