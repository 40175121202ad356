"""How a table of tracks is split, so that no track is scored by what was fitted on its sequence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int

from perdure.track_table import TrackTable


@dataclass(frozen=True, slots=True)
class Fold:
    """One split: masks of tracks that share no scene.

    Args:
        train: what is fitted on.
        test: what is left out and scored.
    """

    train: np.ndarray
    test: np.ndarray


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchData:
    """One set of tracks and how it is split.

    Args:
        name: in the rows.
        table: all tracks.
        folds: splits; no track is scored in two of them.
        frame_rate_hz: frames per second, the median over sequences.
        is_one_unit: whether tracks of a sequence are dependent however far apart they are, as in clips.
    """

    name: str
    table: TrackTable
    folds: Sequence[Fold]
    frame_rate_hz: float = 30.0
    is_one_unit: bool = False

    @property
    def is_scored(self) -> np.ndarray:
        """Which tracks are scored in some fold."""
        return np.any(np.stack([fold.test for fold in self.folds]), axis=0)


def leave_one_out(name: str, table: TrackTable, *, num_folds: int, is_scored: np.ndarray | None = None) -> BenchData:
    """Returns data in which each scene is left out once, neighbours together where there are more than folds.

    Sequences of one scene are left out together.

    Args:
        name: in the rows.
        table: all tracks.
        num_folds: largest number of parts.
        is_scored: tracks that are scored when their sequence is left out; all by default.

    Raises:
        ValueError: there is one sequence only, so that nothing is left to train on.
    """
    parts = folds_of(table.unit, num_folds)
    if len(parts) < 2:
        raise ValueError(
            f"{name}: got one sequence, expected at least two to leave one out; or cut it into time blocks"
        )
    kept = np.ones(len(table), dtype=bool) if is_scored is None else is_scored
    return BenchData(name=name, table=table, folds=[Fold(train=~part, test=part & kept) for part in parts])


def train_and_test(name: str, train: TrackTable, test: TrackTable) -> BenchData:
    """Returns data with one split."""
    is_test = np.arange(len(train) + len(test)) >= len(train)
    table = TrackTable.join([train, test])
    return BenchData(name=name, table=table, folds=[Fold(train=~is_test, test=is_test)])


def with_test(name: str, table: TrackTable, *, num_test: int, frame_rate_hz: float) -> BenchData:
    """Returns data whose last groups are scored, and never fitted on; time within a clip makes nothing independent."""
    is_test = table.group >= len(table.sequence) - num_test
    fold = Fold(train=~is_test, test=is_test)
    return BenchData(name=name, table=table, folds=[fold], frame_rate_hz=frame_rate_hz, is_one_unit=True)


def block_edges(table: TrackTable, num_blocks: int) -> np.ndarray:
    """Returns the first frame of each block of time, and the one after the last."""
    return np.ceil(np.linspace(0, table.birth_frame.max() + 1, num_blocks + 1)).astype(np.int64)


def time_blocks(table: TrackTable, num_blocks: int) -> TrackTable:
    """Returns the tracks of one sequence with blocks of time, by birth, as groups."""
    edges = block_edges(table, num_blocks)
    block = np.searchsorted(edges, table.birth_frame, side="right") - 1
    names = tuple(f"{table.sequence[0]} part {number + 1}" for number in range(num_blocks))
    return table.with_columns(group=block.astype(np.int64), sequence=names, scene=())


def folds_of(group: Int[np.ndarray, " n"], num_folds: int) -> Sequence[np.ndarray]:
    """Returns masks of rows, neighbouring groups together, at most `num_folds` parts."""
    groups = np.unique(group)
    parts = np.array_split(groups, min(num_folds, len(groups)))
    return [np.isin(group, part) for part in parts]
