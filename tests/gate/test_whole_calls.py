"""A call that fails leaves the gate as if it had not been made: every line raises once, and nothing has changed."""

from __future__ import annotations

import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import pytest
import torch

import perdure
from gate.scripted import CueRule
from gate.small_model import small_model
from perdure.gate.gate import REMEMBERED, PersistenceGate
from perdure.integrations.supervision import REMEMBERED as OWN
from perdure.integrations.supervision import TrackConfirmer
from perdure.types import Detections

SOURCE = str(Path(perdure.__file__).parent)
SIZE = (160, 120)


class Interrupted(BaseException):
    """Stands for Ctrl-C, which may come at any line and is no Exception."""


def stream(num_frames: int) -> Iterator[tuple[np.ndarray, Detections]]:
    """Yields frames of a walker that is missed now and then, among clutter: births, deletions, decisions."""
    rng = np.random.default_rng(0)
    for index in range(num_frames):
        frame = rng.integers(0, 255, (SIZE[1], SIZE[0], 3), dtype=np.uint8)
        low = rng.uniform(0, 90, (1 + index % 3, 2))
        boxes = np.concatenate([low, low + 12], axis=1)
        if index % 5 != 3:
            boxes = np.concatenate([[[20.0 + index, 50, 32.0 + index, 70]], boxes])
        yield frame, Detections(xyxy_px=boxes, score=rng.uniform(0.1, 0.9, len(boxes)), class_id=np.arange(len(boxes)))


def state_of(value: Any) -> Any:
    """Returns all that there is in a part of a gate, as what can be compared."""
    if isinstance(value, np.ndarray):
        return value.dtype.str, value.shape, value.tobytes()
    if isinstance(value, torch.Tensor):
        return state_of(value.numpy())
    if isinstance(value, torch.nn.Module):
        return id(value)
    if isinstance(value, dict):
        return [(key, state_of(item)) for key, item in value.items()]
    if isinstance(value, list | tuple | deque):
        return [state_of(item) for item in value]
    if type(value).__module__.startswith("perdure.") and not callable(value):
        names = [name for base in type(value).__mro__ for name in getattr(base, "__slots__", ())]
        return type(value).__name__, [(name, state_of(getattr(value, name))) for name in (*names, *vars_of(value))]
    return value


def vars_of(value: Any) -> list[str]:
    return sorted(getattr(value, "__dict__", {}))


def remembered(gate: PersistenceGate) -> Any:
    return [(name, state_of(getattr(gate, name))) for name in REMEMBERED]


def lines_of(call: Callable[[], object]) -> list[tuple[str, int]]:
    """Returns the lines of the source that a call goes through, each once."""
    seen: dict[tuple[str, int], None] = {}
    _traced(call, lambda place: seen.setdefault(place))
    return list(seen)


def raising_at(call: Callable[[], object], place: tuple[str, int]) -> None:
    """Makes a call that is interrupted the first time it comes to a line."""
    is_there = False

    def look(here: tuple[str, int]) -> None:
        nonlocal is_there
        if here == place and not is_there:
            is_there = True
            raise Interrupted

    with pytest.raises(Interrupted):
        _traced(call, look)
    assert is_there


def _traced(call: Callable[[], object], look: Callable[[tuple[str, int]], object]) -> None:
    def trace(frame: FrameType, event: str, argument: object) -> Any:
        if not frame.f_code.co_filename.startswith(SOURCE):
            return None
        if event == "line":
            look((frame.f_code.co_filename, frame.f_lineno))
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        call()
    finally:
        sys.settrace(before)


def detections_gate() -> PersistenceGate:
    return perdure.load("detections", image_size=SIZE)


def network_gate() -> PersistenceGate:
    return PersistenceGate(small_model(), CueRule(horizon=6))


@pytest.mark.slow
@pytest.mark.parametrize(("made", "num_frames"), [(detections_gate, 16), (network_gate, 8)])
def test_every_line_of_a_call_may_be_interrupted(made: Callable[[], PersistenceGate], num_frames: int) -> None:
    """31 of 47 places left tracks for ever, and after 4 the gate raised on later frames."""
    gate, untouched = made(), made()
    tried: set[tuple[str, int]] = set()
    for frame, found in stream(num_frames):

        def call(frame: np.ndarray = frame, found: Detections = found) -> object:
            return gate.update(frame, found)

        before, put_back = remembered(gate), gate.remembered()
        call()  # what is kept for all gates of a process is kept from here on
        put_back()
        put_back = gate.remembered()
        lines = lines_of(call)
        put_back()
        for place in lines:
            if place not in tried:
                tried.add(place)
                raising_at(call, place)
                assert remembered(gate) == before, f"{place[0]}:{place[1]}"
        assert call() == untouched.update(frame, found)
    assert len(tried) > 250, "the lines that make up a call"


@pytest.mark.slow
def test_every_line_of_a_call_behind_a_tracker_may_be_interrupted() -> None:
    """The gate was one thing, the ids beside it another."""
    sv = pytest.importorskip("supervision")
    confirmer, untouched = (TrackConfirmer(detections_gate()) for _ in range(2))
    tried: set[tuple[str, int]] = set()

    def everything() -> Any:
        return remembered(confirmer.gate), [(name, state_of(getattr(confirmer, name))) for name in OWN]

    for index, (frame, found) in enumerate(stream(20)):
        ids = [index if row and row % 2 else row for row in range(len(found))]
        tracked = sv.Detections(xyxy=found.xyxy_px, confidence=found.score, tracker_id=np.array(ids))

        def call(frame: np.ndarray = frame, tracked: Any = tracked) -> Any:
            return confirmer.update(frame, tracked).tracker_id.tolist()

        before, put_back = everything(), confirmer.remembered()
        call()
        put_back()
        put_back = confirmer.remembered()
        lines = [place for place in lines_of(call) if "integrations" in place[0] or "rewind" in place[0]]
        put_back()
        for place in lines:
            if place not in tried:
                tried.add(place)
                raising_at(call, place)
                assert everything() == before, f"{place[0]}:{place[1]}"
        assert call() == untouched.update(frame, tracked).tracker_id.tolist()
    assert len(tried) > 90


def test_what_is_compared_tells_gates_apart() -> None:
    gate = detections_gate()
    before = remembered(gate)
    for frame, found in stream(1):
        gate.update(frame, found)
    assert remembered(gate) != before


@pytest.mark.usefixtures("as_user")
def test_a_frame_that_is_refused_is_not_counted() -> None:
    gate, untouched = network_gate(), network_gate()
    for index, (frame, found) in enumerate(stream(6)):
        with pytest.raises(ValueError, match="expected uint8"):
            gate.update(frame.astype(np.float32), found)
        with pytest.raises(ValueError, match="got None, expected pixels"):
            gate.update(None, found)
        assert gate.update(frame, found) == untouched.update(frame, found)
        if index:
            with pytest.raises(ValueError, match=r"got width and height \(80, 60\), expected \(160, 120\) as before"):
                gate.update(frame[::2, ::2], found)


@pytest.mark.parametrize("size", [(0, 0), (640, 0), (-640, 480)])
def test_a_picture_without_size_is_refused(size: Any) -> None:
    with pytest.raises(ValueError, match=r"image_size: got .*, expected width and height in pixels, both above 0"):
        perdure.load("detections", image_size=size)


def test_another_thread_is_sent_away_in_one_line() -> None:
    gate, errors = detections_gate(), list[BaseException]()
    frames = list(stream(3))

    def intrude() -> None:
        try:
            gate.update(*frames[1])
        except RuntimeError as error:
            errors.append(error)

    class Slow(Detections):
        """Lets another thread call while it is looked at."""

        def __len__(self) -> int:
            thread = threading.Thread(target=intrude)
            thread.start()
            thread.join()
            return len(self.xyxy_px)

    untouched = detections_gate()
    assert gate.update(*frames[0]) == untouched.update(*frames[0])
    frame, found = frames[1]
    slow = Slow(xyxy_px=found.xyxy_px, score=found.score, class_id=found.class_id)
    assert gate.update(frame, slow) == untouched.update(frame, found)
    assert errors and all("another thread is in it" in str(error) for error in errors)
    assert gate.update(*frames[2]) == untouched.update(*frames[2]), "and both go on"


def test_a_state_that_does_not_fit_changes_nothing(tmp_path: Path) -> None:
    """All or nothing: the cost and the tracker were set before the streams were found to be of another shape."""
    gate, other = detections_gate(), detections_gate()
    frames = list(stream(6))
    for item in frames[:3]:
        gate.update(*item)
    other.save_state(tmp_path / "state")
    before = remembered(gate)
    other.streams.set_arrays = None  # type: ignore[method-assign, assignment]
    gate.streams.evidence.set_arrays = _broken  # type: ignore[attr-defined]
    with pytest.raises(ValueError, match="is damaged or no such file"):
        gate.load_state(tmp_path / "state")
    del gate.streams.evidence.set_arrays  # type: ignore[attr-defined]
    assert remembered(gate) == before


def _broken(arrays: dict[str, np.ndarray]) -> None:
    raise KeyError("features.rows")
