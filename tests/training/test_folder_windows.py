"""Tracks of real sequences: labels by majority of hits, crops of the object, sequences held out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from data.mot_folder import write_sequence
from perdure.data.labelled_stream import LabelledStream, site_streams
from perdure.gate.operation import Operation
from perdure.training.windows import folder_windows, sequence_windows


def stream_of(folder: Path) -> LabelledStream:
    return site_streams(folder, has_pixels=True, split="train")[0]


def test_tracks_are_labelled_by_what_their_hits_lie_on(tmp_path: Path) -> None:
    windows = sequence_windows(stream_of(write_sequence(tmp_path / "a")), operation=Operation(), num_ages=8)
    assert windows.is_persistent.tolist() == [True, False]
    assert windows.frame[:, 0].tolist() == [2, 4]
    assert windows.is_hit[1].tolist() == [True, True, *[False] * 6]
    # Deleted on the fifth miss: two hits and four misses are seen.
    assert windows.is_valid[1].sum() == 6
    centre = windows.crops[:, 0, 14:18, 14:18].mean(axis=(1, 2, 3))
    assert centre[0] > 200 > 120 > centre[1]


def test_tracks_born_near_the_end_are_left_out(tmp_path: Path) -> None:
    """Nobody can tell what they would have become."""
    stream = stream_of(write_sequence(tmp_path / "a", first_frame=25))
    windows = sequence_windows(stream, operation=Operation(), num_ages=8)
    assert windows.is_persistent.tolist() == [False]


def test_scenes_never_mix_sequences_and_some_are_held_out(tmp_path: Path) -> None:
    for top, name in enumerate(("a", "b", "c", "d"), start=18):
        write_sequence(tmp_path / name, top=top)
    windows = folder_windows(tmp_path, operation=Operation(), num_ages=4)
    assert np.bincount(windows.unit).tolist() == [2, 2, 2, 2]
    assert len(folder_windows(tmp_path, operation=Operation(), num_ages=4, held_out_every=2)) == 4
    with pytest.raises(FileNotFoundError, match="not held out"):
        folder_windows(tmp_path, operation=Operation(), num_ages=4, held_out_every=1)
