"""Every way to fake a proof is found."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

import perdure.proof.verify as verification
from perdure.files import write_text
from perdure.proof.check_run import UNCHANGED, CheckRun
from perdure.proof.mutations import MUTATIONS
from perdure.proof.record import Kind, seal_of
from perdure.proof.run import run_refactor
from perdure.proof.tree import tree_hash
from perdure.proof.verify import proof_file, verify
from proof.forged import NAMES, TREE, forged, forged_run, runner_output, store


def resealed(text: str) -> str:
    body = text.rpartition("seal: ")[0]
    return f"{body}seal: {seal_of(body)}\n"


def test_consistent_files_that_come_out_the_same_again_are_accepted(folder: Path, rerun: SimpleNamespace) -> None:
    assert verify(folder) == [] and rerun.num_red == 1
    assert verify(folder, is_quick=True) == [] and rerun.num_red == 1


def test_hand_made_files_are_found_by_running_again(folder: Path, rerun: SimpleNamespace) -> None:
    rerun.green = forged_run(**{NAMES[0]: "FAIL"})
    rerun.red = (forged_run(MUTATIONS[0].name, **{NAMES[5]: "FAIL"}), *rerun.red[1:])
    first = MUTATIONS[0].name
    assert verify(folder) == [
        f"unchanged: check {NAMES[0]}: recorded ok, now FAIL",
        "unchanged: recorded exit code 0, now 1",
        f"{first}: check {NAMES[0]}: recorded FAIL, now ok",
        f"{first}: check {NAMES[5]}: recorded ok, now FAIL",
    ]


@pytest.mark.parametrize("kind", ["green", "red"])
@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("date: x", "date: y", None),
        ("numpy: x", "numpy: 9", None),
        ("result: ", "result: all is well, ", "got 'result: all is well"),
        ("exit code: ", "exit code: 1", "got 'result|does not fit the outcomes"),
        (f"  {NAMES[0]}\n", "  another_check\n", f"gives '.*{NAMES[0]}'"),
        ("checks: ", "checks: 1", "got 'checks: 1"),
        ("platform: x\n", "", "its header has no platform"),
        (" ... ok\n", " ... FAIL\n", "got '.*', but the runner's output below gives"),
    ],
)
def test_edited_files_are_rejected(folder: Path, kind: Kind, old: str, new: str, message: str | None) -> None:
    """With the old seal always; with a new one wherever the edit contradicts the runner's output."""
    path = proof_file(folder, kind)
    text = path.read_text(encoding="utf-8").replace(old, new, 1)
    write_text(path, text)
    assert _problems(folder) == [f"{path}: its seal does not fit its text; it was edited or cut off"]
    if message is not None:
        write_text(path, resealed(text))
        assert re.search(message, "\n".join(_problems(folder)))


def _problems(folder: Path) -> list[str]:
    return verification.stored_problems(folder)


def test_a_green_with_a_failure_and_a_red_without_one_are_rejected(folder: Path) -> None:
    path = store(folder, forged("green", **{NAMES[0]: "FAIL"}))
    assert f"{path}: check {NAMES[0]}: FAIL" in _problems(folder)
    red = forged("red")
    path = store(folder, replace(red, runs=(forged_run(MUTATIONS[0].name), *red.runs[1:])))
    assert f"{path}: mutation {MUTATIONS[0].name}: is not caught by any check" in _problems(folder)


def test_an_error_without_a_failed_assertion_is_no_catch(folder: Path) -> None:
    red = forged("red")
    broken = forged_run(MUTATIONS[0].name, **{NAMES[0]: "ERROR"})
    assert broken.exit_code == 1
    path = store(folder, replace(red, runs=(broken, *red.runs[1:])))
    assert f"{path}: mutation {MUTATIONS[0].name}: is not caught by any check" in _problems(folder)


def test_output_that_contradicts_itself_is_rejected(folder: Path) -> None:
    run = forged("green").runs[0]
    for changed, message in (
        (replace(run, output=run.output.replace("Ran ", "Ran 1")), "but its summary says"),
        (replace(run, output=run.output.replace("OK", "FAILED (failures=1)")), "but its summary differs"),
        (replace(run, exit_code=1), "exit code 1 does not fit the outcomes"),
    ):
        store(folder, replace(forged("green"), runs=(changed,)))
        assert any(message in line for line in _problems(folder)), message


def test_other_source_is_named(folder: Path) -> None:
    record = forged("red")
    path = store(folder, replace(record, header=record.header | {"tree": "0" * 64}))
    (line,) = _problems(folder)
    assert line.startswith(f"{path}: was made from other source (tree 000000000000, now {TREE[:12]})")


def test_missing_and_swapped_files_are_named(folder: Path) -> None:
    green, red = proof_file(folder, "green"), proof_file(folder, "red")
    write_text(red, green.read_text(encoding="utf-8"))
    assert _problems(folder) == [f"{red}: holds the proof green, expected red"]
    red.unlink()
    assert _problems(folder) == [f"{red}: does not exist; run 'perdure proof red {folder}'"]
    write_text(red, "all good\n")
    assert _problems(folder) == [f"{red}: is not a proof written by perdure"]


def test_other_checks_or_faults_than_those_of_the_source_are_rejected(folder: Path) -> None:
    outcomes = dict.fromkeys(NAMES[1:], "ok")
    short = CheckRun(name=UNCHANGED, exit_code=0, output=runner_output(outcomes))
    path = store(folder, replace(forged("green"), runs=(short,)))
    num = len(NAMES)
    assert f"{path}: unchanged: ran {num - 1} checks that are not the {num} of this source" in _problems(folder)
    path = store(folder, replace(forged("red"), runs=forged("red").runs[:-1]))
    num = len(MUTATIONS)
    assert f"{path}: its {num - 1} runs are not the {num} that this source makes" in _problems(folder)


def test_the_tree_hash_depends_on_names_and_contents(tmp_path: Path) -> None:
    def written(**files: str) -> str:
        for path in tmp_path.glob("*"):
            path.unlink()
        for name, text in files.items():
            (tmp_path / f"{name}.py").write_text(text, encoding="utf-8")
        return tree_hash(tmp_path)

    hashes = [written(a="x", b="y"), written(a="y", b="x"), written(a="x", c="y"), written(a="x"), written(a="x ")]
    assert len(set(hashes)) == 5 and written(a="x", b="y") == hashes[0]


def test_a_refactoring_that_keeps_all_checks_replaces_the_green(folder: Path, rerun: SimpleNamespace) -> None:
    old = forged("green")
    store(folder, replace(old, header=old.header | {"tree": "0" * 64}))
    result = run_refactor(folder)
    assert result.is_proven
    text = result.path.read_text(encoding="utf-8")
    assert f"tree: {TREE}\nsame checks as on tree: {'0' * 64}\n" in text
    assert _problems(folder) == []


def test_a_refactoring_that_loses_or_breaks_a_check_writes_nothing(folder: Path, rerun: SimpleNamespace) -> None:
    before = proof_file(folder, "green").read_bytes()
    outcomes = dict.fromkeys(NAMES[1:], "ok") | {NAMES[1]: "FAIL"}
    rerun.green = CheckRun(name=UNCHANGED, exit_code=1, output=runner_output(outcomes))
    result = run_refactor(folder)
    assert result.problems[:2] == (f"check {NAMES[0]}: was there before", f"check {NAMES[1]}: FAIL")
    assert proof_file(folder, "green").read_bytes() == before


def test_a_refactoring_needs_a_green_to_start_from(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="run 'perdure proof green"):
        run_refactor(tmp_path)
    store(tmp_path, forged("green", **{NAMES[0]: "FAIL"}))
    with pytest.raises(ValueError, match="a refactoring starts from a GREEN"):
        run_refactor(tmp_path)
