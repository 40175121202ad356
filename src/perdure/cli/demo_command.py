"""`perdure demo`: the gate on a real clip that comes with the package."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import as_file, files
from pathlib import Path

from perdure.cli.arguments import parse
from perdure.cli.watch_command import watch

MAX_FALSE_CONFIRM = 0.15
"""Rate that the demo asks for. On this clip every second frame has clutter that comes three times in a row."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DemoArguments:
    """Shows the gate on a real clip: a drone on infrared video, among the clutter of a plain detector.

    Reads: clip, detections and weights in the package; nothing else is needed.

    Writes: what perdure watch writes, into OUT.

    Costs: about ten seconds.
    """

    out: Path = Path("demo")
    """Folder for what comes out."""
    show: bool = False
    """Show the annotated video in a window as it is made; q or Esc ends it."""


def demo(words: Sequence[str], command: str) -> int:
    """Runs `perdure demo`."""
    arguments = parse(DemoArguments, words, command=command)
    with as_file(files("perdure") / "demo") as folder:
        given = [str(folder / "drone.mp4"), "--detections", str(folder / "detections.txt")]
        given += ["--max-false-confirm", str(MAX_FALSE_CONFIRM), "--compare", "3"]
        return watch([*given, "--out", str(arguments.out), *(["--show"] if arguments.show else [])], command)
