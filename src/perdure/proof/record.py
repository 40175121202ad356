"""What a proof is, JUnit XML of pytest and a text that says the same to people, and how one is captured.

The text is written from the XML and holds its SHA-256, so neither can be changed alone. Somebody who writes a whole
pair by hand is found out when the tests are run again (`verify`). The tests run in a process of their own: without a
fault (GREEN), or with each in turn (RED).
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import signal
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Literal

import perdure
from perdure.proof.faults import PACKAGE, ROOT, SUITE, TABLE, Fault, read_faults, what_is_missing
from perdure.runs.machine import usable_cores
from perdure.runs.record import timestamp

Kind = Literal["red", "green"]
KINDS: tuple[Kind, ...] = ("red", "green")
UNCHANGED = "unchanged"
"""Name of the run without a fault."""
REPLACES = "same tests as on source"
"""Key, after a refactoring, of the source on which they passed before."""
_CAUGHT = ("assert", "AssertionError", "Failed:")
"""How the message of a test begins that noticed something, rather than broke down."""


@dataclass(frozen=True)
class ProofRecord:
    """A proof, or an attempt at one.

    Args:
        root: `testsuites`, with one `testsuite` a run.
    """

    root: ET.Element

    @classmethod
    def of(cls, kind: Kind, header: Mapping[str, str], runs: Sequence[tuple[Fault | None, int, str]]) -> ProofRecord:
        """Returns the record of some runs: fault, exit code and what pytest wrote."""
        root, files = ET.Element("testsuites", name=kind), dict[str, str]()
        properties = ET.SubElement(root, "properties")
        for fault, exit_code, text in runs:
            suite = ET.fromstring(text).find("testsuite") if text else None  # noqa: S314 - from our own process
            suite = ET.Element("testsuite") if suite is None else suite
            suite.attrib.pop("hostname", None)
            for old in suite.findall("properties"):
                files |= {item.attrib["name"]: item.attrib["value"] for item in old}
                suite.remove(old)
            suite.set("name", fault.name if fault else UNCHANGED)
            facts = {name: getattr(fault, name) for name in ("what", "module", "old", "new")} if fault else {}
            suite.insert(0, _properties(facts | {"exit code": str(exit_code)}))
            root.append(suite)
        properties.extend(_properties({**header, **dict(sorted(files.items()))}))
        return cls(root)

    @property
    def kind(self) -> str:
        """`red` (every fault is noticed) or `green` (all tests pass)."""
        return self.root.get("name", "")

    @cached_property
    def header(self) -> dict[str, str]:
        """When and where it was captured."""
        return {name: value for name, value in _facts(self.root).items() if "/" not in name and "." not in name}

    @cached_property
    def files(self) -> dict[str, str]:
        """SHA-256 of the source files it depends on, by path from the top of the checkout."""
        return {name: value for name, value in _facts(self.root).items() if name not in self.header}

    @property
    def source(self) -> str:
        """One hash of all source files."""
        return hashlib.sha256("".join(f"{name} {value}\n" for name, value in self.files.items()).encode()).hexdigest()

    @cached_property
    def outcomes(self) -> dict[str, dict[str, str]]:
        """By run and by test: `passed`, `failed`, `broken` (no assertion failed), `error` or `skipped`."""
        return {
            suite.get("name", ""): {_name(case): _outcome(case) for case in suite.iter("testcase")}
            for suite in self.root.iter("testsuite")
        }

    def result(self) -> str:
        """Returns what came out, in a line."""
        if self.kind == "green":
            values = list(self.outcomes.get(UNCHANGED, {}).values())
            return f"{values.count('passed')} of {len(values)} tests pass"
        num_noticed = sum("failed" in cases.values() for cases in self.outcomes.values())
        return f"{num_noticed} of {len(self.outcomes)} faults are noticed"

    def problems(self, faults: Sequence[Fault]) -> Iterator[str]:
        """Yields in a line each why this does not prove what it should of these faults; nothing if it does."""
        wanted = {fault.name: (fault, set(fault.test_names)) for fault in faults}
        names = [UNCHANGED] if self.kind == "green" else list(wanted)
        if list(self.outcomes) != names:
            yield f"its {len(self.outcomes)} runs are not the {len(names)} of {TABLE.name}"
            return
        for suite in self.root.iter("testsuite"):
            name, cases, facts = suite.get("name", ""), self.outcomes[suite.get("name", "")], _facts(suite)
            every = {test for _, own in wanted.values() for test in own}
            fault, tests = wanted.get(name, (None, every))
            if {case.partition("[")[0] for case in cases} != tests:
                yield f"{name}: its tests are not the {len(tests)} of {TABLE.name}"
            if fault is None:
                yield from (f"test {case}: {outcome}" for case, outcome in cases.items() if outcome != "passed")
            else:
                if any(facts.get(key) != getattr(fault, key) for key in ("what", "module", "old", "new")):
                    yield f"fault {name}: is not that of {TABLE.name}"
                failed = {case.partition("[")[0] for case, outcome in cases.items() if outcome == "failed"}
                yield from (f"fault {name}: is not noticed by {test}" for test in sorted(tests - failed))
            if facts.get("exit code") != ("1" if fault else "0"):
                yield f"{name}: exit code {facts.get('exit code')}, expected {1 if fault else 0}"

    def changed_files(self) -> list[str]:
        """Returns the source files that are no longer as they were."""
        return [name for name, digest in self.files.items() if _digest(ROOT / name) != digest]

    def to_xml(self) -> str:
        """Returns the text of the XML file."""
        ET.indent(self.root)
        return ET.tostring(self.root, encoding="unicode", xml_declaration=False) + "\n"

    def to_text(self) -> str:
        """Returns the text for people."""
        lines = [f"perdure proof: {self.kind}", *(f"{key}: {value}" for key, value in self.header.items())]
        lines += [f"source: {self.source}, {len(self.files)} files", f"result: {self.result()}", ""]
        for suite in self.root.iter("testsuite"):
            facts = _facts(suite)
            lines.append(f"{suite.get('name')}: {facts.get('what', 'all tests')} ({facts.get('module', 'no fault')})")
            for case in suite.iter("testcase"):
                found = case.find("failure")
                said = (found.get("message", "") if found is not None else "").partition("\n")[0][:120]
                lines.append(f"  {_outcome(case):7} {_name(case)}  {said}".rstrip())
        digest = hashlib.sha256(self.to_xml().encode()).hexdigest()
        return "\n".join([*lines, "", f"seal of tdd_evaluation_{self.kind}.xml: {digest}", ""])

    @classmethod
    def read(cls, text: str, xml: str) -> ProofRecord:
        """Returns the record that a text and its XML hold.

        Raises:
            ValueError: they are not as they were written.
        """
        if not text.startswith("perdure proof: "):
            raise ValueError("is not a proof written by perdure")
        try:
            record = cls(ET.fromstring(xml))  # noqa: S314 - written by perdure, and run again by `verify`
            is_sealed = record.to_xml() == xml and record.to_text() == text
        except (ET.ParseError, KeyError) as error:
            raise ValueError(f"its XML cannot be read ({error})") from error
        if not is_sealed:
            raise ValueError("its seal does not fit; the text or its XML was edited or cut off")
        return record


def _properties(values: Mapping[str, str]) -> ET.Element:
    element = ET.Element("properties")
    for name, value in values.items():
        ET.SubElement(element, "property", name=name, value=value)
    return element


def _facts(element: ET.Element) -> dict[str, str]:
    return {item.attrib["name"]: item.attrib["value"] for item in element.findall("properties/property")}


def _name(case: ET.Element) -> str:
    return f"{case.get('classname')}.{case.get('name')}"


def _outcome(case: ET.Element) -> str:
    failure = case.find("failure")
    if failure is not None:
        return "failed" if failure.get("message", "").startswith(_CAUGHT) else "broken"
    return next((name for name in ("error", "skipped") if case.find(name) is not None), "passed")


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "missing"


RUNNER = SUITE / "run_faults.py"

OnProgress = Callable[[int, int], None]
"""Takes how many runs of how many have ended; whatever it raises ends them all."""


def captured(
    kind: Kind,
    *,
    faults: Sequence[Fault] | None = None,
    replaces: str = "",
    num_processes: int | None = None,
    on_progress: OnProgress | None = None,
) -> ProofRecord:
    """Returns a proof of this source, or an attempt at one.

    Args:
        kind: `green` runs all tests that the table names, `red` runs those of each fault with that fault.
        faults: of the table, all by default.
        replaces: hash of the source on which the same tests passed before a refactoring.
        num_processes: faults that are tried at a time; as many as there are cores by default.
        on_progress: told after each run.

    Raises:
        FileNotFoundError: the tests, or what they need, are not there.
        ValueError: the table does not fit the code.
        RuntimeError: the tests could not be run.
    """
    reason = what_is_missing()
    if reason is not None:
        raise FileNotFoundError(f"proof: {reason}")
    chosen = read_faults() if faults is None else tuple(faults)
    for fault in chosen:
        fault.source()
    runs: dict[str, Fault | None] = {UNCHANGED: None} if kind == "green" else {fault.name: fault for fault in chosen}
    command = [sys.executable, "-P", str(RUNNER), f"--processes={num_processes or usable_cores()}", *runs]
    rows: dict[str, tuple[Fault | None, int, str]] = {}
    with (
        tempfile.TemporaryFile("w+", encoding="utf-8") as said,
        subprocess.Popen(  # noqa: S603 - our own interpreter and script
            command, stdout=subprocess.PIPE, stderr=said, text=True, cwd=ROOT, env=_environment(),
            start_new_session=True,
        ) as process,
    ):  # fmt: skip
        try:
            for line in process.stdout or ():
                row = json.loads(line)
                rows[row["name"]] = (runs[row["name"]], row["exit_code"], row["xml"])
                if on_progress is not None:
                    on_progress(len(rows), len(runs))
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)
            raise
        process.wait()
        said.seek(0)
        reasons = [line.strip() for line in said if line.strip()]
    if len(rows) != len(runs):
        reason = reasons[-1] if reasons else f"exit code {process.returncode}"
        raise RuntimeError(f"proof: the tests could not be run: {reason}")
    words = f"python -P {RUNNER.relative_to(ROOT).as_posix()} {UNCHANGED if kind == 'green' else 'NAME ...'}"
    header = {"date": timestamp(), "command": words, **surroundings()} | ({REPLACES: replaces} if replaces else {})
    return ProofRecord.of(kind, header, [rows[name] for name in runs])


def surroundings() -> dict[str, str]:
    """Returns what a proof depends on beside the source: versions and platform."""
    packages = {name: version(name) for name in ("numpy", "scipy", "pytest")}
    python = {"python": platform.python_version()}
    return python | packages | {"perdure": perdure.__version__, "platform": platform.platform()}


def _environment() -> dict[str, str]:
    """Returns an environment in which this very source is tried, on one thread a process."""
    source = os.pathsep.join(filter(None, (str(PACKAGE.parent), os.environ.get("PYTHONPATH"))))
    values = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    return values | threads | {"PYTHONPATH": source, "PYTHONUTF8": "1"}
