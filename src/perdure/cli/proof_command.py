"""`perdure proof red`, `green`, `refactor` and `verify`: recorded runs of the checks of the evaluation."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, make_dataclass
from pathlib import Path

import tyro

from perdure.cli.arguments import parse
from perdure.cli.terminal import complain, counted, say
from perdure.proof.run import ProofResult, run_green, run_red, run_refactor
from perdure.proof.verify import KINDS, proof_file, verify
from perdure.runs.lock import locked
from perdure.runs.run_folder import LATEST, RUNS, RunFolder, named_run

HELP = {
    "proof red": """Tries every check of the evaluation against deliberately broken metrics and rules.

    Every fault must be caught by a check, and every check must catch a fault; exit code 1 if not.

    Reads: nothing but the source of perdure.

    Writes: artifacts/tdd_evaluation_red.txt.

    Costs: about half a minute of processor time, on all cores.""",
    "proof green": """Runs the checks of the evaluation on this machine; exit code 1 if one fails.

    Reads: nothing but the source of perdure.

    Writes: artifacts/tdd_evaluation_green.txt.

    Costs: two seconds.""",
    "proof refactor": """Runs the checks again after a change of the source; the same ones must pass as before.

    Exit code 1, and nothing is written, if they do not.

    Reads: artifacts/tdd_evaluation_green.txt.

    Writes: artifacts/tdd_evaluation_green.txt anew; RED has to be captured again for the new source.

    Costs: two seconds.""",
}
"""Help texts by command."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CaptureArguments:
    """Arguments of a command that captures a proof."""

    folder: tyro.conf.Positional[Path | None] = None
    """Run folder; the run that was started last by default, or the current folder if there is none."""


def capture(words: Sequence[str], command: str) -> int:
    """Runs `perdure proof red`, `green` or `refactor`."""
    described: type[CaptureArguments] = make_dataclass("CaptureArguments", [], bases=(CaptureArguments,), frozen=True)
    described.__doc__ = HELP[command]
    folder = proof_folder(parse(described, words, command=command).folder)
    with _held(folder):
        if command == "proof red":
            with counted("mutations") as report:
                result = run_red(folder, on_progress=report)
        else:
            result = run_green(folder) if command == "proof green" else run_refactor(folder)
    return _say(result)


def _say(result: ProofResult) -> int:
    for line in result.problems:
        complain(line)
    style = "bold green" if result.is_proven else "bold red"
    say((result.record.kind.upper() if result.is_proven else "NOT PROVEN", style), f": {result.record.result()}")
    say(f"  {result.path}")
    return 0 if result.is_proven else 1


@dataclass(frozen=True, kw_only=True, slots=True)
class VerifyArguments:
    """Rejects proofs that were edited, made by hand or from other source: reads them, then runs everything again.

    Reads: artifacts/tdd_evaluation_red.txt and artifacts/tdd_evaluation_green.txt.

    Writes: nothing.

    Costs: about half a minute of processor time, on all cores; two seconds with --quick.
    """

    folder: tyro.conf.Positional[Path | None] = None
    """Run folder; the run that was started last by default, or the current folder if there is none."""
    quick: bool = False
    """Run the checks again without faults only; RED is then judged by its file alone."""


def check_proofs(words: Sequence[str], command: str) -> int:
    """Runs `perdure proof verify`."""
    arguments = parse(VerifyArguments, words, command=command)
    folder = proof_folder(arguments.folder)
    with counted("mutations") as report:
        problems = verify(folder, is_quick=arguments.quick, on_progress=report)
    for line in problems:
        complain(line)
    if not problems:
        names = " and ".join(str(proof_file(folder, kind)) for kind in KINDS)
        say(("verified", "bold green"), f": {names}")
    return 1 if problems else 0


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


@contextmanager
def _held(folder: Path) -> Iterator[None]:
    """Keeps a run from working in its folder meanwhile; other folders have nothing that could be disturbed."""
    run = RunFolder(folder)
    if not run.is_run:
        yield
        return
    with locked(run.lock_file):
        yield
