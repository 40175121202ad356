"""Where proofs lie: in run folders, and in a cache by source, since one of a version of the source is enough."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from pathlib import Path

from perdure.files import write_text
from perdure.proof.faults import ROOT, SUITE, TABLE, read_faults, what_is_missing
from perdure.proof.record import KINDS, Kind, OnProgress, ProofRecord, captured, surroundings
from perdure.runs.run_folder import RunFolder
from perdure.runs.stage import StageContext

logger = logging.getLogger(__name__)

KEPT = 16
"""Versions of the source whose proofs are kept."""


class ProofError(RuntimeError):
    """A test fails, or a fault is not noticed."""


def proof_file(folder: Path, kind: Kind) -> Path:
    """Returns where the proof of a run folder lies, in words; its XML lies beside it."""
    return RunFolder(folder).artifacts / f"tdd_evaluation_{kind}.txt"


def cache_folder() -> Path:
    """Returns the folder of all proofs of this user: in `XDG_CACHE_HOME`, or else `~/.cache`."""
    named = Path(os.environ.get("XDG_CACHE_HOME", ""))
    return (named if named.is_absolute() else Path.home() / ".cache") / "perdure" / "proof"


def read_proof(path: Path, kind: Kind) -> ProofRecord:
    """Returns a stored proof.

    Raises:
        FileNotFoundError: it is not there.
        ValueError: it is not as it was written, or of another kind.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path}: does not exist; run 'perdure proof {kind} {path.parents[1]}'")
    text, xml = path.read_text(encoding="utf-8"), path.with_suffix(".xml")
    try:
        if not xml.is_file():
            raise ValueError(f"has no {xml.name} beside it ({' '.join(text.splitlines()[1:2]) or 'no result'})")
        record = ProofRecord.read(text, xml.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    if record.kind != kind:
        raise ValueError(f"{path}: holds the proof {record.kind}, expected {kind}")
    return record


def problems_of(record: ProofRecord) -> list[str]:
    """Returns in a line each why a record proves nothing of this source; empty if it does."""
    if changed := record.changed_files():
        return [f"was made from other source ({changed[0]} has changed)"]
    faults = read_faults()
    needed = {fault.file for fault in faults} | {TABLE, SUITE / "run_faults.py"}
    needed |= {ROOT / "tests" / test.partition("::")[0] for fault in faults for test in fault.tests.split()}
    left_out = sorted({path.relative_to(ROOT).as_posix() for path in needed} - set(record.files))
    return [*(f"does not say from which {name} it was made" for name in left_out), *record.problems(faults)]


def stored_problems(folder: Path) -> list[str]:
    """Returns what the files of a run folder alone show: unreadable, edited, of other source, nothing proven."""
    problems: list[str] = []
    for kind in KINDS:
        path = proof_file(folder, kind)
        try:
            record = read_proof(path, kind)
        except (OSError, ValueError) as error:
            problems.append(" ".join(str(error).split()))
            continue
        problems += [f"{path}: {line}; run 'perdure proof {kind} {folder}'" for line in problems_of(record)]
    return problems


def verify(folder: Path, *, is_quick: bool = False, on_progress: OnProgress | None = None) -> list[str]:
    """Returns in a line each why the proofs of a run folder cannot be trusted; empty if they can.

    First the files alone, then all tests are run again, and must come out as recorded. That finds files that are
    consistent but were never the output of a run.

    Args:
        folder: the run folder.
        is_quick: run the tests again without faults only; a hand-made RED may then go unnoticed.
        on_progress: told how many faults of how many are done.

    Raises:
        FileNotFoundError: the tests are not there.
    """
    if reason := what_is_missing():
        raise FileNotFoundError(f"proof: {reason}")
    problems = stored_problems(folder)
    if problems:
        return problems
    for kind in ("green",) if is_quick else KINDS:
        recorded = read_proof(proof_file(folder, kind), kind)
        problems += _differences(recorded, captured(kind, on_progress=on_progress))
    return problems


def _differences(recorded: ProofRecord, again: ProofRecord) -> Iterator[str]:
    for run, cases in again.outcomes.items():
        known = recorded.outcomes[run]
        for name in sorted({*cases, *known}):
            if cases.get(name) != known.get(name):
                yield f"{run}: test {name}: recorded {known.get(name)}, now {cases.get(name)}"


def capture(
    folder: Path, kind: Kind, *, num_processes: int | None = None, on_progress: OnProgress | None = None
) -> tuple[ProofRecord, list[str]]:
    """Captures a proof in a run folder, and in the cache if it is one.

    Returns:
        What came out, and in a line each why it proves nothing.

    Raises:
        FileNotFoundError: the tests are not there.
        RuntimeError: the tests could not be run.
        OSError: the files cannot be written.
    """
    record = captured(kind, num_processes=num_processes, on_progress=on_progress)
    _write(proof_file(folder, kind), record)
    problems = problems_of(record)
    if not problems:
        _remember(record, kind)
    return record, problems


def refactor(folder: Path) -> tuple[ProofRecord, list[str]]:
    """Runs all tests again after a change of the source and replaces the recorded GREEN, if nothing else changed.

    The same tests must pass as before, none more and none less; else nothing is written.

    Returns:
        What came out, and in a line each why it is not the same.

    Raises:
        FileNotFoundError: no GREEN is recorded, or the tests are not there.
        ValueError: the recorded GREEN was edited, or is none.
        RuntimeError: the tests could not be run.
    """
    path = proof_file(folder, "green")
    before = read_proof(path, "green")
    if {value for cases in before.outcomes.values() for value in cases.values()} != {"passed"}:
        raise ValueError(f"{path}: {before.result()}; a refactoring starts from a GREEN")
    record = captured("green", replaces=before.source)
    differences = list(_differences(before, record))
    if not differences:
        _write(path, record)
    return record, differences


def prove(context: StageContext) -> None:
    """Puts RED and GREEN of this source into the run folder: those there, those in the cache, or new ones.

    Without the tests of perdure nothing can be proven; the files then say so.

    Raises:
        ProofError: a test fails, or a fault is not noticed.
        Stopped: the run was asked to stop.
    """
    folder, reason = context.run.path, what_is_missing()
    if reason is not None:
        for kind in KINDS:
            _make_room(proof_file(folder, kind)).with_suffix(".xml").unlink(missing_ok=True)
            write_text(proof_file(folder, kind), f"perdure proof: {kind}\nresult: nothing is proven: {reason}\n")
        context.log.note(f"proof: skipped, {reason}")
        return
    if not stored_problems(folder):
        context.log.note("proof: RED and GREEN of this source are there already")
        return
    for kind in reversed(KINDS):
        record = _remembered(kind)
        if record is not None:
            _write(proof_file(folder, kind), record)
            context.log.note(f"proof: {kind.upper()} of this source was captured {record.header['date']}")
            continue
        on_progress = context.on_progress("trying faults") if kind == "red" else None
        _, problems = capture(folder, kind, num_processes=context.num_workers, on_progress=on_progress)
        if problems:
            more = f" and {len(problems) - 1} more" if len(problems) > 1 else ""
            raise ProofError(f"proof {kind}: {problems[0]}{more}; see {proof_file(folder, kind)}")


def _make_room(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def _write(path: Path, record: ProofRecord) -> None:
    write_text(_make_room(path).with_suffix(".xml"), record.to_xml())
    write_text(path, record.to_text())


def _remember(record: ProofRecord, kind: Kind) -> None:
    """Keeps a proof in the cache, as far as there is room for one; the oldest ones go."""
    folder = cache_folder()
    try:
        _write(folder / f"{record.source[:16]}-{kind}.txt", record)
        old = sorted(folder.glob(f"*-{kind}.txt"), key=lambda path: path.stat().st_mtime)[:-KEPT]
        for path in old:
            path.unlink(missing_ok=True)
            path.with_suffix(".xml").unlink(missing_ok=True)
    except OSError as error:
        logger.warning("proof: not kept for other runs (%s)", error)


def _remembered(kind: Kind) -> ProofRecord | None:
    """Returns a proof of this source, with these versions, from the cache; what is no such proof is passed over."""
    here = surroundings()
    for path in cache_folder().glob(f"*-{kind}.txt"):
        try:
            record = read_proof(path, kind)
        except (OSError, ValueError) as error:
            logger.info("proof: passed over: %s", error)
            continue
        if here.items() <= record.header.items() and not problems_of(record):
            return record
    return None
