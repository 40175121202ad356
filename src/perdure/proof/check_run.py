"""One run of all checks: what the test runner wrote, and what that says about each check."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

PREFIX = "perdure.proof."
"""What the full names of all checks begin with; left out wherever they are listed."""
UNCHANGED = "unchanged"
"""Name of the run without a fault."""

_CHECK = re.compile(
    r"^\w+ \((?P<name>[\w.]+)\)(?:\n.*?)?? \.\.\. (?P<outcome>ok|FAIL|ERROR|skipped.*|.*expected.*)$", re.M
)
_TOTAL = re.compile(r"^Ran (\d+) tests? in [\d.]+s$", re.M)
_FAILURES = re.compile(r"^FAILED \((?:failures=(\d+))?(?:, )?(?:errors=(\d+))?\)$", re.M)


@dataclass(frozen=True, kw_only=True)
class CheckRun:
    """One run of all checks.

    Args:
        name: `unchanged`, or the name of the fault.
        fault: what is wrong and where, by name; empty without a fault.
        exit_code: of the process that ran the checks.
        output: all that the test runner wrote.
    """

    name: str
    exit_code: int
    output: str
    fault: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def outcomes(self) -> dict[str, str]:
        """Outcome of each check, in the order in which they ran: `ok`, `FAIL` (an assertion), `ERROR`, ..."""
        return {match["name"].removeprefix(PREFIX): match["outcome"] for match in _CHECK.finditer(self.output)}

    @property
    def failed(self) -> list[str]:
        """Checks whose assertion did not hold."""
        return [name for name, outcome in self.outcomes.items() if outcome == "FAIL"]

    @property
    def is_caught(self) -> bool:
        """Whether the process failed because an assertion did not hold, not because something could not be loaded."""
        return self.exit_code == 1 and bool(self.failed)

    @property
    def verdict(self) -> str:
        """What came out, in a few words."""
        total = len(self.outcomes)
        if not self.fault:
            return f"{list(self.outcomes.values()).count('ok')} of {total} checks pass"
        return f"caught by {len(self.failed)} of {total} checks" if self.is_caught else "NOT CAUGHT"

    def contradictions(self) -> list[str]:
        """Returns where the runner's lines, its summary and the exit code contradict each other."""
        found = []
        total = _TOTAL.findall(self.output)
        if [int(num) for num in total] != [len(self.outcomes)]:
            found.append(f"{self.name}: lists {len(self.outcomes)} checks, but its summary says {total or 'nothing'}")
        values = list(self.outcomes.values())
        counted = values.count("FAIL"), values.count("ERROR")
        summary = _FAILURES.findall(self.output)
        stated = [(int(failures or 0), int(errors or 0)) for failures, errors in summary]
        if stated != ([counted] if any(counted) else []):
            found.append(f"{self.name}: lists {counted[0]} failures and {counted[1]} errors, but its summary differs")
        if (self.exit_code == 0) != (bool(values) and set(values) == {"ok"}):
            found.append(f"{self.name}: exit code {self.exit_code} does not fit the outcomes of its checks")
        return found
