"""What a gate shows of its tracks after a frame; nothing is made before somebody looks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any, overload

from perdure.gate.memory import STATUSES, TrackMemories
from perdure.gate.results import TrackView
from perdure.metrics.probability import probability_of
from perdure.types import TrackFrame


class TrackViews(Sequence[TrackView]):
    """The views of all live tracks; equal to any other sequence of equal views.

    Args:
        memories: after the frame.
        tracks: of the frame, in the same order.
        logit_prior: log odds of a new track being persistent.
    """

    def __init__(self, memories: TrackMemories, tracks: TrackFrame, logit_prior: float) -> None:
        self._memories, self._tracks, self._logit_prior = memories, tracks, logit_prior

    @cached_property
    def _views(self) -> tuple[TrackView, ...]:
        tracks, memories = self._tracks, self._memories
        names = ("age", "status", "evidence", "class_id", "decided_age", "longest_streak")
        columns = [memories.column(name).tolist() for name in names]
        given = [
            values.tolist()
            for values in (tracks.track_id, tracks.xyxy_px, tracks.is_hit, tracks.score, tracks.num_hits)
        ]
        return tuple(
            TrackView(
                track_id=track_id,
                xyxy_px=tuple(box),
                age=age,
                is_hit=is_hit,
                status=STATUSES[status],
                evidence=evidence,
                probability=probability_of(evidence, self._logit_prior),
                class_id=class_id,
                score=score,
                num_hits=num_hits,
                decided_age=decided_age,
                longest_streak=longest,
            )
            for track_id, box, is_hit, score, num_hits, age, status, evidence, class_id, decided_age, longest in zip(
                *given, *columns, strict=True
            )
        )

    def __len__(self) -> int:
        return len(self._tracks)

    @overload
    def __getitem__(self, index: int) -> TrackView: ...

    @overload
    def __getitem__(self, index: slice) -> tuple[TrackView, ...]: ...

    def __getitem__(self, index: int | slice) -> TrackView | tuple[TrackView, ...]:
        return self._views[index]

    def __iter__(self) -> Iterator[TrackView]:
        return iter(self._views)

    def __eq__(self, other: Any) -> bool:
        return isinstance(other, Sequence) and self._views == tuple(other)

    def __hash__(self) -> int:
        return hash(self._views)

    def __repr__(self) -> str:
        return repr(self._views)
