"""Runs all checks against broken versions: `python -m perdure.proof.mutant NAME ...`, all faults by default.

Every fault has a process of its own, forked from one that has loaded numpy and scipy, and nothing yet of what is
checked; loading them anew each time would cost more than the checks. Writes one JSON object a fault on the standard
output: name, exit code, and what the test runner wrote.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
import tempfile
import unittest
from collections.abc import Iterator, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from perdure.proof.mutation import BrokenModule, Mutation
from perdure.proof.mutations import MUTATIONS

CHECKS = "perdure.proof.checks"
"""The module of all checks."""
SHARED = ("numpy", "scipy.stats", "scipy.optimize", "scipy.linalg", "scipy.special", "jaxtyping", "tempfile")
"""What is loaded before processes are forked."""
LIMIT_S = 120
"""A fault that makes the checks hang is ended after this time by a signal, and then is not caught by a check."""
NO_VERDICT = 3
"""Exit code of a process in which the checks could not be loaded or run."""


def named_mutations(names: Sequence[str]) -> list[Mutation]:
    """Returns the faults of these names, all of them if there is none.

    Raises:
        ValueError: there is no such fault.
    """
    known = {mutation.name: mutation for mutation in MUTATIONS}
    for name in names:
        if name not in known:
            raise ValueError(f"mutation: got '{name}', expected one of {', '.join(known)}")
    return [known[name] for name in names] if names else list(MUTATIONS)


def run_mutants(mutations: Sequence[Mutation], *, num_processes: int) -> Iterator[dict[str, Any]]:
    """Yields name, exit code and output of each fault as it ends, a few at a time."""
    for name in SHARED:
        import_module(name)
    running: dict[int, tuple[Mutation, Path]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for index, mutation in enumerate(mutations):
            if len(running) >= num_processes:
                yield _ended(running)
            output = Path(folder) / str(index)
            process = os.fork()
            if not process:
                _run_and_exit(mutation, output)
            running[process] = mutation, output
        while running:
            yield _ended(running)


def _ended(running: dict[int, tuple[Mutation, Path]]) -> dict[str, Any]:
    """Waits for the next process to end and returns what came out."""
    process, status = os.wait()
    mutation, output = running.pop(process)
    text = output.read_text(encoding="utf-8", errors="replace")
    return {"name": mutation.name, "exit_code": os.waitstatus_to_exitcode(status), "output": text}


def _run_and_exit(mutation: Mutation, output: Path) -> None:
    """Runs the checks with a fault and ends this process: 0 if they pass, 1 if one fails, 3 if they cannot run."""
    code = NO_VERDICT
    signal.alarm(LIMIT_S)
    with output.open("w", encoding="utf-8") as file, contextlib.redirect_stderr(file), contextlib.redirect_stdout(file):
        try:
            sys.meta_path.insert(0, BrokenModule(mutation))
            suite = unittest.defaultTestLoader.loadTestsFromName(CHECKS)
            result = unittest.TextTestRunner(stream=file, descriptions=False, verbosity=2, warnings="ignore").run(suite)
            code = 0 if result.wasSuccessful() else 1
        except BaseException as error:  # noqa: BLE001 - a forked process must never return into its parent's code
            file.write(f"{type(error).__name__}: {error}\n")
        finally:
            file.flush()
            os._exit(code)


def main(arguments: Sequence[str]) -> int:
    """Runs the faults that a command line names, as many at a time as `--processes=N` says, 1 by default."""
    options = [word for word in arguments if word.startswith("--processes=")]
    num_processes = int(options[-1].partition("=")[2]) if options else 1
    mutations = named_mutations([word for word in arguments if word not in options])
    for row in run_mutants(mutations, num_processes=num_processes):
        sys.stdout.write(json.dumps(row) + "\n")
        sys.stdout.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
