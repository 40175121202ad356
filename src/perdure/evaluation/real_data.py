"""From folders of real sequences to tracks that are ready to be compared on."""

from __future__ import annotations

import configparser
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np

from perdure.data.mot_sequence import MotSequence, find_mot_folders, read_mot_sequence
from perdure.data.track_labels import SMALL_TARGETS, MatchConfig
from perdure.engine.labelled_tracks import labelled_tracks
from perdure.evaluation import confirmation_bench
from perdure.evaluation.confirmation_bench import BenchData, time_blocks, train_and_test
from perdure.evidence.track_table import TrackTable
from perdure.tracking.tracker import TrackerConfig

MAX_MISSES = 4
"""A track dies on this many frames in a row without a detection."""
HORIZON = 8
"""Age at which a track that is not confirmed is given up."""
Look = Callable[[TrackTable, list[MotSequence]], np.ndarray]
"""Returns what is seen on the crops of tracks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RealData:
    """Which tracks of a data set are taken; fields as in `perdure bench real`."""

    only: str = "*"
    detections: str = "det.txt"
    min_score: float | None = None
    targets: Literal["boxes", "points"] = "boxes"
    born: Literal["any", "second-half"] = "any"
    camera: Literal["any", "static"] = "any"
    num_folds: int = 12
    num_blocks: int = 5

    @property
    def tracker(self) -> TrackerConfig:
        """How detections are linked."""
        factor, margin_px = (1.5, 6.0) if self.targets == "points" else (1.0, 0.0)
        return TrackerConfig(
            max_misses=MAX_MISSES,
            min_iou=0.3,
            min_score=self.min_score,
            box_growth=factor,
            box_growth_px=margin_px,
        )

    @property
    def match(self) -> MatchConfig:
        """When a detection lies on an object."""
        return SMALL_TARGETS if self.targets == "points" else MatchConfig()


def read_sequences(
    request: RealData, root: Path, on_progress: Callable[[int, int], None] = lambda done, total: None
) -> tuple[TrackTable, list[MotSequence]]:
    """Returns the labelled tracks of all sequences, one group each, and the sequences.

    Raises:
        FileNotFoundError: there are none, or a file is missing.
        ValueError: a file is malformed.
    """
    folders = find_mot_folders(root, only=request.only)
    if request.camera == "static":
        folders = [folder for folder in folders if _says_static(folder)]
        if not folders:
            raise FileNotFoundError(f"sequences: no seqinfo.ini in {root} says camera=static")
    tables, sequences = [], []
    for number, folder in enumerate(folders):
        sequence = read_mot_sequence(folder, detections=request.detections)
        tables.append(labelled_tracks(sequence, tracker=request.tracker, match=request.match, num_ages=HORIZON))
        sequences.append(sequence)
        on_progress(number + 1, len(folders))
    return TrackTable.join(tables), sequences


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
    return _checked(_left_out(request, table, sequences, name or leave_one_out.name))


def _looked_at(
    table: TrackTable, sequences: list[MotSequence], look: Look | None
) -> tuple[TrackTable, list[MotSequence]]:
    return table if look is None else replace(table, looks=look(table, sequences)), sequences


def _left_out(request: RealData, table: TrackTable, sequences: list[MotSequence], name: str) -> BenchData:
    is_scored = np.ones(len(table), dtype=bool)
    if request.born == "second-half":
        half = np.array([sequence.num_frames // 2 for sequence in sequences])
        is_scored = table.birth_frame >= half[table.group]
    if len(sequences) == 1:
        table = time_blocks(table, request.num_blocks)
    data = confirmation_bench.leave_one_out(name, table, num_folds=request.num_folds, is_scored=is_scored)
    return replace(data, frame_rate_hz=float(np.median([sequence.frame_rate_hz for sequence in sequences])))


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
