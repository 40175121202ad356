"""From folders of real sequences to tracks that are ready to be compared on."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np

from perdure.data.dataset import ClipDataset
from perdure.data.labelled_stream import LabelledStream, clip_stream, sequence_stream
from perdure.data.mot_sequence import MotSequence, find_mot_folders, read_mot_sequence, scene_numbers
from perdure.data.sequence_info import read_info
from perdure.data.street_sequence import street_sequence
from perdure.track_table import TrackTable
from perdure.tracks import split
from perdure.tracks.follow import track_table
from perdure.tracks.split import BenchData, time_blocks, train_and_test
from perdure.tracks.tracks_config import RealData
from perdure.video.camera import measured_camera
from perdure.video.reader import open_video

logger = logging.getLogger(__name__)

_STREET, _CLIP = "street:", "clip:"
Look = Callable[[TrackTable, list[MotSequence]], np.ndarray]
"""Returns what is seen on the crops of tracks."""


def sequence_folders(request: RealData, root: Path) -> list[Path]:
    """Returns the folders of the sequences that are taken, by name.

    Raises:
        FileNotFoundError: there are none.
        ValueError: a seqinfo.ini is malformed, or says nothing of the camera where there are no pictures to tell.
    """
    folders = find_mot_folders(root, only=request.only)
    if request.camera == "static":
        folders = [folder for folder in folders if _camera_of(folder) == "static"]
        if not folders:
            raise FileNotFoundError(f"sequences: {root} holds none whose camera is said or measured to be static")
    return folders


def read_sequences(
    request: RealData,
    root: Path,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
    *,
    needs_video: bool = False,
) -> tuple[TrackTable, list[MotSequence]]:
    """Returns the labelled tracks of all sequences, one group each, and the sequences.

    Raises:
        FileNotFoundError: there are none, or a file is missing.
        ValueError: a file is malformed.
    """
    places = [str(folder) for folder in sequence_folders(request, root)]
    return read_places(request, places, on_progress, needs_video=needs_video)


def read_places(
    request: RealData,
    places: list[str],
    on_progress: Callable[[int, int], None] = lambda done, total: None,
    *,
    needs_video: bool = False,
) -> tuple[TrackTable, list[MotSequence]]:
    """Returns the labelled tracks of sequences, one group each, and the sequences.

    Args:
        request: how tracks are made.
        places: folders, or what `street_place` gives.
        on_progress: told how many are done.
        needs_video: whether pixels will be read; sequences end with their videos then.

    Raises:
        FileNotFoundError: a file is missing.
        ValueError: a file is malformed.
    """
    tables, sequences = [], []
    for number, place in enumerate(places):
        sequence = sequence_at(request, place, needs_video=needs_video)
        tables.append(sequence_table(request, sequence))
        sequences.append(sequence)
        on_progress(number + 1, len(places))
    return TrackTable.join(tables).with_columns(scene=tuple(scene_numbers(sequences))), sequences


def stream_at(request: RealData, place: str, has_pixels: bool) -> LabelledStream:
    """Returns the labelled stream of a place; clips come with their pixels.

    Raises:
        FileNotFoundError: a file is missing.
        ValueError: a file is malformed.
    """
    if place.startswith(_CLIP):
        root, _, clip_id = place.removeprefix(_CLIP).rpartition(":")
        return clip_stream(_clips(root).clip(clip_id))
    sequence = sequence_at(request, place, needs_video=has_pixels)
    return sequence_stream(sequence, request.match, has_pixels=has_pixels, min_score=request.min_score)


def sequence_table(request: RealData, sequence: MotSequence) -> TrackTable:
    """Returns the labelled tracks of a sequence with their features, and boxes as they are stored."""
    table = track_table([sequence_stream(sequence, request.match, min_score=request.min_score)], request.tracker)
    return table.with_columns(xyxy_px=table.known("xyxy_px").astype(np.float32))


def street_place(seed: int) -> str:
    """Returns the place of a scene of synthetic detections."""
    return f"{_STREET}{seed}"


def clip_place(root: Path, clip_id: str) -> str:
    """Returns the place of a clip of the data set in a folder."""
    return f"{_CLIP}{root.resolve()}:{clip_id}"


@cache
def _clips(root: str) -> ClipDataset:
    return ClipDataset.open(root)


def sequence_at(request: RealData, place: str, *, needs_video: bool = False) -> MotSequence:
    """Returns the sequence of a place; one that ends with its video where that is needed.

    Raises:
        FileNotFoundError: a file is missing.
        ValueError: a file is malformed.
    """
    if place.startswith(_STREET):
        return street_sequence(int(place.removeprefix(_STREET)))
    return read_mot_sequence(Path(place), detections=request.detections, needs_video=needs_video)


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
        seen, unseen = (
            _looked_at(*read_sequences(request, root, on_progress, needs_video=look is not None), look)
            for root in (train, test)
        )
        return _checked(train_and_test(name or test.name, seen[0], unseen[0]))
    if leave_one_out is None:
        raise ValueError("data: got no folder, expected one to leave out in turn, or two to train and test on")
    table, sequences = _looked_at(
        *read_sequences(request, leave_one_out, on_progress, needs_video=look is not None), look
    )
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
    return table if look is None else table.with_columns(looks=look(table, sequences)), sequences


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


@cache
def _camera_of(folder: Path) -> str:
    """Returns `static` or `moving`, as seqinfo.ini says or the pictures show."""
    info = read_info(folder)
    if info.camera is not None:
        return info.camera
    if info.video is None or not info.video.exists():
        raise ValueError(
            f"sequence: {folder} says nothing of its camera and has no pictures to measure it on; "
            "write camera=static or camera=moving into seqinfo.ini"
        )
    with open_video(info.video, frame_rate_hz=info.frame_rate_hz) as reader:
        camera = measured_camera(reader)
    logger.info("sequence: %s says nothing of its camera, which is %s by its pictures", folder, camera)
    return camera
