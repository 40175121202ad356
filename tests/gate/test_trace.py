"""A traced gate decides as one that nobody looks at, bit by bit; what is noted is what it knew."""

from __future__ import annotations

import json

import numpy as np
import pytest

from perdure.gate.drift import DriftMonitor
from perdure.gate.gate import PersistenceGate
from perdure.gate.load import load_gate
from perdure.gate.trace import TracedEvidence, Tracer, as_background, trace_line
from perdure.types import Detections

NUM_FRAMES = 12


def stream() -> list[tuple[np.ndarray, Detections]]:
    """Returns frames with a bright square that is missed twice, and a box on nothing now and then."""
    rng, frames = np.random.default_rng(1), []
    ground = rng.integers(70, 100, (120, 160, 3), dtype=np.uint8)
    for index in range(NUM_FRAMES):
        frame, boxes = ground.copy(), []
        x = 20 + 4 * index
        frame[40:56, x : x + 16] = 230
        if index not in (3, 4):
            boxes.append([x, 40, x + 16, 56])
        if index % 3 == 1:
            boxes.append([100, 80, 112, 92])
        frames.append(
            (frame, Detections(xyxy_px=np.array(boxes, float).reshape(-1, 4), score=np.full(len(boxes), 0.8)))
        )
    return frames


@pytest.fixture(scope="module", params=["pixels", "detections"])
def both(request: pytest.FixtureRequest) -> tuple[PersistenceGate, PersistenceGate, list[dict[str, object]]]:
    """Returns a gate, a traced one after the same stream, and the rows; their results were equal frame by frame."""
    plain, traced = (load_gate(request.param) for _ in range(2))
    tracer, rows = Tracer(traced, image_size=(160, 120)), []
    for index, (frame, found) in enumerate(stream()):
        expected = plain.update(frame, found, time_s=index / 30)
        result = traced.update(frame, found, time_s=index / 30)
        assert result == expected
        rows.append(tracer.row(result, found))
    return plain, traced, rows


def test_the_state_of_a_traced_gate_is_that_of_any_other(
    both: tuple[PersistenceGate, PersistenceGate, list[dict[str, object]]],
) -> None:
    plain, traced, _ = both
    assert isinstance(traced.streams.evidence, TracedEvidence)
    for part, arrays in plain.parts().items():
        for name, value in arrays.items():
            np.testing.assert_array_equal(traced.parts()[part][name], value, err_msg=f"{part}.{name}")


def test_what_is_noted_adds_up(both: tuple[PersistenceGate, PersistenceGate, list[dict[str, object]]]) -> None:
    _, traced, rows = both
    lines = [json.loads(trace_line(row)) for row in rows]
    assert [line["frame"] for line in lines] == list(range(NUM_FRAMES))
    for line in lines:
        assert all(len(line[name]) == len(line["track"]) for name in ("age", "is_hit", "score", "evidence", "lifetime"))
        assert ("without_crops" in line) == ("attention" in line) == (traced.model.uses_pixels and bool(line["track"]))
        for track, looks in zip(line["track"], line.get("attention", []), strict=False):
            shares = [share for _, _, share in looks or []]
            assert sum(shares) <= 1.001 and shares == sorted(shares, reverse=True)
            assert all(frame <= line["frame"] for _, frame, _ in looks or [])
            assert line["age"][line["track"].index(track)] > 1 or line["frame"] in [
                frame for _, frame, _ in looks or []
            ]
    born = next(line for line in lines if line["age"] and line["age"][0] == 1)
    assert born["lifetime"][0] == 0.0, "birth is given"


def test_a_call_that_fails_leaves_no_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    gate = load_gate("pixels")
    tracer = Tracer(gate, image_size=(160, 120))
    (frame, found), (other, later) = stream()[:2]
    tracer.row(gate.update(frame, found))
    with monkeypatch.context() as broken, pytest.raises(OSError, match="late"):
        broken.setattr(DriftMonitor, "see", _fails)  # after the evidence was noted
        gate.update(other, later)
    row = tracer.row(gate.update(other, later))
    plain = load_gate("pixels")
    plain.update(frame, found)
    result = plain.update(other, later)
    assert row["evidence"] == [round(track.evidence, 6) for track in result.tracks]


def _fails(*_: object) -> None:
    raise OSError("late")


def test_a_gate_is_traced_once() -> None:
    gate = load_gate("detections")
    Tracer(gate)
    with pytest.raises(ValueError, match="traced already"):
        Tracer(gate)


def test_background_is_the_colour_of_the_rim() -> None:
    crops = np.full((1, 8, 8, 3), 50, dtype=np.uint8)
    crops[0, 2:6, 2:6] = 250
    assert (as_background(crops) == 50).all()
