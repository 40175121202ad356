"""The stored proof: a text with what ran where, on which source, the runner's full output, and a seal.

Everything that follows from the runner's output is written from it and compared with it again on reading, so a line
cannot be changed alone. The seal is a SHA-256 of the text before it. It reveals a changed file; somebody who writes a
whole file by hand is found out when the checks are run again (`verify`).
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import zip_longest
from typing import Literal, get_args

from perdure.proof.check_run import CheckRun

Kind = Literal["red", "green"]

HEADER = ("date", "command", "python", "numpy", "scipy", "perdure", "platform", "tree")
"""Keys at the top of a record, in order."""
REPLACES = "same checks as on tree"
"""Key, after a refactoring, of the source whose checks passed before."""
_TITLE = "perdure proof: "
_FAULT = ("what", "module", "old", "new")


@dataclass(frozen=True, slots=True, kw_only=True)
class ProofRecord:
    """What a proof was captured from.

    Args:
        kind: `green` (checks pass) or `red` (every fault is caught).
        header: values of `HEADER`, and of `REPLACES` after a refactoring.
        runs: all runs of the checks; one without a fault for green, one a fault for red.
    """

    kind: Kind
    header: dict[str, str]
    runs: tuple[CheckRun, ...]

    @property
    def tree(self) -> str:
        """Hash of the source."""
        return self.header["tree"]

    @property
    def checks(self) -> list[str]:
        """Names of all checks that ran, sorted."""
        return sorted({name for run in self.runs for name in run.outcomes})

    @property
    def caught(self) -> Counter[str]:
        """How many faults each check has caught."""
        return Counter(name for run in self.runs if run.is_caught for name in run.failed)

    def problems(self) -> list[str]:
        """Returns in a line each why this proves nothing; empty if it is a proof."""
        found = [line for run in self.runs for line in run.contradictions()]
        if not self.checks:
            found.append("no check has run")
        if self.kind == "green":
            outcomes = [(name, outcome) for run in self.runs for name, outcome in run.outcomes.items()]
            found += [f"check {name}: {outcome}" for name, outcome in outcomes if outcome != "ok"]
            found += [f"exit code {run.exit_code}, expected 0" for run in self.runs if run.exit_code]
            return found
        found += [f"mutation {run.name}: is not caught by any check" for run in self.runs if not run.is_caught]
        found += [f"check {name}: catches no mutation" for name in self.checks if name not in self.caught]
        return found

    def to_text(self) -> str:
        """Returns the text of the file."""
        body = "\n".join(self._lines()) + "\n"
        return f"{body}seal: {seal_of(body)}\n"

    def _lines(self) -> Iterator[str]:
        yield f"{_TITLE}{self.kind}"
        yield from (f"{key}: {value}" for key, value in self.header.items())
        yield f"result: {self.result()}"
        yield f"checks: {len(self.checks)}"
        for name in self.checks:
            yield f"  {self._mark(name)}  {name}"
        yield f"runs: {len(self.runs)}"
        for run in self.runs:
            yield from ("", f"run: {run.name}")
            yield from (f"{key}: {value}" for key, value in run.fault.items())
            yield from (f"exit code: {run.exit_code}", f"verdict: {run.verdict}")
            yield from (f"| {line}".rstrip() for line in run.output.splitlines())
        yield ""

    def _mark(self, name: str) -> str:
        return self.runs[0].outcomes[name] if self.kind == "green" else f"catches {self.caught[name]:2d}"

    def result(self) -> str:
        """Returns what is proven, in a line."""
        if self.kind == "green":
            return "; ".join(run.verdict for run in self.runs)
        num = sum(run.is_caught for run in self.runs)
        return (
            f"{num} of {len(self.runs)} mutations are caught; "
            f"{len(self.caught)} of {len(self.checks)} checks catch at least one"
        )

    @classmethod
    def from_text(cls, text: str) -> ProofRecord:
        """Returns the record that a text holds.

        Raises:
            ValueError: it is not such a text, or not what `to_text` would write.
        """
        lines = text.splitlines()
        kind = lines[0].removeprefix(_TITLE) if lines else ""
        if not text.startswith(_TITLE) or kind not in get_args(Kind):
            raise ValueError("is not a proof written by perdure")
        body, _, seal = text.rpartition("seal: ")
        if seal.strip() != seal_of(body):
            raise ValueError("its seal does not fit its text; it was edited or cut off")
        blocks = body.split("\nrun: ")
        runs = tuple(_run_of(block) for block in blocks[1:])
        record = cls(kind="red" if kind == "red" else "green", header=_header_of(blocks[0]), runs=runs)
        for number, (found, expected) in enumerate(zip_longest(lines, record.to_text().splitlines()), start=1):
            if found != expected:
                raise ValueError(f"line {number}: got '{found}', but the runner's output below gives '{expected}'")
        return record


def seal_of(body: str) -> str:
    """Returns the seal of a text."""
    return hashlib.sha256(body.encode()).hexdigest()


def _pairs(lines: list[str]) -> dict[str, str]:
    return {key: value for key, mark, value in (line.partition(": ") for line in lines) if mark}


def _header_of(block: str) -> dict[str, str]:
    found = _pairs(block.splitlines()[1:])
    missing = [key for key in HEADER if key not in found]
    if missing:
        raise ValueError(f"its header has no {missing[0]}")
    return {key: found[key] for key in (*HEADER, REPLACES) if key in found}


def _run_of(block: str) -> CheckRun:
    """Returns a run from its text after `run: `."""
    name, *lines = block.splitlines()
    head = _pairs([line for line in lines if not line.startswith("|")])
    output = [line[2:] for line in lines if line.startswith("|")]
    try:
        exit_code = int(head["exit code"])
    except (KeyError, ValueError) as error:
        raise ValueError(f"run {name}: has no exit code") from error
    fault = {key: head[key] for key in _FAULT if key in head}
    return CheckRun(name=name, exit_code=exit_code, output="\n".join(output) + "\n", fault=fault)
