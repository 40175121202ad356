"""What is known of single decisions: the frames that led to each, read from the rows of a trace or of a table."""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from perdure.types import Label, Reason

RUN_DECISIONS, RUN_TRACE = "evaluation/decisions.jsonl", "evaluation/trace.jsonl"
"""Files of a run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One track on one frame.

    Args:
        frame: 0-based.
        age: frames since birth, birth = 1.
        is_hit: whether a detection was associated.
        score: of it, 0 on a missed frame.
        evidence: nats.
        lifetime: of that, what associated and missed frames alone say; None where it was not noted.
        without_crops: evidence as if every crop had been background; None where no pixels are read.
        attention: track, frame and share where it looked most; None where there is no attention.
    """

    frame: int
    age: int
    is_hit: bool
    score: float
    evidence: float
    lifetime: float | None = None
    without_crops: float | None = None
    attention: tuple[tuple[int, int, float], ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """One decision and what led to it.

    Args:
        clip_id: stream of a run; empty in a folder of one stream.
        track_id: the tracker's id.
        label: the verdict.
        reason: why it fell.
        age: at the decision.
        frame: of the decision, 0-based.
        evidence: at the decision, nats.
        probability: of being persistent.
        seen: frames since birth, or since re-opening, up to the decision; empty where nothing was noted.
        bound: evidence that confirmed on that frame, before a streak lowers it; None where none was noted.
        floor: evidence from which a streak confirmed; None where it did not.
        is_guaranteed: whether error rates were promised and held by all that was known; None where nothing was noted.
        drift: what had drifted by then.
        rule: what decided, as the trace has it; None where nothing was noted.
        lifetime_bound: detections that confirm by themselves, as the trace has it.
        true_label: the truth, where it is known.
        line: of the file of decisions, counted from 1.
    """

    clip_id: str = ""
    track_id: int
    label: Label
    reason: Reason
    age: int
    frame: int
    evidence: float
    probability: float
    seen: tuple[Seen, ...] = ()
    bound: float | None = None
    floor: float | None = None
    is_guaranteed: bool | None = None
    drift: tuple[str, ...] = ()
    rule: dict[str, Any] | None = None
    lifetime_bound: dict[str, Any] | None = None
    true_label: Label | None = None
    line: int = 0

    @property
    def name(self) -> str:
        """The track in words."""
        return f"track {self.track_id} of {self.clip_id}" if self.clip_id else f"track {self.track_id}"

    @property
    def birth(self) -> int:
        """Frame of birth."""
        return self.frame - self.age + 1

    @property
    def hits(self) -> list[int]:
        """Frames on which it was associated."""
        return [seen.frame for seen in self.seen if seen.is_hit]

    @property
    def misses(self) -> list[int]:
        """Frames on which it was missed."""
        return [seen.frame for seen in self.seen if not seen.is_hit]

    @property
    def moves(self) -> list[float]:
        """Change of the evidence on each frame; that of the first is counted from 0."""
        evidence = [0.0, *(seen.evidence for seen in self.seen)]
        return [after - before for before, after in pairwise(evidence)]


def traced_seen(rows: Iterable[dict[str, Any]]) -> tuple[dict[int, list[Seen]], dict[int, dict[str, Any]]]:
    """Returns all tracks of the rows of one stream's trace, and its rows by frame without what is told of tracks."""
    tracks: dict[int, list[Seen]] = defaultdict(list)
    by_frame: dict[int, dict[str, Any]] = {}
    for row in rows:
        by_frame[row["frame"]] = row
        for seen_of in _columns(row):
            tracks[seen_of[0]].append(seen_of[1])
    return tracks, by_frame


def _columns(row: dict[str, Any]) -> Iterator[tuple[int, Seen]]:
    num = len(row["track"])
    blank = [None] * num
    names = ("age", "is_hit", "score", "evidence", "lifetime", "without_crops", "attention")
    for track_id, age, is_hit, score, evidence, lifetime, hidden, looks in zip(
        row["track"], *(row.get(name, blank) for name in names), strict=True
    ):
        yield (
            track_id,
            Seen(
                frame=row["frame"],
                age=age,
                is_hit=bool(is_hit),
                score=score,
                evidence=evidence,
                lifetime=lifetime,
                without_crops=hidden,
                attention=None if looks is None else tuple((one[0], one[1], one[2]) for one in looks),
            ),
        )


def tabled_seen(path: Path) -> dict[int, list[Seen]]:
    """Returns all tracks of a tracks.csv."""
    tracks: dict[int, list[Seen]] = defaultdict(list)
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            tracks[int(row["track_id"])].append(
                Seen(
                    frame=int(row["frame_index"]),
                    age=int(row["age"]),
                    is_hit=row["is_hit"] == "1",
                    score=float(row["score"]),
                    evidence=float(row["evidence"]),
                )
            )
    return tracks


def until(seen: list[Seen], frame: int, *, after: int = -1) -> tuple[Seen, ...]:
    """Returns the frames of a track up to one, and after another."""
    return tuple(one for one in seen if after < one.frame <= frame)
