"""Proofs are captured from real runs, and every way to fake one is found."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

import perdure.cli.proof_command as command
import perdure.pipeline.proof.run as capture
import perdure.pipeline.proof.verify as verification
from perdure.files import write_text
from perdure.pipeline.proof.check_run import PREFIX, UNCHANGED, CheckRun
from perdure.pipeline.proof.execute import fault_of, run_mutations
from perdure.pipeline.proof.mutation import PACKAGE
from perdure.pipeline.proof.mutations import MUTATIONS
from perdure.pipeline.proof.record import HEADER, Kind, ProofRecord, seal_of
from perdure.pipeline.proof.run import ProofError, prove, run_green, run_red, run_refactor
from perdure.pipeline.proof.tree import tree_hash
from perdure.pipeline.proof.verify import check_names, proof_file, verify
from perdure.pipeline.run_folder import RunFolder
from perdure.pipeline.stage import StageContext, Stopped
from perdure.stopping.registry import RULES

NAMES = check_names()
TREE = "1" * 64
"""Hash of the source in these tests, which may change while they run."""


@pytest.fixture(autouse=True)
def _one_tree(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (verification, capture):
        monkeypatch.setattr(module, "tree_hash", lambda: TREE)


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


def resealed(text: str) -> str:
    body = text.rpartition("seal: ")[0]
    return f"{body}seal: {seal_of(body)}\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with forged but consistent proofs."""
    store(tmp_path, forged("green"))
    store(tmp_path, forged("red"))
    return tmp_path


@pytest.fixture
def rerun(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """Stands for running the checks again; without changes they come out as the forged proofs say."""
    runs = SimpleNamespace(green=forged("green").runs[0], red=forged("red").runs, num_red=0)

    def red(*_: object, **__: object) -> tuple[CheckRun, ...]:
        runs.num_red += 1
        return cast(tuple[CheckRun, ...], runs.red)

    for module in (verification, capture):
        monkeypatch.setattr(module, "run_checks", lambda: runs.green)
        monkeypatch.setattr(module, "run_mutations", red)
    return runs


# The table of faults.


def test_every_fault_fits_the_code_and_is_named_once() -> None:
    assert len({mutation.name for mutation in MUTATIONS}) == len(MUTATIONS) >= 14
    for mutation in MUTATIONS:
        assert "\n" not in mutation.old + mutation.new and mutation.old != mutation.new
        compile(mutation.source(), mutation.name, "exec")


def test_every_metric_module_and_every_rule_has_a_fault() -> None:
    broken = {mutation.module for mutation in MUTATIONS}
    metrics = {f"metrics.{path.stem}" for path in (PACKAGE / "metrics").glob("[!_]*.py")}
    rules = {rule.__module__.removeprefix("perdure.") for rule in RULES.values()}
    assert metrics | rules | {"stopping.sequences", "stopping.calibration"} <= broken


def test_a_fault_that_no_longer_fits_the_code_is_an_error() -> None:
    fault = replace(MUTATIONS[0], old="no such text")
    with pytest.raises(ValueError, match=r"got 0 places of 'no such text' in .*, expected 1; the code has changed"):
        fault.source()


def test_only_a_failed_assertion_counts_as_caught() -> None:
    """A fault without effect, and one that stops the checks from loading, are told from one that is caught."""
    script = (
        "import sys, json\n"
        "from perdure.pipeline.proof.mutant import run_mutants\n"
        "from perdure.pipeline.proof.mutation import Mutation\n"
        "place = 'metrics.image', 'PEAK = 255.0'\n"
        "faults = [Mutation(new, *place, new, '') for new in ('PEAK = 25.5e1', 'PEAK = nothing', 'PEAK = 254.0')]\n"
        "print(json.dumps(list(run_mutants(faults, num_processes=1))))\n"
    )
    done = subprocess.run([sys.executable, "-P", "-c", script], capture_output=True, text=True, check=True, env=_env())
    none, unloadable, caught = (
        CheckRun(name=row["name"], exit_code=row["exit_code"], output=row["output"], fault={"what": "x"})
        for row in json.loads(done.stdout)
    )
    assert (none.exit_code, none.failed, none.is_caught) == (0, [], False)
    assert len(none.outcomes) == len(NAMES) and none.contradictions() == []
    assert not unloadable.is_caught and unloadable.exit_code and not unloadable.failed
    assert caught.is_caught and caught.verdict == f"caught by 2 of {len(NAMES)} checks"
    assert caught.failed == [f"figure_checks.ImageChecks.{name}" for name in ("test_psnr", "test_psnr_pools_pixels")]


def _env() -> dict[str, str]:
    return {"PYTHONPATH": str(PACKAGE.parent), "OMP_NUM_THREADS": "1"}


def test_checks_load_neither_torch_nor_a_test_tool() -> None:
    script = (
        "import sys, perdure.pipeline.proof.checks\n"
        "print([name for name in ('torch', 'cv2', 'pytest', 'hypothesis', 'beartype') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-P", "-c", script], capture_output=True, text=True, check=True, env=_env())
    assert done.stdout.strip() == "[]"


# Capturing.


def test_green_records_output_versions_and_source(tmp_path: Path) -> None:
    result = run_green(tmp_path)
    assert result.is_proven and result.path == tmp_path / "artifacts" / "tdd_evaluation_green.txt"
    record = ProofRecord.from_text(result.path.read_text(encoding="utf-8"))
    assert record == result.record and record.checks == NAMES
    assert record.tree == TREE and record.runs[0].exit_code == 0
    assert record.header["command"].endswith("-m unittest -v perdure.pipeline.proof.checks")
    assert "Ran " in record.runs[0].output and str(PACKAGE.parent) not in result.path.read_text(encoding="utf-8")


def test_red_runs_each_fault_in_its_place_and_reports_progress() -> None:
    faults = [mutation for mutation in MUTATIONS if mutation.name in ("savings_inverted", "ages_from_0")]
    seen: list[tuple[int, int]] = []
    runs = run_mutations(faults, num_processes=2, on_progress=lambda done, total: seen.append((done, total)))
    assert [run.name for run in runs] == [mutation.name for mutation in faults]
    assert all(run.is_caught and run.exit_code == 1 and run.contradictions() == [] for run in runs)
    assert "decision_checks.DecisionChecks.test_savings" in runs[0].failed
    assert "sequence_checks.RunRuleChecks.test_decision_frames" in runs[1].failed
    assert seen == [(1, 2), (2, 2)]


def test_red_stops_when_it_is_asked_to() -> None:
    def stop(done: int, total: int) -> None:
        raise Stopped("stopped on request")

    with pytest.raises(Stopped):
        run_mutations(MUTATIONS[:4], num_processes=1, on_progress=stop)


def test_a_failing_green_is_recorded_but_proves_nothing(tmp_path: Path, rerun: SimpleNamespace) -> None:
    rerun.green = forged_run(**{NAMES[3]: "FAIL"})
    result = run_green(tmp_path)
    assert result.problems == (f"check {NAMES[3]}: FAIL", "exit code 1, expected 0")
    assert f"result: {len(NAMES) - 1} of {len(NAMES)} checks pass" in result.path.read_text(encoding="utf-8")


def test_a_fault_that_survives_and_a_check_that_never_fails_are_named(tmp_path: Path, rerun: SimpleNamespace) -> None:
    rerun.red = (forged_run(MUTATIONS[0].name), *rerun.red[1:])
    rerun.red = tuple(
        forged_run(run.name, **{NAMES[1]: "FAIL"}) if run.failed == [NAMES[2]] else run for run in rerun.red
    )
    result = run_red(tmp_path)
    assert f"mutation {MUTATIONS[0].name}: is not caught by any check" in result.problems
    assert f"check {NAMES[2]}: catches no mutation" in result.problems
    assert not result.is_proven and "verdict: NOT CAUGHT" in result.path.read_text(encoding="utf-8")


# Verifying.


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


# Refactoring.


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


# The stage and the command.


class FakeLog:
    """Keeps what a stage reports."""

    def __init__(self) -> None:
        self.notes: list[str] = []
        self.done: list[int] = []

    def metrics(self, row: dict[str, Any]) -> None:
        raise NotImplementedError

    def progress(self, done: int, total: int, detail: str = "") -> None:
        self.done.append(done)

    def note(self, text: str) -> None:
        self.notes.append(text)


@pytest.fixture
def context(tmp_path: Path) -> Iterator[StageContext]:
    """What the stage gets, in an empty folder."""
    from perdure.pipeline.recipes import recipe

    yield StageContext(
        config=recipe("tiny"), run=RunFolder(tmp_path), log=FakeLog(), should_stop=lambda: False, work=tmp_path,
        fingerprints={}, num_workers=2,
    )  # fmt: skip


def test_the_stage_captures_both_once(context: StageContext, rerun: SimpleNamespace) -> None:
    prove(context)
    assert _problems(context.run.path) == [] and rerun.num_red == 1
    prove(context)
    assert rerun.num_red == 1
    assert cast(FakeLog, context.log).notes == ["proof: RED and GREEN of this source are there already"]


def test_the_stage_fails_where_nothing_is_proven(context: StageContext, rerun: SimpleNamespace) -> None:
    good = rerun.green
    rerun.green = forged_run(**{NAMES[0]: "FAIL"})
    with pytest.raises(ProofError, match=rf"^proof green: check {NAMES[0]}: FAIL and 1 more; see .*_green.txt$"):
        prove(context)
    assert rerun.num_red == 0
    rerun.green, rerun.red = good, (forged_run(MUTATIONS[0].name), *rerun.red[1:])
    with pytest.raises(ProofError, match=r"^proof red: mutation .* is not caught by any check"):
        prove(context)


def test_the_command_says_what_came_out(
    tmp_path: Path, rerun: SimpleNamespace, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [str(tmp_path)]
    assert command.capture(words, "proof green") == 0
    assert f"GREEN: {len(NAMES)} of {len(NAMES)} checks pass" in capsys.readouterr().out
    assert command.check_proofs(words, "proof verify") == 1
    assert "does not exist; run 'perdure proof red" in capsys.readouterr().err
    assert command.capture(words, "proof red") == 0
    assert command.check_proofs(words, "proof verify") == 0
    assert "verified: " in capsys.readouterr().out
    rerun.green = forged_run(**{NAMES[0]: "FAIL"})
    assert command.capture(words, "proof refactor") == 1
    assert f"check {NAMES[0]}: FAIL" in capsys.readouterr().err
    with pytest.raises(FileNotFoundError, match="does not exist"):
        command.capture([str(tmp_path / "none")], "proof green")


@pytest.mark.slow
def test_every_fault_is_caught_and_every_check_catches_one(tmp_path: Path) -> None:
    assert run_green(tmp_path).is_proven
    result = run_red(tmp_path)
    assert result.problems == ()
    assert verify(tmp_path, is_quick=True) == []
