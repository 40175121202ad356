"""`perdure verify`: whether files are as they were written, and made for each other."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from perdure.cli.arguments import Arguments
from perdure.cli.errors import DONE, FAILED
from perdure.cli.terminal import say


@dataclass(frozen=True, kw_only=True, slots=True)
class Verify(Arguments):
    """Ends with exit code 1 if a run, weights or a calibration are not as they were written, 0 if all of it is.

    Reads: a run folder (outputs, data, weights and targets against its record), a weights file, or the calibration of a
    site; all that is read is compared with the digest that was stored when it was made.

    Writes: nothing.

    Costs: as long as it takes to read the files.
    """

    path: tyro.conf.Positional[Path]
    """Run folder, weights file, weights in the package, or a file of perdure calibrate --data."""
    weights: Annotated[Path | None, tyro.conf.arg(metavar="WEIGHTS")] = None
    """That the calibration of a site is to be used with."""

    def __call__(self) -> int:
        from perdure.recipes.verify import verify

        is_whole = True
        for link in verify(self.path, self.weights):
            is_whole &= link.is_whole
            say(("  whole ", "green") if link.is_whole else ("  BROKEN", "bold red"), f"  {link.name}: {link.text}")
        say(f"{self.path}: {'every link holds' if is_whole else 'do not rely on it'}")
        return DONE if is_whole else FAILED
