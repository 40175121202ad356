"""Proofs that are consistent and show all that is wanted, but were never the output of a run."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path

from perdure.files import write_text
from perdure.proof.check_run import PREFIX, UNCHANGED, CheckRun
from perdure.proof.execute import fault_of
from perdure.proof.mutations import MUTATIONS
from perdure.proof.record import HEADER, Kind, ProofRecord
from perdure.proof.verify import check_names, proof_file

NAMES = check_names()
TREE = "1" * 64
"""Hash of the source in these tests, which may change while they run."""


def runner_output(outcomes: Mapping[str, str]) -> str:
    """Returns what the test runner writes if the checks come out so."""
    lines = [f"{name.rpartition('.')[2]} ({PREFIX}{name}) ... {outcome}" for name, outcome in outcomes.items()]
    values = list(outcomes.values())
    counts = [f"{word}={values.count(kind)}" for word, kind in (("failures", "FAIL"), ("errors", "ERROR"))]
    counts = [text for text in counts if not text.endswith("=0")]
    lines += ["", "-" * 70, f"Ran {len(values)} tests in 0.100s", ""]
    return "\n".join([*lines, f"FAILED ({', '.join(counts)})" if counts else "OK", ""])


def forged_run(name: str = UNCHANGED, **outcomes: str) -> CheckRun:
    """Returns a run in which all checks pass but those named, as nobody has run it."""
    merged = dict.fromkeys(NAMES, "ok") | {key.replace("__", "."): value for key, value in outcomes.items()}
    faults = {mutation.name: fault_of(mutation) for mutation in MUTATIONS}
    exit_code = int(set(merged.values()) != {"ok"})
    return CheckRun(name=name, exit_code=exit_code, output=runner_output(merged), fault=faults.get(name, {}))


@cache
def forged(kind: Kind, **outcomes: str) -> ProofRecord:
    """Returns a record of this source that is consistent and shows all that is wanted, but was never run."""
    header = dict.fromkeys(HEADER, "x") | {"tree": TREE}
    if kind == "green":
        return ProofRecord(kind=kind, header=header, runs=(forged_run(**outcomes),))
    runs = [
        forged_run(mutation.name, **{NAMES[index % len(NAMES)]: "FAIL"}) for index, mutation in enumerate(MUTATIONS)
    ]
    return ProofRecord(kind=kind, header=header, runs=tuple(runs))


def store(folder: Path, record: ProofRecord) -> Path:
    path = proof_file(folder, record.kind)
    path.parent.mkdir(exist_ok=True)
    write_text(path, record.to_text())
    return path
