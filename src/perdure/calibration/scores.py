"""What calibration is made of: the evidence of tracks whose truth is known, and how it is stored.

Knows no bounds and no rates. Scores are rounded to the careful side, so that a guarantee survives storage.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int

MAX_AGES = 10_000
"""Ages that scores can be known for; no stream leaves a track undecided for as long."""
DECIMALS = 4
"""Digits of a stored score; 1e-4 nats is far below what any model knows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibrationScores:
    """Evidence at every age up to h of tracks whose truth is known, at most one of each class from a clip.

    A track that ends counts as deleted there; tracks cut short by the end of their clip must be left out.

    Args:
        persistent: nats, NaN after the track's end.
        transient: nats, NaN after the track's end.
        transient_hits: detections of each transient track in its whole life; None where only the first h ages are
            known.

    Raises:
        ValueError: the numbers of ages differ, a score is infinite, a NaN stands before a number, or there are more or
            fewer numbers of detections than transient tracks.
    """

    persistent: Float[np.ndarray, "n1 h"]
    transient: Float[np.ndarray, "n0 h"]
    transient_hits: Int[np.ndarray, " n0"] | None = None

    def __post_init__(self) -> None:
        if self.persistent.shape[1] != self.transient.shape[1]:
            raise ValueError(
                f"CalibrationScores: got {self.persistent.shape[1]} ages of persistent tracks and "
                f"{self.transient.shape[1]} of transient ones, expected the same number"
            )
        if self.transient_hits is not None and len(self.transient_hits) != len(self.transient):
            raise ValueError(
                f"CalibrationScores.transient_hits: got {len(self.transient_hits)}, expected {len(self.transient)}, "
                "one for each transient track"
            )
        for name in ("persistent", "transient"):
            scores = getattr(self, name)
            bad = np.isinf(scores).any(axis=1) | (np.isnan(scores[:, :-1]) & ~np.isnan(scores[:, 1:])).any(axis=1)
            if bad.any():
                row = int(np.flatnonzero(bad)[0])
                raise ValueError(
                    f"CalibrationScores.{name} row {row}: got {scores[row]}, "
                    "expected finite numbers, and NaN only after the track's end"
                )

    @property
    def num_ages(self) -> int:
        """Ages that scores are known for."""
        return self.persistent.shape[1]

    def up_to(self, horizon: int) -> CalibrationScores:
        """Returns the scores of the first `horizon` ages.

        Raises:
            ValueError: scores are not known that far.
        """
        if not 1 <= horizon <= self.num_ages:
            raise ValueError(
                f"calibration: got horizon {horizon}, expected 1 to {self.num_ages}, the ages that calibration "
                "scores are stored for; calibrate again with a longer horizon"
            )
        return replace(self, persistent=self.persistent[:, :horizon], transient=self.transient[:, :horizon])

    def lasting(self, num_hits: int) -> Bool[np.ndarray, " n0"]:
        """Returns which transient tracks are detected that often, or may be where their life is not known."""
        if self.transient_hits is None:
            return ~np.isnan(self.transient[:, -1])
        return np.asarray(self.transient_hits >= num_hits)

    def to_dict(self) -> dict[str, Any]:
        """Returns plain values, ready for JSON; a row stops at the track's end.

        Scores are rounded to 4 decimals, those of persistent tracks down and those of transient ones up: both ways
        bounds only become more careful, so the guarantee survives storage.
        """
        return {
            "num_ages": self.num_ages,
            "persistent": _rows(round_carefully(self.persistent)),
            "transient": _rows(-round_carefully(-self.transient)),
            **({} if self.transient_hits is None else {"transient_hits": self.transient_hits.tolist()}),
        }

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> CalibrationScores:
        """Returns the scores that `to_dict` described.

        Raises:
            ValueError: a value is missing, or a row is longer than `num_ages`.
        """
        try:
            num_ages = int(values["num_ages"])
            if not 1 <= num_ages <= MAX_AGES:  # before anything of that size is made
                raise ValueError(f"calibration: got {num_ages} ages, expected 1 to {MAX_AGES}")
            hits = values.get("transient_hits")
            return cls(
                persistent=_padded(values["persistent"], num_ages),
                transient=_padded(values["transient"], num_ages),
                transient_hits=None if hits is None else np.array(hits, dtype=np.int64),
            )
        except KeyError as error:
            raise ValueError(f"calibration: got no {error}, expected num_ages, persistent and transient") from error


def round_carefully(scores: Float[np.ndarray, "n h"]) -> Float[np.ndarray, "n h"]:
    """Returns the largest multiples of 1e-4 that are not above the scores; rounding twice changes nothing."""
    nearest = np.round(scores, DECIMALS)
    return np.where(nearest > scores, np.round(nearest - 10.0**-DECIMALS, DECIMALS), nearest)


def _rows(scores: Float[np.ndarray, "n h"]) -> list[list[float]]:
    # Adding 0.0 turns -0.0 into 0.0.
    return [(row[~np.isnan(row)] + 0.0).tolist() for row in scores]


def _padded(rows: list[list[float]], num_ages: int) -> Float[np.ndarray, "n h"]:
    scores = np.full((len(rows), num_ages), np.nan)
    for index, row in enumerate(rows):
        if len(row) > num_ages:
            raise ValueError(f"calibration: row {index} has {len(row)} scores, expected at most {num_ages}")
        scores[index, : len(row)] = row
    return scores


def sample_one_per_clip(
    clip_index: Int[np.ndarray, " n"],
    is_persistent: Bool[np.ndarray, " n"],
    evidence: Float[np.ndarray, "n h"],
    rng: np.random.Generator,
    *,
    num_hits: Int[np.ndarray, " n"] | None = None,
) -> CalibrationScores:
    """Returns one random track of each class from every clip that has one: tracks of one clip are not independent.

    Args:
        clip_index: number of the clip that each track belongs to.
        is_persistent: truth.
        evidence: nats, NaN after the track's end.
        rng: picks the tracks.
        num_hits: detections in the whole life of each track, where they are known.
    """

    def picked(of_class: Bool[np.ndarray, " n"]) -> Int[np.ndarray, " m"]:
        rows = rng.permutation(np.flatnonzero(of_class))
        _, first = np.unique(clip_index[rows], return_index=True)
        return rows[first]

    persistent, transient = picked(is_persistent), picked(~is_persistent)
    return CalibrationScores(
        persistent=evidence[persistent].astype(np.float64),
        transient=evidence[transient].astype(np.float64),
        transient_hits=None if num_hits is None else num_hits[transient],
    )
