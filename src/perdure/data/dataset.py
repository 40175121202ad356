"""A finished data set on disk: splits by name, clips by id, frames memory-mapped.

Never opens a half-written one: the manifest is the mark of completion and is written last.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from perdure.config import from_dict
from perdure.data.config import SPLITS, DataConfig
from perdure.data.packing import Packed, unpack_clip
from perdure.data.shards import ShardReceipt, damaged_file, frames_path, truth_path
from perdure.types import Clip

FORMAT_VERSION = 1
"""Version of the layout on disk; another one is refused."""
MANIFEST_NAME = "manifest.json"
"""Written last: a folder without it is not a data set."""
PLAN_NAME = "plan.json"
"""Written first: configuration and seed of a data set that is being made."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What a data set holds.

    Args:
        config: the configuration it was made with.
        seed: the seed it was made with.
        splits: clip ids by split.
        shards: one receipt a shard, in order.
    """

    config: DataConfig
    seed: int
    splits: dict[str, tuple[str, ...]]
    shards: tuple[ShardReceipt, ...]


class ClipDataset:
    """Random access to the clips of a finished data set."""

    def __init__(self, root: Path, manifest: Manifest) -> None:
        self.root = root
        self.manifest = manifest
        self._frames: dict[int, np.ndarray] = {}
        self._truth: dict[int, Packed] = {}
        ids = [clip_id for name in SPLITS for clip_id in manifest.splits[name]]
        rows = [(shard.number, row) for shard in manifest.shards for row in range(shard.num_clips)]
        self._place = dict(zip(ids, rows, strict=True))

    def __reduce__(self) -> tuple[object, ...]:
        # Another process maps the files itself instead of receiving their content.
        return (ClipDataset, (self.root, self.manifest))

    @classmethod
    def open(cls, root: Path | str, *, verify: bool = False) -> ClipDataset:
        """Returns the data set in a folder.

        Args:
            root: its folder.
            verify: compare all checksums first, which reads every file.

        Raises:
            FileNotFoundError: there is no data set, or its generation was never finished.
            ValueError: the manifest cannot be read or has another format, or a file is damaged; it is named.
        """
        root = Path(root)
        manifest = _read_manifest(root)
        if verify:
            for shard in manifest.shards:
                path = damaged_file(root, shard)
                if path is not None:
                    raise ValueError(f"data set: {path} is missing or damaged; generate the data set again")
        return cls(root, manifest)

    @property
    def config(self) -> DataConfig:
        """The configuration that the data set was made with."""
        return self.manifest.config

    def __len__(self) -> int:
        return len(self._place)

    def split(self, name: str) -> list[str]:
        """Returns the clip ids of a split.

        Raises:
            ValueError: there is no such split.
        """
        if name not in self.manifest.splits:
            raise ValueError(f"split: got {name!r}, expected one of {', '.join(self.manifest.splits)}")
        return list(self.manifest.splits[name])

    def clip(self, clip_id: str) -> Clip:
        """Returns one clip; its frames are read from the disk when they are used.

        Raises:
            KeyError: there is no such clip.
        """
        if clip_id not in self._place:
            raise KeyError(f"clip: got {clip_id!r}, expected one of the {len(self)} clips of {self.root}")
        number, row = self._place[clip_id]
        detections, truth = unpack_clip(self._shard_truth(number), row)
        return Clip(
            clip_id=clip_id,
            frames=self._shard_frames(number)[row],
            frame_rate_hz=self.config.world.frame_rate_hz,
            detections=detections,
            truth=truth,
        )

    def _shard_frames(self, number: int) -> np.ndarray:
        if number not in self._frames:
            self._frames[number] = np.load(frames_path(self.root, number), mmap_mode="r")
        return self._frames[number]

    def _shard_truth(self, number: int) -> Packed:
        if number not in self._truth:
            with np.load(truth_path(self.root, number)) as file:
                self._truth[number] = {name: file[name] for name in file.files}
        return self._truth[number]


def _read_manifest(root: Path) -> Manifest:
    path = root / MANIFEST_NAME
    if not path.is_file():
        if (root / PLAN_NAME).is_file():
            raise FileNotFoundError(f"data set: {root} is not finished; generate it again to continue where it stopped")
        raise FileNotFoundError(f"data set: {root} holds no {MANIFEST_NAME}; generate a data set there first")
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        version = content["format_version"]
        if version != FORMAT_VERSION:
            raise ValueError(f"data set: {path} has format {version}, expected {FORMAT_VERSION}; generate it again")
        return Manifest(
            config=from_dict(DataConfig, content["config"], where=str(path)),
            seed=content["seed"],
            splits={name: tuple(content["splits"][name]) for name in SPLITS},
            shards=tuple(ShardReceipt(**shard) for shard in content["shards"]),
        )
    except (json.JSONDecodeError, UnicodeDecodeError, KeyError, TypeError) as error:
        raise ValueError(f"data set: {path} cannot be read ({error!r}); generate the data set again") from error
