"""Generates a data set with several processes; an interrupted generation is resumed shard by shard.

Each shard is a function of (configuration, seed, number) alone, so any number of workers writes the same bytes.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from perdure.config import to_dict
from perdure.data.config import DataConfig
from perdure.data.dataset import FORMAT_VERSION, MANIFEST_NAME, PLAN_NAME, ClipDataset
from perdure.data.shards import ShardReceipt, clip_name, damaged_file, num_shards, read_receipt, write_shard
from perdure.files import write_json
from perdure.workers import mapped
from perdure.world.generate import GENERATOR_VERSION

logger = logging.getLogger(__name__)

Progress = Callable[[int, int], None]
"""Called with the number of finished clips and of all clips."""

SPARE_BYTES = 64 << 20
"""Disk space that is left free beside the data."""
_THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def generate_dataset(
    config: DataConfig, root: Path | str, *, seed: int, num_workers: int, on_progress: Progress | None = None
) -> ClipDataset:
    """Returns the data set of a configuration and seed in a folder, after making what is missing of it.

    Args:
        config: the data set.
        root: folder, created if missing; must be empty or hold this very data set, finished or not.
        seed: at least 0.
        num_workers: processes, at least 1; has no influence on the content.
        on_progress: told after every shard.

    Raises:
        ValueError: the folder holds another data set, or an argument is out of range.
        OSError: not enough disk space, or the folder cannot be written.
        RuntimeError: a worker process was killed.
    """
    if num_workers < 1 or seed < 0:
        raise ValueError(f"num_workers, seed: got {num_workers}, {seed}, expected at least 1 and 0")
    root = Path(root)
    root.mkdir(parents=True, exist_ok=True)
    plan = _plan(config, seed)
    _claim(root, plan)
    if (root / MANIFEST_NAME).is_file():
        return ClipDataset.open(root)
    _remove_temporary_files(root)
    receipts = {receipt.number: receipt for receipt in _finished_shards(root, config)}
    missing = [number for number in range(num_shards(config)) if number not in receipts]
    _require_space(root, config, num_missing=len(missing))
    report = on_progress or (lambda done, total: None)
    report(_num_clips(receipts), config.num_clips)
    for receipt in _made(root, config, seed, missing, num_workers):
        receipts[receipt.number] = receipt
        report(_num_clips(receipts), config.num_clips)
    _finish(root, config, plan, [receipts[number] for number in sorted(receipts)])
    return ClipDataset.open(root)


def _num_clips(receipts: dict[int, ShardReceipt]) -> int:
    return sum(receipt.num_clips for receipt in receipts.values())


def _plan(config: DataConfig, seed: int) -> dict[str, Any]:
    return {
        "format_version": FORMAT_VERSION,
        "generator_version": GENERATOR_VERSION,
        "seed": seed,
        "config": to_dict(config),
    }


def _claim(root: Path, plan: dict[str, Any]) -> None:
    """Marks the folder as that of this data set; refuses one that holds another or something else."""
    path = root / PLAN_NAME
    if not path.exists():
        # A half-written plan of a run that was killed at once does not count.
        if any(not item.name.startswith(f".{path.stem}-") for item in root.iterdir()):
            raise ValueError(f"data set: {root} is not empty and holds no data set; choose an empty folder")
        write_json(path, plan)
        return
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"data set: {path} cannot be read ({error}); remove the folder or choose another") from error
    expected = json.loads(json.dumps(plan))
    if stored != expected:
        names = ", ".join(_differences(stored, expected))
        raise ValueError(f"data set: {root} holds another data set (different: {names}); choose another folder")


def _differences(stored: Any, expected: Any, prefix: str = "") -> list[str]:
    """Returns dotted names of what differs between two nested dictionaries."""
    if not (isinstance(stored, dict) and isinstance(expected, dict)):
        return [] if stored == expected else [prefix.rstrip(".")]
    names = sorted(set(stored) | set(expected))
    return [found for name in names for found in _differences(stored.get(name), expected.get(name), f"{prefix}{name}.")]


def _remove_temporary_files(root: Path) -> None:
    for path in root.glob(".*.tmp"):
        path.unlink(missing_ok=True)


def _finished_shards(root: Path, config: DataConfig) -> Iterator[ShardReceipt]:
    """Yields the shards that an earlier run finished and that are still whole."""
    for number in range(num_shards(config)):
        receipt = read_receipt(root, number)
        if receipt is None:
            continue
        damaged = damaged_file(root, receipt)
        if damaged is None:
            yield receipt
        else:
            logger.warning("%s is missing or damaged and is made again", damaged)


def _require_space(root: Path, config: DataConfig, *, num_missing: int) -> None:
    """Raises OSError if the disk cannot hold what is still missing."""
    num_clips = min(num_missing * config.clips_per_shard, config.num_clips)
    needed = num_clips * config.bytes_per_clip + SPARE_BYTES
    free = shutil.disk_usage(root).free
    if num_missing and needed > free:
        raise OSError(
            f"data set: {root} has {free / 1e9:.2f} GB free, needs {needed / 1e9:.2f} GB for {num_clips} clips; "
            "free some space, choose another disk or fewer clips"
        )


def _made(root: Path, config: DataConfig, seed: int, missing: list[int], num_workers: int) -> Iterator[ShardReceipt]:
    """Yields shards as they are finished, in order."""
    work = partial(write_shard, root=root, config=config, seed=seed)
    if num_workers == 1 or len(missing) <= 1:
        yield from map(work, missing)
        return
    with _one_thread_each():
        try:
            yield from mapped(work, missing, min(num_workers, len(missing)))
        except BrokenProcessPool as error:
            raise RuntimeError(
                f"data set: a worker process was killed (out of memory?) while writing {root}; run again to continue"
            ) from error


@contextmanager
def _one_thread_each() -> Iterator[None]:
    """Makes child processes start with one thread each; this process is as before afterwards."""
    before = {name: os.environ.get(name) for name in _THREAD_VARIABLES}
    os.environ.update(dict.fromkeys(_THREAD_VARIABLES, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _finish(root: Path, config: DataConfig, plan: dict[str, Any], receipts: list[ShardReceipt]) -> None:
    """Writes the manifest, which makes the folder a data set."""
    splits = {name: [clip_name(index) for index in indices] for name, indices in config.split_indices().items()}
    write_json(root / MANIFEST_NAME, {**plan, "splits": splits, "shards": [to_dict(receipt) for receipt in receipts]})
