"""Starts the checks in processes of their own, without and with faults."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import sysconfig
from collections.abc import Callable, Sequence
from pathlib import Path

from perdure.proof.check_run import UNCHANGED, CheckRun
from perdure.proof.mutant import CHECKS
from perdure.proof.mutation import PACKAGE, Mutation
from perdure.proof.mutations import MUTATIONS

GREEN_ARGUMENTS = ("-P", "-W", "ignore", "-m", "unittest", "-v", CHECKS)
"""After the interpreter: no folder of the caller on the search path, no warnings between the outcomes."""
RED_ARGUMENTS = ("-P", "-W", "ignore", "-m", "perdure.proof.mutant")
LIMIT_S = 600
"""The checks take under a second on an idle machine."""

OnProgress = Callable[[int, int], None]
"""Takes how many runs of how many have ended; whatever it raises ends them all."""


def run_checks() -> CheckRun:
    """Returns a run of all checks on this source.

    Raises:
        RuntimeError: they do not end.
    """
    try:
        done = subprocess.run(  # noqa: S603 - our own interpreter and module
            [sys.executable, *GREEN_ARGUMENTS],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            env=_environment(),
            timeout=LIMIT_S,
        )
    except subprocess.TimeoutExpired as error:
        raise RuntimeError(f"proof: the checks have not ended after {LIMIT_S} s") from error
    return CheckRun(name=UNCHANGED, exit_code=done.returncode, output=_without_place(done.stdout))


def run_mutations(
    mutations: Sequence[Mutation] = MUTATIONS, *, num_processes: int, on_progress: OnProgress | None = None
) -> tuple[CheckRun, ...]:
    """Returns a run of all checks for every fault, in their order.

    Args:
        mutations: faults of the table, all by default.
        num_processes: faults that are tried at a time.
        on_progress: told after each fault.

    Raises:
        RuntimeError: the process that starts them fails.
    """
    faults = {mutation.name: mutation for mutation in mutations}
    command = [sys.executable, *RED_ARGUMENTS, f"--processes={num_processes}", *faults]
    done: dict[str, CheckRun] = {}
    with subprocess.Popen(  # noqa: S603 - our own interpreter and module
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=_environment(), start_new_session=True
    ) as process:
        try:
            for line in process.stdout or ():
                run = _run_of(json.loads(line), faults)
                done[run.name] = run
                if on_progress is not None:
                    on_progress(len(done), len(faults))
            errors = process.stderr.read() if process.stderr else ""
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)
            raise
    if process.returncode or len(done) != len(faults):
        reason = errors.strip().splitlines()[-1:] or [f"exit code {process.returncode}"]
        raise RuntimeError(f"proof: mutations could not be run: {reason[0]}")
    return tuple(done[name] for name in faults)


def fault_of(mutation: Mutation) -> dict[str, str]:
    """Returns what is recorded about a fault."""
    return {"what": mutation.what, "module": mutation.module, "old": mutation.old, "new": mutation.new}


def _run_of(row: dict[str, object], faults: dict[str, Mutation]) -> CheckRun:
    name, exit_code = str(row["name"]), int(str(row["exit_code"]))
    return CheckRun(
        name=name, exit_code=exit_code, output=_without_place(str(row["output"])), fault=fault_of(faults[name])
    )


def _without_place(output: str) -> str:
    """Returns an output without the folder that perdure lies in; what matters is the file, and it may be shared."""
    return output.replace(f"{PACKAGE.parent}{os.sep}", "")


def _environment() -> dict[str, str]:
    """Returns an environment in which this very source is checked, on one thread a process, without colours."""
    values = {name: value for name, value in os.environ.items() if name != "FORCE_COLOR"}
    if PACKAGE.parent != Path(sysconfig.get_path("purelib")):
        values["PYTHONPATH"] = os.pathsep.join(filter(None, (str(PACKAGE.parent), values.get("PYTHONPATH"))))
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    return values | threads | {"NO_COLOR": "1", "PYTHON_COLORS": "0", "PYTHONUTF8": "1"}
