"""Every way to fake a proof is found."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path
from types import SimpleNamespace

import pytest

import perdure.proof.record as proof_record
from perdure.files import write_text
from perdure.proof.faults import TABLE
from perdure.proof.record import Kind, ProofRecord
from perdure.proof.store import proof_file, refactor, stored_problems, verify
from proof.forged import FAULTS, NAMES, forged, store

FIRST = FAULTS[0]
(TEST,) = FIRST.test_names


def test_consistent_files_that_come_out_the_same_again_are_accepted(folder: Path, rerun: SimpleNamespace) -> None:
    assert verify(folder) == [] and rerun.num == ["red", "green"]
    assert verify(folder, is_quick=True) == [] and rerun.num == ["red", "green", "green"]


def test_hand_made_files_are_found_by_running_again(folder: Path, rerun: SimpleNamespace) -> None:
    rerun.green, rerun.red = forged("green", {NAMES[1]: "failed"}), forged("red", {TEST: "passed"})
    assert verify(folder) == [
        f"{FIRST.name}: test {TEST}: recorded failed, now passed",
        f"unchanged: test {NAMES[1]}: recorded passed, now failed",
    ]


@pytest.mark.parametrize("kind", ["green", "red"])
@pytest.mark.parametrize(
    ("suffix", "old", "new"),
    [
        (".txt", "date: x", "date: y"),
        (".txt", "result: ", "result: all is well, "),
        (".txt", f"  {'passed':7} ", f"  {'failed':7} "),
        (".txt", "seal of", "no seal of"),
        (".xml", 'name="date" value="x"', 'name="date" value="y"'),
        (".xml", 'name="exit code" value="', 'name="exit code" value="3'),
        (".xml", f' name="{TEST.rpartition(".")[2]}"', ' name="other"'),
        (".xml", "</testsuites>", ""),
    ],
)
def test_edited_files_are_rejected(folder: Path, kind: Kind, suffix: str, old: str, new: str) -> None:
    path = proof_file(folder, kind).with_suffix(suffix)
    text = path.read_text(encoding="utf-8")
    if old not in text:  # a RED has no test that passes
        old, new = new, old
    write_text(path, text.replace(old, new, 1))
    (line,) = stored_problems(folder)
    assert line.startswith(f"{proof_file(folder, kind)}: its ")
    assert "its seal does not fit" in line or "cannot be read" in line


def _lines(folder: Path, record: ProofRecord) -> str:
    """Returns the problems of a record in a folder, written and sealed as if it were one."""
    store(folder, record)
    return "\n".join(stored_problems(folder))


@pytest.mark.parametrize("outcome", ["failed", "broken", "error"])
def test_a_green_with_a_test_that_does_not_pass_is_none(folder: Path, outcome: str) -> None:
    found = _lines(folder, forged("green", {NAMES[0]: outcome}))
    assert f"test {NAMES[0]}: {outcome}" in found and "exit code 1, expected 0" in found


@pytest.mark.parametrize("outcome", ["passed", "broken", "error"])
def test_only_a_failed_assertion_notices_a_fault(folder: Path, outcome: str) -> None:
    assert f"fault {FIRST.name}: is not noticed by {TEST}" in _lines(folder, forged("red", {TEST: outcome}))


def test_other_tests_or_faults_than_those_of_the_table_are_rejected(folder: Path) -> None:
    assert f"its tests are not the {len(NAMES)} of {TABLE.name}" in _lines(folder, forged("green", without=NAMES[3]))
    assert f"its 100 runs are not the 101 of {TABLE.name}" in _lines(folder, forged("red", without=FIRST.name))
    other = forged("red")
    next(item for item in other.root.iter("property") if item.get("name") == "new").set("value", "another fault")
    assert f"fault {FIRST.name}: is not that of {TABLE.name}" in _lines(folder, other)


def test_other_source_is_named(folder: Path) -> None:
    record = forged("red")
    changed = next(item for item in record.root.iter("property") if item.get("name", "").endswith("decisions.py"))
    changed.set("value", "0" * 64)
    assert f"was made from other source ({changed.get('name')} has changed); run 'perdure proof red" in _lines(
        folder, ProofRecord(record.root)
    )


def test_source_that_is_left_out_is_named(folder: Path) -> None:
    """A record that lists no files would fit any source."""
    record = forged("green")
    properties = record.root.find("properties")
    assert properties is not None
    for item in [
        item for item in properties if item.get("name") == FIRST.file.relative_to(TABLE.parents[2]).as_posix()
    ]:
        properties.remove(item)
    assert "does not say from which src/perdure/metrics/decisions.py it was made" in _lines(folder, record)


def test_missing_and_swapped_files_are_named(folder: Path) -> None:
    green, red = proof_file(folder, "green"), proof_file(folder, "red")
    for suffix in (".txt", ".xml"):
        write_text(red.with_suffix(suffix), green.with_suffix(suffix).read_text(encoding="utf-8"))
    assert stored_problems(folder) == [f"{red}: holds the proof green, expected red"]
    write_text(red, "all good\n")
    assert stored_problems(folder) == [f"{red}: is not a proof written by perdure"]
    red.with_suffix(".xml").unlink()
    assert stored_problems(folder) == [f"{red}: has no tdd_evaluation_red.xml beside it (no result)"]
    red.unlink()
    assert stored_problems(folder) == [f"{red}: does not exist; run 'perdure proof red {folder}'"]


def test_the_record_can_be_read_by_tools_that_know_junit(folder: Path) -> None:
    root = ET.parse(proof_file(folder, "red").with_suffix(".xml")).getroot()  # noqa: S314 - made above
    assert root.tag == "testsuites" and next(suite.get("name") for suite in root.iter("testsuite")) == FIRST.name
    assert "hostname" not in ET.tostring(root, encoding="unicode")


def test_a_refactoring_that_keeps_all_tests_replaces_the_green(folder: Path, rerun: SimpleNamespace) -> None:
    record, problems = refactor(folder)
    assert problems == []
    assert f"same tests as on source: {forged('green').source}\n" in proof_file(folder, "green").read_text()
    assert stored_problems(folder) == [] and record.header["same tests as on source"] == forged("green").source


def test_a_refactoring_that_loses_or_breaks_a_test_writes_nothing(
    folder: Path, rerun: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = proof_file(folder, "green").read_bytes()
    worse = forged("green", {NAMES[1]: "failed"}, without=NAMES[0])
    monkeypatch.setattr("perdure.proof.store.captured", lambda *_, **__: worse)
    assert refactor(folder)[1] == [
        f"unchanged: test {name}: recorded passed, now {now}"
        for name, now in sorted([(NAMES[0], None), (NAMES[1], "failed")])
    ]
    assert proof_file(folder, "green").read_bytes() == before


def test_a_refactoring_needs_a_green_to_start_from(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="run 'perdure proof green"):
        refactor(tmp_path)
    store(tmp_path, forged("green", {NAMES[0]: "failed"}))
    with pytest.raises(ValueError, match="a refactoring starts from a GREEN"):
        refactor(tmp_path)


def test_the_hash_of_the_source_depends_on_names_and_contents(monkeypatch: pytest.MonkeyPatch) -> None:
    record = forged("green")
    assert record.changed_files() == []
    monkeypatch.setattr(proof_record, "ROOT", Path("/nowhere"))
    assert record.changed_files() == list(record.files)
