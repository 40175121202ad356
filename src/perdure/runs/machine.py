"""What the machine offers: cores and memory that this process may use, and a line that names the machine."""

from __future__ import annotations

import os
import platform
import socket
from pathlib import Path

import psutil

_QUOTA_FILE = Path("/sys/fs/cgroup/cpu.max")
_MEMORY_FOLDER = Path("/sys/fs/cgroup")
_CPU_FILE = Path("/proc/cpuinfo")


def usable_cores(quota_file: Path = _QUOTA_FILE) -> int:
    """Returns how many cores this process may use, at least 1: its affinity, limited by the quota of its container.

    Args:
        quota_file: file of the control group that holds the quota and the period in microseconds.
    """
    has_affinity = hasattr(os, "sched_getaffinity")
    cores = len(os.sched_getaffinity(0)) if has_affinity else (os.cpu_count() or 1)
    try:
        quota, period = quota_file.read_text(encoding="ascii").split()
        cores = min(cores, max(1, int(quota) // int(period)))
    except (OSError, ValueError):
        pass  # no control group, or "max": no limit
    return max(1, cores)


def free_memory_bytes(folder: Path = _MEMORY_FOLDER) -> int:
    """Returns how much memory this process may still take: what is available, limited by its container.

    Args:
        folder: of the control group, with its limit and its use.
    """
    available = int(psutil.virtual_memory().available)
    try:
        limit, used = (int((folder / name).read_text(encoding="ascii")) for name in ("memory.max", "memory.current"))
        # Pages of files count as used but are given back when memory is wanted.
        rows = dict(line.split() for line in (folder / "memory.stat").read_text(encoding="ascii").splitlines())
    except (OSError, ValueError):
        return available  # no control group, or "max": no limit
    return min(available, max(0, limit - used + int(rows.get("inactive_file", 0))))


def host_name() -> str:
    """Returns the name of this machine."""
    return socket.gethostname()


def machine_words() -> str:
    """Returns the machine in a few words: processor, usable cores, system."""
    processor = platform.machine()
    try:
        for line in _CPU_FILE.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                processor = line.partition(":")[2].strip()
                break
    except OSError:
        pass  # not Linux: the architecture alone
    cores = usable_cores()
    return f"{processor}, {cores} {'core' if cores == 1 else 'cores'}, {platform.system()}"
