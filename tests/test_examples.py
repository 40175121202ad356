"""Every example runs as it stands and does what it says."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
import tomllib
from importlib.util import find_spec
from pathlib import Path

import pytest

from perdure.cli.run_command import Run
from perdure.recipes.recipes import recipe

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


def test_the_task_for_hired_machines_starts_a_run_that_goes_on_after_a_loss() -> None:
    yaml = pytest.importorskip("yaml", reason="PyYAML is not installed (it comes with the extra docs)")
    task = yaml.safe_load((EXAMPLES / "skypilot.yaml").read_text(encoding="utf-8"))
    program, command, *words = shlex.split(task["run"].replace("$RECIPE", task["envs"]["RECIPE"]))
    assert (Path(program).name, command) == ("perdure", "run")
    arguments = Run.read(words, command)
    assert (arguments.config, arguments.resume) == (recipe("gpu"), True)
    (bucket,) = task["file_mounts"]
    assert str(arguments.out).startswith(f"{bucket}/"), "what a lost machine has done is in the bucket"
    extras = tomllib.loads((EXAMPLES.parent / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    asked = re.search(r"'\.\[([\w,]+)\]'", task["setup"])
    assert asked is not None and set(asked[1].split(",")) <= set(extras["optional-dependencies"])


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
