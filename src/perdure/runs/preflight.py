"""What must be true before hours of work begin: folder, disk, memory, libraries, device."""

from __future__ import annotations

import importlib
import importlib.util
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

from perdure.extras import require
from perdure.runs.machine import free_memory_bytes, usable_cores
from perdure.runs.plan import PlannedStage
from perdure.runs.run_folder import RunFolder
from perdure.runs.settings import RunSettings
from perdure.runs.stage import one_line
from perdure.runs.words import bytes_words

SPARE_BYTES = 256 << 20
"""Free space that everything beside the declared outputs of stages needs."""
DEPENDENCIES = tuple(
    "av cv2 jaxtyping jinja2 markdown_it matplotlib numpy PIL psutil rich safetensors scipy tomli_w torch tyro".split()  # noqa: SIM905
)
"""Modules of all that perdure depends on."""
BASE_MEMORY_BYTES, MEMORY_BYTES_PER_CLIP = 900 << 20, 1_500_000
"""Measured: recipe cpu takes 2.7 GB at its highest, with 1,200 calibration clips; recipe tiny 1.0 GB with 96."""


class NotReadyError(Exception):
    """This machine cannot do the run; the text says why and what would help."""


def check_folder(path: Path) -> None:
    """Makes sure that a folder can be made and written.

    Raises:
        NotReadyError: it cannot.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path) as file:
            file.write(b"x" * 4096)
    except OSError as error:
        reason = error.strerror or str(error)
        raise NotReadyError(f"run folder {path}: cannot be written ({reason}); choose another --out") from error


def check_space(planned: Sequence[PlannedStage], run: RunFolder) -> None:
    """Makes sure that the disk can hold what the stages that will run write.

    Raises:
        NotReadyError: it cannot.
    """
    needed = SPARE_BYTES
    for item in planned:
        if item.will_run and item.stage.disk_bytes:
            needed += max(0, item.stage.disk_bytes - _written_bytes(item, run))
    free = shutil.disk_usage(run.path).free
    if needed > free:
        raise NotReadyError(
            f"run folder {run.path}: its disk has {bytes_words(free)} free, this run needs {bytes_words(needed)}; "
            "free some space, choose another --out or fewer clips (--data.num-train ...)"
        )


def _written_bytes(item: PlannedStage, run: RunFolder) -> int:
    """Returns how much of a stage's outputs an interrupted run has left in folders named by its fingerprint."""
    parents = {path for pattern in item.stage.outputs for path in (run.path / pattern).parents}
    folders = [path.with_name(item.fingerprint) for path in parents if path.name == "{fingerprint}"]
    return sum(path.stat().st_size for folder in folders for path in folder.rglob("*") if path.is_file())


def check_dependencies() -> None:
    """Makes sure that everything perdure depends on is installed.

    Raises:
        NotReadyError: something is not.
    """
    missing = [name for name in DEPENDENCIES if importlib.util.find_spec(name) is None]
    if missing:
        raise NotReadyError(f"not installed: {', '.join(missing)}; install perdure with its dependencies: 'make setup'")


def check_needs(planned: Sequence[PlannedStage]) -> None:
    """Makes sure that the optional modules of all stages that will run can be loaded.

    Raises:
        NotReadyError: one is not installed, or is and cannot be loaded, which another installation would not mend.
    """
    for item in planned:
        for name in item.stage.needs if item.will_run else ():
            try:
                require(name)
            except ValueError as error:
                raise NotReadyError(f"{item.stage.name}: {error}") from error


def check_memory(config: RunSettings) -> None:
    """Makes sure that there is memory for the largest stages, which hold the tracks of a whole split.

    Raises:
        NotReadyError: there is not.
    """
    needed, free = BASE_MEMORY_BYTES + config.num_clips_in_memory * MEMORY_BYTES_PER_CLIP, free_memory_bytes()
    if needed > free:
        raise NotReadyError(
            f"memory: {bytes_words(free)} are free, this run needs about {bytes_words(needed)}; end other programs, or "
            "take fewer clips (--data.num-calibration, --data.num-test)"
        )


def check_torch(config: RunSettings) -> None:
    """Makes sure that torch can be loaded, has the device, and uses the threads asked for.

    Raises:
        NotReadyError: torch or the device is missing.
    """
    try:
        torch = importlib.import_module("torch")
    except (ImportError, OSError) as error:
        raise NotReadyError(f"torch: cannot be loaded ({one_line(error)}); install it with 'make setup'") from error
    kind = config.device.partition(":")[0]
    is_there = {"cpu": lambda: True, "cuda": torch.cuda.is_available, "mps": torch.backends.mps.is_available}[kind]()
    if is_there and kind == "cuda" and ":" in config.device:
        is_there = int(config.device.partition(":")[2]) < torch.cuda.device_count()
    if not is_there:
        raise NotReadyError(f"device: '{config.device}' is not there; choose another --device, cpu always works")
    torch.set_num_threads(config.num_threads or usable_cores())


def check_extractor(config: RunSettings) -> None:
    """Makes sure that there is an extractor of the name that is configured.

    Raises:
        ValueError: there is none.
    """
    names = importlib.import_module("perdure.extractors.registry").EXTRACTORS
    if config.extractor_name not in names:
        raise ValueError(f"model.extractor: got '{config.extractor_name}', expected one of {', '.join(names)}")


def check_ready(planned: Sequence[PlannedStage], config: RunSettings, run: RunFolder) -> None:
    """Makes sure that the stages that will run can run; the folder exists.

    Raises:
        NotReadyError: something is missing on this machine.
        ValueError: the configuration names something that does not exist.
    """
    check_space(planned, run)
    check_needs(planned)
    if any(item.stage.uses_torch for item in planned if item.will_run):
        check_dependencies()
        check_memory(config)
        check_torch(config)
        if config.extractor_name:
            check_extractor(config)
