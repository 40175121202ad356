"""One shard on disk: frames as `.npy`, the rest as `.npz`, and a receipt with checksums that is written last.

A shard counts only if its receipt exists and the checksums agree. Knows nothing of the other shards.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from perdure.config import to_dict
from perdure.data.config import DataConfig
from perdure.data.packing import pack_clips
from perdure.files import atomic_path, write_json
from perdure.types import Clip
from perdure.world.generate import generate_clip


@dataclass(frozen=True, slots=True, kw_only=True)
class ShardReceipt:
    """What a finished shard holds.

    Args:
        number: 0-based number of the shard.
        first_index: index of its first clip.
        num_clips: clips in it.
        frames_sha256: checksum of the file of frames.
        truth_sha256: checksum of the file of detections and truth.
    """

    number: int
    first_index: int
    num_clips: int
    frames_sha256: str
    truth_sha256: str


def clip_name(index: int) -> str:
    """Returns the id of a clip: its number and nothing else.

    >>> clip_name(7)
    'clip-000007'
    """
    return f"clip-{index:06d}"


def frames_path(root: Path, number: int) -> Path:
    """Returns where the frames of a shard lie."""
    return root / f"shard-{number:05d}-frames.npy"


def truth_path(root: Path, number: int) -> Path:
    """Returns where detections and truth of a shard lie."""
    return root / f"shard-{number:05d}-truth.npz"


def receipt_path(root: Path, number: int) -> Path:
    """Returns where the receipt of a shard lies."""
    return root / f"shard-{number:05d}.json"


def num_shards(config: DataConfig) -> int:
    """Returns how many shards hold all clips."""
    return -(-config.num_clips // config.clips_per_shard)


def write_shard(number: int, *, root: Path, config: DataConfig, seed: int) -> ShardReceipt:
    """Generates and writes one shard.

    Raises:
        OSError: the folder is missing, read-only or full.
    """
    first = number * config.clips_per_shard
    num = min(config.clips_per_shard, config.num_clips - first)
    world = config.world
    shape = (num, world.num_frames, world.frame_height_px, world.frame_width_px, 3)
    clips: list[Clip] = []
    with atomic_path(frames_path(root, number)) as temporary:
        frames = np.lib.format.open_memmap(temporary, mode="w+", dtype=np.uint8, shape=shape)
        for row in range(num):
            index = first + row
            clip = generate_clip(world, seed=seed, index=index, clip_id=clip_name(index))
            frames[row] = clip.frames
            clips.append(replace(clip, frames=frames[row]))
        frames.flush()
    with atomic_path(truth_path(root, number)) as temporary, temporary.open("wb") as file:
        np.savez(file, **pack_clips(clips))  # type: ignore[arg-type]
    receipt = ShardReceipt(
        number=number,
        first_index=first,
        num_clips=num,
        frames_sha256=file_sha256(frames_path(root, number)),
        truth_sha256=file_sha256(truth_path(root, number)),
    )
    write_json(receipt_path(root, number), to_dict(receipt))
    return receipt


def read_receipt(root: Path, number: int) -> ShardReceipt | None:
    """Returns the receipt of a shard, or None if the shard is not finished."""
    path = receipt_path(root, number)
    if not path.is_file():
        return None
    try:
        return ShardReceipt(**json.loads(path.read_text(encoding="utf-8")))
    except (json.JSONDecodeError, UnicodeDecodeError, TypeError):
        return None


def damaged_file(root: Path, receipt: ShardReceipt) -> Path | None:
    """Returns the first file of a shard that is missing or whose checksum differs, or None if all is well."""
    expected = {
        frames_path(root, receipt.number): receipt.frames_sha256,
        truth_path(root, receipt.number): receipt.truth_sha256,
    }
    for path, checksum in expected.items():
        if not path.is_file() or file_sha256(path) != checksum:
            return path
    return None


def file_sha256(path: Path) -> str:
    """Returns the SHA-256 checksum of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
