"""Labelled tracks on disk, with what is needed to split them and to find their sequences again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from perdure.arrays import load_arrays, save_arrays
from perdure.data.labelled_stream import LabelledStream
from perdure.data.mot_sequence import MotSequence
from perdure.track_table import TrackTable
from perdure.tracks.follow import track_table
from perdure.tracks.real_data import left_out, stream_at
from perdure.tracks.split import BenchData, block_edges, with_test
from perdure.tracks.tracks_config import RealData

_ARRAYS = ("features", "is_hit", "is_valid", "score", "xyxy_px", "is_persistent", "group", "birth_frame")
_OPTIONAL = ("looks", "evidence", "track_id")


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredTracks:
    """Tracks of some sequences, each sequence a group.

    Args:
        table: the tracks.
        places: folders of the sequences, or what stands for them, in order of group.
        num_frames: of each sequence.
        frame_rate_hz: the median over sequences.
        num_test: sequences at the end that are left out of everything but evaluation; 0 leaves each out in turn.
    """

    table: TrackTable
    places: tuple[str, ...]
    num_frames: tuple[int, ...]
    frame_rate_hz: float
    num_test: int = 0

    @classmethod
    def of(
        cls,
        table: TrackTable,
        places: list[str],
        sequences: Sequence[MotSequence | LabelledStream],
        *,
        num_test: int = 0,
    ) -> StoredTracks:
        """Returns tracks with the sequences they are from."""
        return cls(
            table=table,
            places=tuple(places),
            num_frames=tuple(sequence.num_frames for sequence in sequences),
            frame_rate_hz=float(np.median([sequence.frame_rate_hz for sequence in sequences])),
            num_test=num_test,
        )

    def save(self, path: Path) -> None:
        """Writes a .safetensors file, and a JSON file beside it, atomically."""
        arrays: dict[str, np.ndarray] = {name: getattr(self.table, name) for name in _ARRAYS}
        for name in _OPTIONAL:
            if getattr(self.table, name) is not None:
                arrays[name] = getattr(self.table, name)
        save_arrays(path, arrays, self._info())

    def _info(self) -> dict[str, Any]:
        table = self.table
        counts = [
            {
                "name": name,
                "place": self.places[group],
                "scene": table.scene[group],
                "num_frames": self.num_frames[group],
                "num_persistent": int((table.is_persistent & (table.group == group)).sum()),
                "num_transient": int((~table.is_persistent & (table.group == group)).sum()),
            }
            for group, name in enumerate(table.sequence)
        ]
        rest = {"num_test": self.num_test} if self.num_test else {}
        return {"kind": "tracks", "frame_rate_hz": self.frame_rate_hz, "sequences": counts} | rest

    @classmethod
    def load(cls, path: Path) -> StoredTracks:
        """Returns stored tracks.

        Raises:
            FileNotFoundError: there is no such file.
            ValueError: it is damaged.
        """
        arrays, info = load_arrays(path)
        names = tuple(row["name"] for row in info["sequences"])
        table = TrackTable(
            **{name: arrays[name] for name in _ARRAYS},
            sequence=names,
            scene=tuple(row["scene"] for row in info["sequences"]),
            **{name: arrays[name] for name in _OPTIONAL if name in arrays},
        )
        return cls(
            table=table,
            places=tuple(row["place"] for row in info["sequences"]),
            num_frames=tuple(row["num_frames"] for row in info["sequences"]),
            frame_rate_hz=info["frame_rate_hz"],
            num_test=info.get("num_test", 0),
        )

    def split(self, request: RealData, name: str) -> BenchData:
        """Returns the tracks with the parts that are left out in turn.

        Raises:
            ValueError: there is only one part, or a class has no tracks.
        """
        if self.num_test:
            return with_test(name, self.table, num_test=self.num_test, frame_rate_hz=self.frame_rate_hz)
        return left_out(request, self.table, name, num_frames=list(self.num_frames), frame_rate_hz=self.frame_rate_hz)

    def streams(
        self, request: RealData, groups: np.ndarray, *, has_pixels: bool = False
    ) -> list[tuple[LabelledStream, tuple[int, int]]]:
        """Returns the streams of some groups of `split`, each with the frames in which tracks are born that count.

        Raises:
            FileNotFoundError: a sequence is no longer there.
        """
        if len(self.places) == 1:
            stream, edges = stream_at(request, self.places[0], has_pixels), block_edges(self.table, request.blocks)
            return [(stream, (int(edges[group]), int(edges[group + 1]))) for group in groups.tolist()]
        streams = [stream_at(request, self.places[group], has_pixels) for group in groups.tolist()]
        is_late = request.born == "second-half"
        return [(stream, (stream.num_frames // 2 if is_late else 0, stream.num_frames)) for stream in streams]


def clip_tracks(
    request: RealData,
    places: list[str],
    *,
    num_test: int,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> StoredTracks:
    """Returns the labelled tracks of clips, of which the last `num_test` are kept for evaluation alone.

    Args:
        request: how tracks are made.
        places: of the clips, as `clip_place` gives them.
        num_test: number of these clips.
        on_progress: told how many clips are done.
    """
    streams = [stream_at(request, place, has_pixels=False) for place in places]
    table = track_table(streams, request.tracker, on_progress=on_progress)
    table = table.with_columns(xyxy_px=table.known("xyxy_px").astype(np.float32), scene=tuple(range(len(places))))
    return StoredTracks.of(table, places, streams, num_test=num_test)
