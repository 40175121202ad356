"""From folders of real sequences to tracks that are ready to be compared on."""

from __future__ import annotations

import configparser
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from perdure.data.mot_sequence import MotSequence, find_mot_folders, read_mot_sequence
from perdure.data.street_sequence import street_sequence
from perdure.tracks import split
from perdure.tracks.labelled_tracks import labelled_tracks
from perdure.tracks.split import BenchData, time_blocks, train_and_test
from perdure.tracks.track_table import TrackTable
from perdure.tracks.tracks_config import HORIZON, RealData

_STREET = "street:"
Look = Callable[[TrackTable, list[MotSequence]], np.ndarray]
"""Returns what is seen on the crops of tracks."""


def sequence_folders(request: RealData, root: Path) -> list[Path]:
    """Returns the folders of the sequences that are taken, by name.

    Raises:
        FileNotFoundError: there are none.
    """
    folders = find_mot_folders(root, only=request.only)
    if request.camera == "static":
        folders = [folder for folder in folders if _says_static(folder)]
        if not folders:
            raise FileNotFoundError(f"sequences: no seqinfo.ini in {root} says camera=static")
    return folders


def read_sequences(
    request: RealData, root: Path, on_progress: Callable[[int, int], None] = lambda done, total: None
) -> tuple[TrackTable, list[MotSequence]]:
    """Returns the labelled tracks of all sequences, one group each, and the sequences.

    Raises:
        FileNotFoundError: there are none, or a file is missing.
        ValueError: a file is malformed.
    """
    return read_places(request, [str(folder) for folder in sequence_folders(request, root)], on_progress)


def read_places(
    request: RealData, places: list[str], on_progress: Callable[[int, int], None] = lambda done, total: None
) -> tuple[TrackTable, list[MotSequence]]:
    """Returns the labelled tracks of sequences, one group each, and the sequences.

    Args:
        request: how tracks are made.
        places: folders, or what `street_place` gives.
        on_progress: told how many are done.

    Raises:
        FileNotFoundError: a file is missing.
        ValueError: a file is malformed.
    """
    tables, sequences = [], []
    for number, place in enumerate(places):
        sequence = sequence_at(request, place)
        tables.append(labelled_tracks(sequence, tracker=request.tracker, match=request.match, num_ages=HORIZON))
        sequences.append(sequence)
        on_progress(number + 1, len(places))
    return TrackTable.join(tables), sequences


def street_place(seed: int) -> str:
    """Returns the place of a scene of synthetic detections."""
    return f"{_STREET}{seed}"


def sequence_at(request: RealData, place: str) -> MotSequence:
    """Returns the sequence of a place.

    Raises:
        FileNotFoundError: a file is missing.
        ValueError: a file is malformed.
    """
    if place.startswith(_STREET):
        return street_sequence(int(place.removeprefix(_STREET)))
    return read_mot_sequence(Path(place), detections=request.detections)


def read_bench_data(
    request: RealData,
    *,
    leave_one_out: Path | None = None,
    train: Path | None = None,
    test: Path | None = None,
    name: str | None = None,
    look: Look | None = None,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> BenchData:
    """Returns the tracks of a data set with its splits: left out in turn, or one folder to train and one to test.

    Raises:
        FileNotFoundError: there are no sequences, or a file is missing.
        ValueError: a file is malformed, or a class has no tracks.
    """
    if train is not None and test is not None:
        seen, unseen = (_looked_at(*read_sequences(request, root, on_progress), look) for root in (train, test))
        return _checked(train_and_test(name or test.name, seen[0], unseen[0]))
    if leave_one_out is None:
        raise ValueError("data: got no folder, expected one to leave out in turn, or two to train and test on")
    table, sequences = _looked_at(*read_sequences(request, leave_one_out, on_progress), look)
    return left_out(
        request,
        table,
        name or leave_one_out.name,
        num_frames=[sequence.num_frames for sequence in sequences],
        frame_rate_hz=float(np.median([sequence.frame_rate_hz for sequence in sequences])),
    )


def _looked_at(
    table: TrackTable, sequences: list[MotSequence], look: Look | None
) -> tuple[TrackTable, list[MotSequence]]:
    return table if look is None else replace(table, looks=look(table, sequences)), sequences


def left_out(
    request: RealData, table: TrackTable, name: str, *, num_frames: list[int], frame_rate_hz: float
) -> BenchData:
    """Returns tracks with the parts that are left out in turn.

    Args:
        request: how they are split.
        table: tracks, one group a sequence.
        name: of the data.
        num_frames: of each sequence.
        frame_rate_hz: of the data.

    Raises:
        ValueError: a class has no tracks that are scored.
    """
    is_scored = np.ones(len(table), dtype=bool)
    if request.born == "second-half":
        is_scored = table.birth_frame >= np.array(num_frames)[table.group] // 2
    if len(num_frames) == 1:
        table = time_blocks(table, request.blocks)
    data = split.leave_one_out(name, table, num_folds=request.folds, is_scored=is_scored)
    return replace(_checked(data), frame_rate_hz=frame_rate_hz)


def _checked(data: BenchData) -> BenchData:
    persistent = data.table.is_persistent[data.is_scored]
    for word, num in (("TRUE", int(persistent.sum())), ("FALSE", int((~persistent).sum()))):
        if num == 0:
            raise ValueError(f"{data.name}: got no {word} track to score, expected some of each class; add sequences")
    return data


def _says_static(folder: Path) -> bool:
    parser = configparser.ConfigParser()
    parser.read(folder / "seqinfo.ini", encoding="utf-8")
    return parser.get("Sequence", "camera", fallback="") == "static"
