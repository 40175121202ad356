"""What a host has and lacks, found out in one round before anything is sent."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from perdure.remote.remote_run import HostJob, RemoteRun
from perdure.remote.transport import Transport
from perdure.runs.preflight import DEPENDENCIES

LEAST_PYTHON = (3, 11)
_SCRIPT = """
for program in git rsync flock {python}; do command -v "$program" >/dev/null || echo "missing=$program"; done
mkdir -p {root} && cd {root} && echo "root=$(pwd -P)"
echo "free_kb=$(df -Pk . | tail -n 1 | tr -s ' ' | cut -d ' ' -f 4)"
{python} -I -c 'import sys; print("python=%d.%d" % sys.version_info[:2])'
{more}
grep -qsi '^KillUserProcesses=[y1t]' /etc/systemd/logind.conf /etc/systemd/logind.conf.d/*.conf && echo killed=yes
({state}) 2>/dev/null | grep -q '"state": "running"' && echo running=yes
true
"""
_WITH_PYTHON = """{python} -c 'import importlib.util as u
print("lacks=" + " ".join(n for n in "{names}".split() if u.find_spec(n) is None))'
"""
_WITHOUT_PYTHON = "{python} -I -c 'import venv, ensurepip' 2>/dev/null || echo venv=no\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class HostReport:
    """What was found on a host.

    Args:
        root: folder for everything, absolute.
        free_bytes: on its disk.
        is_running: whether this very run is going on there.
        problems: what is wrong and what would help, one text each.
    """

    root: str
    free_bytes: int
    is_running: bool
    problems: tuple[str, ...]


def look(run: RemoteRun, transport: Transport, *, needs: Sequence[str] = ()) -> HostReport:
    """Returns what a host has and lacks for a run.

    Raises:
        ConnectionLostError: the host cannot be reached.
        RemoteError: it has no usable shell.
    """
    python = shlex.quote(run.interpreter)
    more = (
        _WITH_PYTHON.format(python=python, names=" ".join((*DEPENDENCIES, *(name.partition(".")[0] for name in needs))))
        if run.python
        else ""
    )
    more = more or _WITHOUT_PYTHON.format(python=python)
    state = HostJob(run, transport).script("state")
    script = _SCRIPT.format(python=python, root=shlex.quote(run.root), more=more, state=state)
    lines = transport.run(script).splitlines()
    found: dict[str, list[str]] = {}
    for name, _, value in (line.partition("=") for line in lines):
        found.setdefault(name, []).append(value.strip())
    return HostReport(
        root=found.get("root", [""])[-1],
        free_bytes=int(found.get("free_kb", ["0"])[-1] or 0) << 10,
        is_running="running" in found,
        problems=tuple(_problems(found, run)),
    )


def _problems(found: dict[str, list[str]], run: RemoteRun) -> list[str]:
    if "root" not in found:
        return [f"{run.root} cannot be made or written; name another folder: --root DIR"]
    problems = []
    missing = [name for name in found.get("missing", []) if name != run.python]
    if missing:
        problems.append(f"{', '.join(missing)} not installed; install: {' '.join(missing)}")
    if run.python in found.get("missing", []):
        problems.append(f"--python: {run.python} does not exist there")
    elif "python" in found:
        version = tuple(int(part) for part in found["python"][-1].split("."))
        if version < LEAST_PYTHON:
            problems.append(
                f"{run.interpreter} is {found['python'][-1]}, needed 3.11 or newer; name one: --python PATH"
            )
    if "venv" in found:
        problems.append("its python3 cannot make environments; install python3-venv, or name one: --python PATH")
    lacks = found.get("lacks", [""])[-1]
    if lacks:
        problems.append(f"--python: {run.python} lacks {lacks}; install perdure's dependencies there")
    if "killed" in found:
        problems.append(
            "it ends all processes of a user who logs out (KillUserProcesses in logind.conf); turn that off"
        )
    return problems
