"""Runs the tests of the evaluation in a process of their own: without a fault (GREEN), or with each in turn (RED)."""

from __future__ import annotations

import json
import os
import platform
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from importlib.metadata import version

import perdure
from perdure.proof.faults import PACKAGE, ROOT, SUITE, Fault, read_faults, what_is_missing
from perdure.proof.record import REPLACES, UNCHANGED, Kind, ProofRecord
from perdure.runs.machine import usable_cores
from perdure.runs.record import timestamp

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
