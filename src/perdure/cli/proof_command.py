"""`perdure proof red`, `green`, `refactor` and `verify`: recorded runs of the tests of the evaluation."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path

import tyro

from perdure.cli.arguments import Arguments
from perdure.cli.errors import DONE, FAILED
from perdure.cli.terminal import complain, counted, say
from perdure.proof.record import KINDS, Kind
from perdure.proof.store import capture, proof_file, refactor, verify
from perdure.runs.lock import locked
from perdure.runs.run_folder import LATEST, RUNS, RunFolder, named_run


@dataclass(frozen=True, kw_only=True, slots=True)
class CaptureArguments(Arguments):
    """Captures a proof."""

    folder: tyro.conf.Positional[Path | None] = None
    """Run folder; the run that was started last by default, or the current folder if there is none."""

    def __call__(self) -> int:
        folder = proof_folder(self.folder)
        kind: Kind = "red" if isinstance(self, Red) else "green"
        with _held(folder):
            if isinstance(self, Red):
                with counted("faults") as report:
                    record, problems = capture(folder, kind, on_progress=report)
            else:
                record, problems = refactor(folder) if isinstance(self, Refactor) else capture(folder, kind)
        for line in problems:
            complain(line)
        say(("NOT PROVEN", "bold red") if problems else (kind.upper(), "bold green"), f": {record.result()}")
        say(f"  {proof_file(folder, kind)}")
        return FAILED if problems else DONE


class Red(CaptureArguments):
    """Runs the tests of the evaluation against deliberately broken metrics and rules.

    Every fault must be noticed by the tests named for it, and every test notices a fault; exit code 1 if not.

    Reads: the source of perdure and its tests, so it needs a checkout.

    Writes: artifacts/tdd_evaluation_red.txt and .xml (JUnit), and both into the cache that runs take them from.

    Costs: about ten seconds of processor time, on all cores.
    """


class Green(CaptureArguments):
    """Runs the tests of the evaluation on this machine; exit code 1 if one fails.

    Reads: the source of perdure and its tests, so it needs a checkout.

    Writes: artifacts/tdd_evaluation_green.txt and .xml (JUnit), and both into the cache that runs take them from.

    Costs: five seconds.
    """


class Refactor(CaptureArguments):
    """Runs the tests again after a change of the source; the same ones must pass as before.

    Exit code 1, and nothing is written, if they do not.

    Reads: artifacts/tdd_evaluation_green.txt and .xml.

    Writes: both anew; RED has to be captured again for the new source.

    Costs: five seconds.
    """


@dataclass(frozen=True, kw_only=True, slots=True)
class Verify(Arguments):
    """Rejects proofs that were edited, made by hand or from other source: reads them, then runs everything again.

    Reads: artifacts/tdd_evaluation_red.txt and artifacts/tdd_evaluation_green.txt, each with its .xml.

    Writes: nothing.

    Costs: about fifteen seconds of processor time, on all cores; five seconds with --quick.
    """

    folder: tyro.conf.Positional[Path | None] = None
    """Run folder; the run that was started last by default, or the current folder if there is none."""
    quick: bool = False
    """Run the tests again without faults only; RED is then judged by its files alone."""

    def __call__(self) -> int:
        folder = proof_folder(self.folder)
        with counted("faults") as report:
            problems = verify(folder, is_quick=self.quick, on_progress=report)
        for line in problems:
            complain(line)
        if not problems:
            names = " and ".join(str(proof_file(folder, kind)) for kind in KINDS)
            say(("verified", "bold green"), f": {names}")
        return FAILED if problems else DONE


def proof_folder(folder: Path | None) -> Path:
    """Returns the folder that a command line means.

    Raises:
        FileNotFoundError: it does not exist.
    """
    latest = RUNS / LATEST
    if folder is None:
        return named_run(latest).path if latest.exists() else Path()
    if not folder.is_dir():
        raise FileNotFoundError(f"folder {folder}: does not exist; name a run folder, or any other that exists")
    return folder


def _held(folder: Path) -> AbstractContextManager[None]:
    """Keeps a run from working in its folder meanwhile; other folders have nothing that could be disturbed."""
    run = RunFolder(folder)
    return locked(run.lock_file) if run.is_run else nullcontext()
