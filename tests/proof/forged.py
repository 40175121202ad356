"""Proofs that are consistent and show all that is wanted, but were never the output of a run."""

from __future__ import annotations

import hashlib
import xml.etree.ElementTree as ET
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from perdure.files import write_text
from perdure.proof.faults import ROOT, SUITE, TABLE, Fault, read_faults
from perdure.proof.record import Kind, ProofRecord, surroundings
from perdure.proof.store import proof_file

FAULTS = read_faults()
NAMES = list(dict.fromkeys(name for fault in FAULTS for name in fault.test_names))
MESSAGES = {"failed": "assert 1 == 2", "broken": "TypeError: no", "error": "fixture 'x' not found"}


@cache
def hashes() -> dict[str, str]:
    """Returns the SHA-256 of the files that a proof must name, by path."""
    files = {ROOT / "tests" / test.partition("::")[0] for fault in FAULTS for test in fault.tests.split()}
    files |= {fault.file for fault in FAULTS} | {TABLE, SUITE / "run_faults.py"}
    return {path.relative_to(ROOT).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(files)}


def junit(outcomes: Mapping[str, str]) -> str:
    """Returns what pytest writes if the tests come out so."""
    suite = ET.Element("testsuite", hostname="here")
    properties = ET.SubElement(suite, "properties")
    for path, digest in hashes().items():
        ET.SubElement(properties, "property", name=path, value=digest)
    for name, outcome in outcomes.items():
        place, _, test = name.rpartition(".")
        case = ET.SubElement(suite, "testcase", classname=place, name=test)
        if outcome != "passed":
            ET.SubElement(case, "error" if outcome == "error" else "failure", message=MESSAGES[outcome])
    root = ET.Element("testsuites")
    root.append(suite)
    return ET.tostring(root, encoding="unicode")


def forged(
    kind: Kind, changes: Mapping[str, str] | None = None, *, without: str = "", header: Mapping[str, str] | None = None
) -> ProofRecord:
    """Returns a record in which all comes out as it should, but for some changes.

    Args:
        kind: of the proof.
        changes: outcomes by test; in a RED for the first fault alone.
        without: a test that did not run, or the name of a fault that was not tried.
        header: values in place of those of this machine.
    """
    runs: list[tuple[Fault | None, int, str]] = []
    for fault in FAULTS if kind == "red" else (None,):
        names = NAMES if fault is None else fault.test_names
        outcomes = dict.fromkeys(names, "failed" if fault else "passed")
        if fault in (None, FAULTS[0]):
            outcomes |= changes or {}
        outcomes.pop(without, None)
        if fault is None or fault.name != without:
            runs.append((fault, int(set(outcomes.values()) != {"passed"}), junit(outcomes)))
    return ProofRecord.of(kind, {"date": "x", "command": "x", **surroundings(), **(header or {})}, runs)


def store(folder: Path, record: ProofRecord) -> Path:
    """Writes a record where proofs lie and returns the path of its text."""
    path = proof_file(folder, "red" if record.kind == "red" else "green")
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path.with_suffix(".xml"), record.to_xml())
    write_text(path, record.to_text())
    return path
