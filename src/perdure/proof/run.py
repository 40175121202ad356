"""Captures proofs: GREEN, RED, and GREEN again after a refactoring; `prove` is the stage of a run."""

from __future__ import annotations

import platform
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import perdure
from perdure.files import write_text
from perdure.proof.execute import GREEN_ARGUMENTS, RED_ARGUMENTS, OnProgress, run_checks, run_mutations
from perdure.proof.record import REPLACES, ProofRecord
from perdure.proof.tree import tree_hash
from perdure.proof.verify import proof_file, read_proof, stored_problems
from perdure.runs.machine import usable_cores
from perdure.runs.record import timestamp
from perdure.runs.stage import StageContext


class ProofError(RuntimeError):
    """A check fails, or a fault is not caught."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProofResult:
    """A proof that was captured, or an attempt at one.

    Args:
        path: file that it was written to.
        record: what was written.
        problems: why it proves nothing, in a line each; empty if it does.
    """

    path: Path
    record: ProofRecord
    problems: tuple[str, ...]

    @property
    def is_proven(self) -> bool:
        """Whether every check passes, or every fault is caught."""
        return not self.problems


def run_green(folder: Path) -> ProofResult:
    """Runs all checks and writes what came out, also where one fails, to `artifacts/tdd_evaluation_green.txt`.

    Args:
        folder: the run folder, made if missing.

    Raises:
        RuntimeError: the checks do not end.
        OSError: the file cannot be written.
    """
    header = _header(GREEN_ARGUMENTS)
    return _stored(folder, ProofRecord(kind="green", header=header, runs=(run_checks(),)))


def run_red(folder: Path, *, num_processes: int | None = None, on_progress: OnProgress | None = None) -> ProofResult:
    """Runs all checks with every fault in turn and writes what came out to `artifacts/tdd_evaluation_red.txt`.

    It proves that the checks can fail: every fault must be caught by an assertion, and every check must catch one.

    Args:
        folder: the run folder, made if missing.
        num_processes: faults that are tried at a time; as many as there are cores by default.
        on_progress: told how many faults of how many are done.

    Raises:
        RuntimeError: the faults could not be tried.
        OSError: the file cannot be written.
    """
    header = _header((*RED_ARGUMENTS, "NAME"))
    runs = run_mutations(num_processes=num_processes or usable_cores(), on_progress=on_progress)
    return _stored(folder, ProofRecord(kind="red", header=header, runs=runs))


def run_refactor(folder: Path) -> ProofResult:
    """Runs all checks again after a change of the source and replaces the recorded GREEN, if nothing else changed.

    The same checks must pass as before, none more and none less; else nothing is written.

    Raises:
        FileNotFoundError: no GREEN is recorded.
        ValueError: the recorded GREEN was edited, or proves nothing.
        RuntimeError: the checks do not end.
    """
    before = read_proof(folder, "green")
    if before.problems():
        raise ValueError(f"{proof_file(folder, 'green')}: {before.problems()[0]}; a refactoring starts from a GREEN")
    header = _header(GREEN_ARGUMENTS) | {REPLACES: before.tree}
    record = ProofRecord(kind="green", header=header, runs=(run_checks(),))
    old, new = set(before.checks), set(record.checks)
    problems = [f"check {name}: was there before" for name in sorted(old - new)]
    problems += [f"check {name}: was not there before" for name in sorted(new - old)]
    problems += record.problems()
    if problems:
        return ProofResult(path=proof_file(folder, "green"), record=record, problems=tuple(problems))
    return _stored(folder, record)


def prove(context: StageContext) -> None:
    """Captures RED and GREEN in the run folder; proofs from this very source that lie there already are kept.

    Raises:
        ProofError: a check fails, or a fault is not caught.
        Stopped: the run was asked to stop.
    """

    def on_progress(done: int, total: int) -> None:
        context.log.progress(done, total, "trying faults")
        context.raise_if_stopping()

    folder = context.run.path
    if not stored_problems(folder):
        context.log.note("proof: RED and GREEN of this source are there already")
        return
    _require(run_green(folder))
    _require(run_red(folder, num_processes=context.num_workers, on_progress=on_progress))


def _require(result: ProofResult) -> None:
    if not result.is_proven:
        more = f" and {len(result.problems) - 1} more" if len(result.problems) > 1 else ""
        raise ProofError(f"proof {result.record.kind}: {result.problems[0]}{more}; see {result.path}")


def _header(arguments: tuple[str, ...]) -> dict[str, str]:
    return {
        "date": timestamp(),
        "command": " ".join(("python", *arguments)),
        "python": platform.python_version(),
        "numpy": version("numpy"),
        "scipy": version("scipy"),
        "perdure": perdure.__version__,
        "platform": platform.platform(),
        "tree": tree_hash(),
    }


def _stored(folder: Path, record: ProofRecord) -> ProofResult:
    path = proof_file(folder, record.kind)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, record.to_text())
    return ProofResult(path=path, record=record, problems=tuple(record.problems()))
