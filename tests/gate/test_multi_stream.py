"""Many streams in one gate: each is decided on as by a gate of its own, all of them or none."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

import perdure
from gate.scripted import CueRule, Script, detections, picture
from gate.small_model import small_model
from gate.test_shipped_detections import SIZE, scene
from perdure.evidence.forest import Forest
from perdure.gate.gate import PersistenceGate
from perdure.gate.results import GateResult
from perdure.types import Detections

NAMES = ("yard", "road", "door")


def streams(num_frames: int) -> dict[str, list[Detections]]:
    return {name: scene(num_frames, seed=seed) for seed, name in enumerate(NAMES)}


def ticks(frames: dict[str, list[Detections]]) -> Iterator[tuple[dict[str, Detections], dict[str, float]]]:
    """Yields the frames of cameras that do not tick together: one comes later, one has half the rate."""
    num = len(frames["yard"])
    for tick in range(num):
        here = [name for name in NAMES if not (name == "road" and tick < 5) and not (name == "door" and tick % 2)]
        yield {name: frames[name][tick] for name in here}, dict.fromkeys(here, tick / 25)


def test_every_stream_is_decided_on_as_by_a_gate_of_its_own() -> None:
    frames, gate = streams(30), perdure.load("detections", image_size=SIZE)
    many = perdure.MultiStreamGate(gate)
    single = {name: perdure.load("detections", image_size=SIZE) for name in NAMES}
    decided = set()
    for found, times_s in ticks(frames):
        results = many.update(found, times_s=times_s)
        assert list(results) == list(found)
        for name, result in results.items():
            assert result == single[name].update(None, found[name], time_s=times_s[name])
            decided |= {(name, one.label) for one in result.decisions}
    assert {(name, "persistent") for name in NAMES} <= decided
    assert list(many) == ["yard", "door", "road"] and len(many) == 3
    assert many["road"].tracker.get_state().next_frame_index == 25
    assert all(many[name].model is gate.model for name in NAMES), "one copy of the weights"
    assert not gate.memories, "what it is like stays as it is"


def test_pixels_are_looked_at_in_many_streams_too() -> None:
    model = small_model()
    many = perdure.MultiStreamGate(PersistenceGate(model, CueRule()))
    single = [PersistenceGate(model, CueRule()) for _ in range(2)]
    scripts = ([Script("+.0++"), Script("---0")], [Script("-0--+"), Script("++0+")])
    for index in range(6):
        found = {number: detections(own, index) for number, own in enumerate(scripts)}
        frames = dict.fromkeys(found, picture(2, index))
        results = many.update(found, frames=frames)
        assert [results[number] for number in found] == [
            gate.update(frames[number], found[number]) for number, gate in enumerate(single)
        ]


def test_the_model_is_asked_once_for_all_streams(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    share = Forest.share
    monkeypatch.setattr(Forest, "share", lambda self, rows: asked.append(len(rows)) or share(self, rows))
    perdure.MultiStreamGate(perdure.load("detections", image_size=SIZE)).update(
        {name: frames[0] for name, frames in streams(1).items()}
    )
    assert asked == [9]


class Broken(Detections):
    """Fails when it is looked at."""

    def __len__(self) -> int:
        raise OSError("the disk")


def test_a_stream_that_fails_undoes_all_of_them() -> None:
    many, other = (perdure.MultiStreamGate(perdure.load("detections", image_size=SIZE)) for _ in range(2))
    frames = streams(6)
    for tick in range(6):
        found = {name: frames[name][tick] for name in NAMES}
        broken = Broken(xyxy_px=found["yard"].xyxy_px, score=found["yard"].score)
        with pytest.raises(OSError, match="the disk"):
            many.update({**found, "another": broken})
        assert _plain(many.update(found)) == _plain(other.update(found))
    assert list(many) == list(NAMES)


def _plain(results: dict[object, GateResult]) -> list[GateResult]:
    return list(results.values())


def test_dropped_frames_and_streams_that_end() -> None:
    frames = streams(12)["yard"]
    many, single = perdure.MultiStreamGate(perdure.load("detections", image_size=SIZE)), perdure.load(
        "detections", image_size=SIZE
    )  # fmt: skip
    for index in (0, 1, 2, 5, 6):
        if index == 5:
            many.skip("yard", 2)
            single.skip(2)
        assert many.update({"yard": frames[index]})["yard"] == single.update(None, frames[index])
    many.end("yard")
    assert len(many) == 0
    assert many.update({"yard": frames[0]})["yard"].frame_index == 0
    with pytest.raises(KeyError, match="gate"):
        many.end("gate")


def test_a_frame_without_any_stream_is_no_frame() -> None:
    many = perdure.MultiStreamGate(perdure.load("detections", image_size=SIZE))
    assert many.update({}) == {}
    empty = many.update({"a": Detections.empty(), "b": Detections(xyxy_px=np.ones((0, 4)), score=np.ones(0))})
    assert [len(result.tracks) for result in empty.values()] == [0, 0]


def test_a_gate_that_learns_is_refused() -> None:
    """Its streams would have shared what one of them is like, and none would have learnt."""

    class Learning(PersistenceGate):
        """Has a model of its own stream."""

    with pytest.raises(ValueError, match="gate: got Learning, expected one that does not learn"):
        perdure.MultiStreamGate(Learning(small_model(uses_pixels=False), CueRule()))
