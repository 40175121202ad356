"""Says why stored proofs cannot be trusted: edited, from other source, hand-made, or no proof at all."""

from __future__ import annotations

import unittest
from collections.abc import Iterator
from pathlib import Path

from perdure.proof.check_run import PREFIX, CheckRun
from perdure.proof.execute import OnProgress, fault_of, run_checks, run_mutations
from perdure.proof.mutant import CHECKS
from perdure.proof.mutations import MUTATIONS
from perdure.proof.record import Kind, ProofRecord
from perdure.proof.tree import tree_hash
from perdure.runs.machine import usable_cores
from perdure.runs.run_folder import RunFolder

KINDS: tuple[Kind, ...] = ("red", "green")


def proof_file(folder: Path, kind: Kind) -> Path:
    """Returns where the proof of a run folder lies."""
    return RunFolder(folder).artifacts / f"tdd_evaluation_{kind}.txt"


def read_proof(folder: Path, kind: Kind) -> ProofRecord:
    """Returns a stored proof.

    Raises:
        FileNotFoundError: there is none.
        ValueError: it is not as it was written.
    """
    path = proof_file(folder, kind)
    if not path.is_file():
        raise FileNotFoundError(f"{path}: does not exist; run 'perdure proof {kind} {folder}'")
    try:
        record = ProofRecord.from_text(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    if record.kind != kind:
        raise ValueError(f"{path}: holds the proof {record.kind}, expected {kind}")
    return record


def verify(folder: Path, *, is_quick: bool = False, on_progress: OnProgress | None = None) -> list[str]:
    """Returns in a line each why the proofs of a run folder cannot be trusted; empty if they can.

    First the files alone, then all checks are run again, and must come out as recorded: without a fault, and with
    every fault in turn. That finds files that are consistent but were never the output of a run.

    Args:
        folder: the run folder.
        is_quick: run the checks again without faults only; a hand-made RED file may then go unnoticed.
        on_progress: told how many runs of how many have ended.
    """
    records, problems = _examined(folder)
    if problems:
        return problems
    again = [run_checks()]
    if not is_quick:
        again += run_mutations(num_processes=usable_cores(), on_progress=on_progress)
    recorded = {run.name: run for record in records for run in record.runs}
    return [line for run in again for line in _differences(recorded[run.name], run)]


def stored_problems(folder: Path) -> list[str]:
    """Returns what the files alone show: unreadable, edited, other source, other checks or faults, nothing proven."""
    return _examined(folder)[1]


def _examined(folder: Path) -> tuple[list[ProofRecord], list[str]]:
    """Returns the proofs that can be read, and the problems of all."""
    found: list[str] = []
    records: list[ProofRecord] = []
    for kind in KINDS:
        try:
            records.append(read_proof(folder, kind))
        except (OSError, ValueError) as error:
            found.append(" ".join(str(error).split()))
    tree, names = tree_hash(), check_names()
    for record in records:
        path = proof_file(folder, record.kind)
        if record.tree != tree:
            found.append(
                f"{path}: was made from other source (tree {record.tree[:12]}, now {tree[:12]}); "
                f"run 'perdure proof {record.kind} {folder}'"
            )
            continue
        found += [f"{path}: {line}" for line in (*_mismatches(record, names), *record.problems())]
    return records, found


def check_names() -> list[str]:
    """Returns the names of all checks of this source, sorted."""

    def cases(suite: unittest.TestSuite | unittest.TestCase) -> Iterator[unittest.TestCase]:
        if isinstance(suite, unittest.TestCase):
            yield suite
        else:
            for item in suite:
                yield from cases(item)

    found = unittest.defaultTestLoader.loadTestsFromName(CHECKS)
    return sorted(case.id().removeprefix(PREFIX) for case in cases(found))


def _mismatches(record: ProofRecord, names: list[str]) -> Iterator[str]:
    """Yields where a record has other runs or other checks than this source."""
    faults = {mutation.name: fault_of(mutation) for mutation in MUTATIONS}
    expected = list(faults.items()) if record.kind == "red" else [("unchanged", {})]
    if [(run.name, dict(run.fault)) for run in record.runs] != expected:
        yield f"its {len(record.runs)} runs are not the {len(expected)} that this source makes"
    for run in record.runs:
        if sorted(run.outcomes) != names:
            yield f"{run.name}: ran {len(run.outcomes)} checks that are not the {len(names)} of this source"


def _differences(recorded: CheckRun, again: CheckRun) -> list[str]:
    """Returns where a run comes out otherwise than recorded."""
    found = [
        f"{again.name}: check {name}: recorded {recorded.outcomes.get(name, 'nothing')}, now {outcome}"
        for name, outcome in again.outcomes.items()
        if outcome != recorded.outcomes.get(name)
    ]
    if recorded.exit_code != again.exit_code:
        found.append(f"{again.name}: recorded exit code {recorded.exit_code}, now {again.exit_code}")
    return found
