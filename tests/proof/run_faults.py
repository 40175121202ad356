"""Runs the tests of the evaluation with deliberate faults: `python tests/proof/run_faults.py NAME ...`.

pytest loads and collects everything once. Then a process is forked for every fault, which puts the fault into the
loaded functions, runs the tests that the table names for it, and lets pytest write its JUnit XML. `unchanged` is the
run of all these tests without a fault. Writes one JSON object a run on the standard output: name, exit code and XML.
"""

from __future__ import annotations

import gc
import hashlib
import json
import os
import resource
import sys
import tempfile
from argparse import ArgumentParser
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

import pytest

from perdure.proof.faults import ROOT, TABLE, Fault, read_faults

UNCHANGED = "unchanged"
LIMIT_S = 60
"""Seconds of processor time after which a run is ended; a fault that makes a test hang counts as not noticed."""
OPTIONS = (
    *("--import-mode=importlib", "--noconftest", "--capture=no", "--tb=line", "--quiet"),
    *("-p", "no:cacheprovider", "-p", "no:unraisableexception", "-p", "no:threadexception"),
    *("--override-ini=addopts=", "--override-ini=filterwarnings="),
)
"""In place of those of the suite: neither annotations nor warnings count, a fault has to make a figure wrong. These
tests need no fixtures of the suite, and some of its conftest.py load torch."""


class FaultRuns:
    """A plugin of pytest that runs the collected tests once a fault, in a process each.

    Args:
        faults: by name; None stands for no fault.
        folder: for what the processes write.
        num_processes: at a time.
    """

    def __init__(self, faults: dict[str, Fault | None], folder: Path, num_processes: int) -> None:
        self.waiting = dict(faults)
        self.folder = folder
        self.num_processes = num_processes
        self.running: dict[int, str] = {}
        self.stdout = os.fdopen(os.dup(1), "w", encoding="utf-8")

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool | None:
        """Forks; returns None in a forked process, which makes pytest go on there with the tests of its fault."""
        if session.testsfailed:
            return None
        gc.freeze()
        for name, fault in self.waiting.items():
            if len(self.running) >= self.num_processes:
                self._report_next()
            process = os.fork()
            if not process:
                self._become(name, fault, session)
                return None
            self.running[process] = name
        while self.running:
            self._report_next()
        return True

    def _become(self, name: str, fault: Fault | None, session: pytest.Session) -> None:
        """Makes this process the run of one fault."""
        resource.setrlimit(resource.RLIMIT_CPU, (LIMIT_S, LIMIT_S))
        self.running.clear()
        silence = os.open(os.devnull, os.O_WRONLY)
        os.dup2(silence, 1)
        os.dup2(silence, 2)
        xml = junit_of(session.config)
        xml.logfile = str(self.folder / f"{name}.xml")
        if fault is not None:
            tests = {f"tests/{test}" for test in fault.tests.split()}
            session.items[:] = [item for item in session.items if {item.nodeid, item.nodeid.partition("[")[0]} & tests]
            put_in_place(fault)

    def _report_next(self) -> None:
        process, status = os.wait()
        name = self.running.pop(process)
        path = self.folder / f"{name}.xml"
        xml = path.read_text(encoding="utf-8") if path.is_file() else ""
        row = {"name": name, "exit_code": os.waitstatus_to_exitcode(status), "xml": xml}
        self.stdout.write(json.dumps(row) + "\n")
        self.stdout.flush()

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Notes every source file that was loaded, with the SHA-256 of its content."""
        for path in loaded_files():
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
            junit_of(session.config).add_global_property(path.relative_to(ROOT).as_posix(), digest)


def junit_of(config: pytest.Config) -> Any:
    """Returns the plugin that writes the JUnit XML."""
    return next(plugin for plugin in config.pluginmanager.get_plugins() if hasattr(plugin, "logfile"))


def loaded_files() -> list[Path]:
    """Returns what the outcome of the tests depends on: the loaded modules of this checkout, settings and table."""
    folders = tuple(f"{ROOT / name}{os.sep}" for name in ("src", "tests"))
    names = {getattr(module, "__file__", None) or "" for module in list(sys.modules.values())}
    own = {Path(name) for name in names if name.startswith(folders)}
    return sorted({*own, Path(__file__).resolve(), TABLE, ROOT / "pyproject.toml"})


def put_in_place(fault: Fault) -> None:
    """Gives the functions and plain constants of a loaded module what they have in its broken source."""
    module = sys.modules[f"perdure.{fault.module}"]
    broken = ModuleType(module.__name__)
    exec(compile(fault.source(), str(fault.file), "exec"), broken.__dict__)  # noqa: S102 - our own source
    for name, value in vars(broken).items():
        if isinstance(value, int | float | str | tuple) and not name.startswith("__"):
            setattr(module, name, value)
    for function, other in zip(functions_in(module), functions_in(broken), strict=True):
        function.__code__ = other.__code__


def functions_in(place: ModuleType | type) -> Iterator[FunctionType]:
    """Yields the functions that a module or class defines, in order, without what is wrapped around them."""
    name = place.__name__ if isinstance(place, ModuleType) else place.__module__
    for value in list(vars(place).values()):
        if isinstance(value, type) and value.__module__ == name:
            yield from functions_in(value)
        if isinstance(value, property):
            value = value.fget
        if isinstance(value, cached_property):
            value = value.func
        value = getattr(value, "__wrapped__", getattr(value, "__func__", value))
        if isinstance(value, FunctionType) and value.__module__ == name:
            yield value


def main() -> int:
    """Runs what the command line names."""
    parser = ArgumentParser()
    parser.add_argument("names", nargs="+")
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--table", type=Path, default=TABLE)
    arguments = parser.parse_args()
    faults = read_faults(arguments.table)
    known: dict[str, Fault | None] = {UNCHANGED: None, **{fault.name: fault for fault in faults}}
    tests = dict.fromkeys(test for fault in faults for test in fault.tests.split())
    parent, code = os.getpid(), 3
    with tempfile.TemporaryDirectory() as folder:
        runs = FaultRuns({name: known[name] for name in arguments.names}, Path(folder), arguments.processes)
        os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
        words = [*OPTIONS, f"--rootdir={ROOT}", f"--junitxml={folder}/none.xml"]
        os.dup2(2, 1)
        try:
            code = int(pytest.main([*words, *(str(ROOT / "tests" / test) for test in tests)], plugins=[runs]))
        finally:
            if os.getpid() != parent:
                os._exit(code)
    return code


if __name__ == "__main__":
    sys.exit(main())
