"""The gate in the place of a tracker's own confirmation rule, for trackers that speak `supervision.Detections`.

Works with every tracker that writes `tracker_id`, among them SORT and ByteTrack of the `trackers` library: let the
tracker report each track from its first frames on (`minimum_consecutive_frames=1`) and let the gate decide which of
them are real. Needs nothing but the attributes of `supervision.Detections`, so it imports no tracker.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import UInt8

from perdure.files import read_json, sealed, understood, unsealed, write_json
from perdure.gate.gate import PersistenceGate
from perdure.gate.results import GateResult
from perdure.geometry import xyxy_from_cxcywh
from perdure.integrations.tracker_ids import IdBook, key_of
from perdure.metrics.probability import probability_of
from perdure.rewind import Rewindable, kept, whole
from perdure.types import NO_OWNER, Detections, TrackHistory

if TYPE_CHECKING:
    import supervision as sv

logger = logging.getLogger(__name__)

FORGET_AFTER = 300
"""Frames after which a confirmed track that no longer shows up is forgotten."""
KIND = "confirmer state"
WARN_AFTER = 3
"""Frames with boxes but without ids, from the first one on, after which it is said: some trackers give none at once."""


REMEMBERED = (
    "last", "backfilled", "_confirmed", "_number_of_track", "_book", "_frame_index", "_num_without_ids",
)  # fmt: skip
"""All of a confirmer that a frame changes, beside its gate."""


@dataclass
class TrackConfirmer:
    """Decides which tracks of another tracker are reported.

    Ids may be anything that can be told apart: whole numbers, texts, UUIDs. A row whose id is None, NaN, -1 or an empty
    text has no track; it is remembered until the tracker gives an id to what goes on from it, and is not reported.

    A call that raises, for whatever reason, leaves confirmer and gate as if it had not been made.

    Args:
        gate: a fresh one, or one whose state was loaded: its live tracks then go on under the ids of the boxes that
            lie where they are. Its own association is not used.
        last: what the gate said about the latest frame, tentative and rejected tracks included.
        backfilled: where the tracks that were reported for the first time with the latest frame were detected,
            from birth or re-opening (64 frames ago at most) to the decision, by the ids of their tracker.
    """

    gate: PersistenceGate
    last: GateResult | None = None
    backfilled: dict[Hashable, TrackHistory] = field(default_factory=dict)
    _confirmed: dict[int, _Confirmed] = field(default_factory=dict)
    _number_of_track: dict[int, int] = field(default_factory=dict)
    _book: IdBook = field(init=False)
    _frame_index: int = 0
    _num_without_ids: int = 0

    def __post_init__(self) -> None:
        self._book, self.turn = IdBook(self.gate.operation.tracker), self.gate.turn
        self._take_over()

    def remembered(self) -> Callable[[], None]:
        """Returns what puts the stream back to how it is now, that of the gate too."""
        own, gate = kept(self, REMEMBERED), self.gate.remembered()

        def put_back() -> None:
            own()
            gate()

        return put_back

    def _take_over(self) -> None:
        """Goes on with the tracks of another confirmer whose gate's state this one has, though not its ids."""
        state = self.gate.tracker.get_state()
        rows = np.flatnonzero(state.owner != NO_OWNER)
        numbers = state.owner[rows].tolist()
        self._book.hold(numbers, xyxy_from_cxcywh(state.position[rows]))
        self._number_of_track = dict(zip(state.track_id[rows].tolist(), numbers, strict=True))
        for track_id, number in self._number_of_track.items():
            memory = self.gate.memories[track_id]
            if memory.status == "persistent":
                probability = probability_of(memory.evidence, self.gate.logit_prior)
                self._confirmed[number] = _Confirmed(probability, memory.decided_age, 0)

    @whole
    def update(
        self, frame: UInt8[np.ndarray, "h w 3"] | None, tracked: sv.Detections, *, time_s: float | None = None
    ) -> sv.Detections:
        """Returns the detections of tracks that are confirmed, in their order.

        Their `data` gets `persistence_probability` and `persistence_age` (frames from the first one to the decision).

        Args:
            frame: uint8 RGB; None where the weights read detections alone.
            tracked: what the tracker returned for this frame; no `tracker_id` at all means no tracks on this frame. A
                row without area, or with numbers that are not finite, is left out.
            time_s: time stamp in seconds.

        Raises:
            ValueError: an id cannot be told from others.
        """
        found = Detections.from_supervision(tracked)
        keys = self._keys(tracked)
        if self.gate.begin(frame, found, time_s=time_s):  # ids do not outlive a gap, whatever the tracker thinks
            self._confirmed.clear()
            self._book = IdBook(self.gate.operation.tracker, next_number=self._book.next_number)
        if tracked.tracker_id is None:
            numbers = np.full(len(found), NO_OWNER, np.int64)
        else:
            numbers = self._book.owners(keys, found.xyxy_px, found.is_valid, self._frame_index)
        # A confirmed track that has ended here does not begin anew; as long as it lives it is seen, since what stands
        # around tells about its neighbours.
        ended = list(self._confirmed.keys() - set(self._number_of_track.values()))
        owner = np.where(np.isin(numbers, ended), NO_OWNER, numbers)
        tracks = self.gate.link(found, owner=owner, owners_return=True)
        for track_id, row in zip(tracks.track_id.tolist(), tracks.detection_index.tolist(), strict=True):
            if row >= 0:
                self._number_of_track[track_id] = int(owner[row])
        self.last = self.gate.observe(frame, tracks, time_s=time_s)
        for decision in self.last.decisions:
            if decision.label == "persistent":
                number = self._number_of_track[decision.track_id]
                confirmed = _Confirmed(decision.probability, decision.age, self._frame_index, decision.history)
                self._confirmed[number] = confirmed
        for track_id in tracks.deleted_track_id.tolist():
            self._number_of_track.pop(track_id, None)
        named = [NO_OWNER if key is None else int(n) for key, n in zip(keys, numbers, strict=True)]
        self.backfilled = self._first_reports(dict(zip(named, keys, strict=True)))
        return self._reported(tracked, named)

    @whole
    def skip(self, num_frames: int = 1) -> None:
        """Says that frames were not looked at, as `PersistenceGate.skip` does."""
        self.gate.skip(num_frames)

    @whole
    def reset(self) -> None:
        """Forgets the stream, and the gate with it: call it between videos, since trackers then count from 1 again."""
        self.gate.reset()
        self.last, self.backfilled, self._frame_index, self._num_without_ids = None, {}, 0, 0
        self._confirmed, self._number_of_track = {}, {}
        self._book = IdBook(self.gate.operation.tracker)

    def save_state(self, path: Path | str) -> None:
        """Writes the state of the stream and that of the gate; `load_state` goes on from it, in another process too.

        Raises:
            ValueError: an id is neither a number nor a text nor a UUID, and so cannot be stored.
        """
        self.gate.save_state(path)
        stored = {
            "kind": KIND,
            "book": self._book.to_dict(),
            "confirmed": [[number, *item.to_list()] for number, item in self._confirmed.items()],
            "number_of_track": list(self._number_of_track.items()),
            "frame_index": self._frame_index,
            "num_without_ids": self._num_without_ids,
        }
        write_json(_beside(path), sealed(stored))

    @whole
    def load_state(self, path: Path | str) -> None:
        """Goes on from a stored state; `gate` must be of the weights that it was stored with.

        Raises:
            FileNotFoundError: there is none, or it is that of a gate alone.
            ValueError: it is damaged, or of a gate that does not fit.
        """
        with understood(_beside(path), "state"):
            stored = unsealed(read_json(_beside(path)), _beside(path))
            if stored.get("kind") != KIND:
                raise ValueError(f"state: {_beside(path)} is not of a confirmer; give a file written by its save_state")
            self.gate.load_state(path)
            self.last, self.backfilled, self._frame_index = None, {}, stored["frame_index"]
            self._num_without_ids = stored["num_without_ids"]
            self._book = IdBook.from_dict(self.gate.operation.tracker, stored["book"])
            self._confirmed = {number: _Confirmed.from_list(values) for number, *values in stored["confirmed"]}
            self._number_of_track = {track_id: number for track_id, number in stored["number_of_track"]}

    def _keys(self, tracked: sv.Detections) -> list[Hashable | None]:
        """Returns what stands for the id of each row; says once that there are none if there never are."""
        if tracked.tracker_id is not None:
            self._num_without_ids = -1
            return [key_of(value) for value in tracked.tracker_id]
        if len(tracked) and self._num_without_ids >= 0:
            self._num_without_ids += 1
            if self._num_without_ids == WARN_AFTER:
                logger.warning(
                    "detections: got no tracker_id on %d frames with boxes, expected what a tracker returned; call its "
                    "update first (nothing is confirmed without ids; not said again)",
                    WARN_AFTER,
                )
        return [None] * len(tracked)

    def _first_reports(self, key_of_number: dict[int, Hashable | None]) -> dict[Hashable, TrackHistory]:
        """Returns the histories of tracks that were confirmed and are now reported under an id, once each."""
        found = {}
        for number, key in key_of_number.items():
            item = self._confirmed.get(number)
            if key is not None and item is not None and item.history is not None:
                found[key], item.history = item.history, None
        return found

    def _reported(self, tracked: sv.Detections, numbers: list[int]) -> sv.Detections:
        for number in numbers:
            if number in self._confirmed:
                self._confirmed[number].last_seen = self._frame_index
        is_confirmed = np.array([number in self._confirmed for number in numbers], bool)
        kept: Any = tracked[is_confirmed]
        known = [self._confirmed[number] for number in numbers if number in self._confirmed]
        kept.data["persistence_probability"] = np.array([item.probability for item in known], np.float64)
        kept.data["persistence_age"] = np.array([item.age for item in known], np.int64)
        oldest = self._frame_index - FORGET_AFTER
        self._confirmed = {key: item for key, item in self._confirmed.items() if item.last_seen >= oldest}
        self._book.forget(set(self._number_of_track.values()), oldest)
        self._frame_index += 1
        return kept


@dataclass(slots=True)
class _Confirmed(Rewindable):
    """A confirmed track of the other tracker."""

    probability: float
    age: int
    last_seen: int
    history: TrackHistory | None = None

    def to_list(self) -> list[Any]:
        """Returns all values, ready for JSON."""
        history = None if self.history is None else [values.tolist() for values in self.history]
        return [self.probability, self.age, self.last_seen, history]

    @classmethod
    def from_list(cls, values: list[Any]) -> _Confirmed:
        """Returns what `to_list` described; states of before have no history."""
        probability, age, last_seen, history = values if len(values) > 3 else [*values, None]
        if history is None:
            return cls(probability, age, last_seen)
        frames, boxes, scores = (np.array(column, np.float64) for column in history)
        return cls(probability, age, last_seen, TrackHistory(frames.astype(np.int64), boxes.reshape(-1, 4), scores))


def _beside(path: Path | str) -> Path:
    """Returns the file of the confirmer beside that of its gate."""
    return Path(path).with_suffix(".ids.json")
