"""Proofs are captured from real runs, paid for once, and say so where nothing can be proven."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import astuple, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

import perdure.proof.faults as proof_faults
import perdure.proof.store as proof_store
from perdure.cli import main
from perdure.proof.faults import COLUMNS, PACKAGE, ROOT, SUITE, Fault, read_faults, suite_digest
from perdure.proof.record import ProofRecord, captured
from perdure.proof.store import KEPT, ProofError, capture, proof_file, prove, stored_problems, verify
from perdure.runs.run_folder import RunFolder
from perdure.runs.stage import StageContext, Stopped
from proof.forged import FAULTS, NAMES, forged, store
from stopping.every_rule import RULES


def test_every_fault_fits_the_code_and_is_named_once() -> None:
    assert len({fault.name for fault in FAULTS}) == len(FAULTS) >= 101
    for fault in FAULTS:
        assert fault.old != fault.new
        compile(fault.source(), fault.name, "exec")


def test_every_metric_module_and_every_rule_has_a_fault() -> None:
    broken = {fault.module for fault in FAULTS}
    metrics = {f"metrics.{path.stem}" for path in (PACKAGE / "metrics").glob("[!_]*.py")}
    rules = {rule.__module__.removeprefix("perdure.") for rule in RULES.values()}
    assert metrics | rules | {"stopping.sequences", "calibration.exact"} <= broken


def test_a_fault_that_no_longer_fits_the_code_is_an_error() -> None:
    fault = replace(FAULTS[0], old="no such text")
    with pytest.raises(ValueError, match=r"got 0 places of 'no such text' in .*, expected 1; the code has changed"):
        fault.source()


def table(path: Path, *faults: Fault) -> Path:
    """Writes a table of faults."""
    path.write_text("\n".join("\t".join(cells) for cells in (COLUMNS, *map(astuple, faults))) + "\n", encoding="utf-8")
    return path


def test_a_table_with_other_cells_is_an_error(tmp_path: Path) -> None:
    assert read_faults(table(tmp_path / "faults.tsv", *FAULTS)) == FAULTS
    with pytest.raises(ValueError, match="line 2: got 6 cells, expected 6 with text"):
        read_faults(table(tmp_path / "faults.tsv", replace(FAULTS[0], tests="")))
    (tmp_path / "faults.tsv").write_text("name\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"got the columns \['name'\]"):
        read_faults(tmp_path / "faults.tsv")


def test_only_a_failed_assertion_counts_as_noticed(tmp_path: Path) -> None:
    """A fault without effect, and one that stops the module from loading, are told from one that is noticed."""
    psnr = "metrics/test_image.py::test_differences_of_bytes_do_not_wrap_around"
    faults = [
        Fault(new[7:], "metrics.image", "x", "PEAK = 255.0", new, psnr)
        for new in ("PEAK = 25.5e1", "PEAK = nothing", "PEAK = 254.0")
    ]
    done = subprocess.run(
        [sys.executable, "-P", SUITE / "run_faults.py", "--table", table(tmp_path / "faults.tsv", *faults),
         *(fault.name for fault in faults)],
        capture_output=True, text=True, check=True, cwd=ROOT, env={"PYTHONPATH": str(PACKAGE.parent)},
    )  # fmt: skip
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    runs = [(fault, row["exit_code"], row["xml"]) for fault, row in zip(faults, rows, strict=True)]
    record = ProofRecord.of("red", {}, runs)
    assert [run[1] for run in runs] == [0, 3, 1]
    assert [list(cases.values()) for cases in record.outcomes.values()] == [["passed"], ["error"], ["failed"]]
    assert "src/perdure/metrics/image.py" in record.files and "tests/metrics/test_image.py" in record.files


def test_each_fault_is_tried_in_its_place_and_progress_is_reported() -> None:
    faults = [fault for fault in FAULTS if fault.name in ("savings_inverted", "ages_from_0", "peak_is_1")]
    seen: list[tuple[int, int]] = []
    record = captured("red", faults=faults, num_processes=2, on_progress=lambda done, total: seen.append((done, total)))
    assert list(record.problems(faults)) == [] and seen == [(1, 3), (2, 3), (3, 3)]
    assert record.outcomes["ages_from_0"] == {
        "tests.stopping.test_sequences.test_deleted_forced_censored_and_decided": "failed"
    }
    text = record.to_text()
    assert ProofRecord.read(text, record.to_xml()).files == record.files
    assert str(ROOT) not in text + record.to_xml(), "where the source lies is nobody's business"
    assert not [name for name in record.files if "gate/" in name or "training/" in name], "more is loaded than needed"


def test_red_stops_when_it_is_asked_to() -> None:
    def stop(done: int, total: int) -> None:
        raise Stopped("stopped on request")

    with pytest.raises(Stopped):
        captured("red", faults=FAULTS[:4], num_processes=1, on_progress=stop)


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
    from perdure.recipes.recipes import recipe

    yield StageContext(
        config=recipe("tiny"), run=RunFolder(tmp_path / "run"), log=FakeLog(), should_stop=lambda: False,
        work=tmp_path, fingerprints={}, num_workers=2,
    )  # fmt: skip


def notes(context: StageContext) -> list[str]:
    return cast(FakeLog, context.log).notes


def test_a_version_of_the_source_is_proven_once_for_all_runs(
    context: StageContext, rerun: SimpleNamespace, tmp_path: Path
) -> None:
    prove(context)
    assert stored_problems(context.run.path) == [] and rerun.num == ["green", "red"]
    prove(context)
    assert notes(context)[-1] == "proof: RED and GREEN of this source are there already"
    other = replace(context, run=RunFolder(tmp_path / "other"))
    prove(other)
    assert notes(other)[-2:] == [f"proof: {kind} of this source was captured x" for kind in ("GREEN", "RED")]
    assert rerun.num == ["green", "red"] and stored_problems(other.run.path) == []
    for kind in ("red", "green"):
        first, second = proof_file(context.run.path, kind), proof_file(other.run.path, kind)  # type: ignore[arg-type]
        assert first.read_bytes() == second.read_bytes()


@pytest.mark.parametrize(
    ("old", "new"), [('value="x"', 'value="y"'), ('name="numpy" value="', 'name="numpy" value="9')]
)
def test_a_cached_proof_that_was_edited_or_is_of_other_versions_is_passed_over(
    context: StageContext, rerun: SimpleNamespace, cache: Path, old: str, new: str
) -> None:
    for kind in ("green", "red"):
        record = forged(kind, header={"numpy": "9"}) if "numpy" in old else forged(kind)  # type: ignore[arg-type]
        cache.mkdir(parents=True, exist_ok=True)
        (cache / f"0-{kind}.txt").write_text(record.to_text(), encoding="utf-8")
        xml = record.to_xml() if "numpy" in old else record.to_xml().replace(old, new)
        (cache / f"0-{kind}.xml").write_text(xml, encoding="utf-8")
    prove(context)
    assert rerun.num == ["green", "red"]


def test_the_cache_keeps_few_versions_and_is_not_needed(
    context: StageContext, rerun: SimpleNamespace, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache.mkdir(parents=True)
    for number in range(2 * KEPT):
        (cache / f"{number}-green.txt").write_text("old", encoding="utf-8")
    capture(context.run.path, "green")
    assert len(list(cache.glob("*-green.txt"))) == KEPT
    monkeypatch.setenv("XDG_CACHE_HOME", str(context.config.seed))  # a relative path is none (XDG base directories)
    assert proof_store.cache_folder() == Path.home() / ".cache" / "perdure" / "proof"
    (cache.parents[1] / "file").write_text("", encoding="utf-8")
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache.parents[1] / "file"))
    assert capture(context.run.path, "green")[1] == []


def test_the_stage_fails_where_nothing_is_proven(context: StageContext, rerun: SimpleNamespace) -> None:
    rerun.green = forged("green", {NAMES[0]: "failed"})
    with pytest.raises(ProofError, match=rf"^proof green: test {NAMES[0]}: failed and 1 more; see .*_green.txt$"):
        prove(context)
    assert rerun.num == ["green"]
    rerun.green, rerun.red = forged("green"), forged("red", {FAULTS[0].test_names[0]: "passed"})
    with pytest.raises(ProofError, match=r"^proof red: fault .* is not noticed by"):
        prove(context)


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("TABLE", Path("nowhere/faults.tsv"), "the tests of perdure are not installed with it"),
        ("TOOLS", ("pytest", "no_such_tool"), "not installed: no_such_tool; a proof needs: pip install"),
    ],
)
def test_without_tests_a_run_says_that_nothing_is_proven(
    context: StageContext, folder: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: Any, reason: str
) -> None:
    """An installed wheel has none. A proof from another day must not stay beside what was not proven."""
    monkeypatch.setattr(proof_faults, name, value)
    prove(replace(context, run=RunFolder(folder)))
    assert notes(context)[-1].startswith(f"proof: skipped, {reason}")
    for kind in ("red", "green"):
        path = proof_file(folder, kind)  # type: ignore[arg-type]
        assert path.read_text(encoding="utf-8").startswith(
            f"perdure proof: {kind}\nresult: nothing is proven: {reason}"
        )
        assert not path.with_suffix(".xml").exists()
    monkeypatch.undo()
    assert [f"beside it (result: nothing is proven: {reason}" in line for line in stored_problems(folder)] == [True] * 2
    monkeypatch.setattr(proof_faults, name, value)
    for call in (lambda: captured("green"), lambda: verify(folder)):
        with pytest.raises(FileNotFoundError, match=f"proof: {reason}"):
            call()
    assert name != "TABLE" or suite_digest() == "missing"


def test_the_command_says_what_came_out(
    tmp_path: Path, rerun: SimpleNamespace, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = str(tmp_path)
    assert main(["proof", "green", folder]) == 0
    assert f"GREEN: {len(NAMES)} of {len(NAMES)} tests pass" in capsys.readouterr().out
    assert main(["proof", "verify", folder]) == 1
    assert "does not exist; run 'perdure proof red" in capsys.readouterr().err
    assert main(["proof", "red", folder]) == 0
    assert "RED: 101 of 101 faults are noticed" in capsys.readouterr().out
    assert main(["proof", "verify", folder]) == 0
    assert "verified: " in capsys.readouterr().out
    assert main(["proof", "refactor", folder]) == 0
    store(tmp_path, forged("green", without=NAMES[0]))
    assert main(["proof", "refactor", folder]) == 1
    assert f"test {NAMES[0]}: recorded None, now passed" in capsys.readouterr().err
    assert main(["proof", "green", str(tmp_path / "none")]) == 2
    assert "none: does not exist" in capsys.readouterr().err


@pytest.mark.slow
def test_all_tests_pass_and_every_fault_is_noticed_by_every_test_named_for_it(tmp_path: Path) -> None:
    assert capture(tmp_path, "green")[1] == []
    assert capture(tmp_path, "red")[1] == []
    assert verify(tmp_path, is_quick=True) == []
