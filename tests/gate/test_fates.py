"""Error rates by what becomes of each track: kept in the long run under drift, stored, never mixed with promises."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from perdure.gate.fates import FIRST_STEP_NATS, LASTING, STEP_NATS, FateControl, told_of
from perdure.gate.gate import PersistenceGate
from perdure.gate.load import load_gate
from perdure.gate.memory import TrackMemory
from perdure.stopping.rules import TruncatedSPRT
from perdure.types import Detections

SIZE = (640, 480)


def control(*, miss: float | None = 0.02, asked: float = 0.05) -> FateControl:
    return FateControl(TruncatedSPRT(upper=1.0, lower=-4.0, on_timeout="transient"), asked, miss)


def ended(*, is_confirmed: bool, num_hits: int = 4, was_reopened: bool = False) -> TrackMemory:
    status = "persistent" if is_confirmed else "transient"
    return TrackMemory(0, 1, 0, status=status, num_hits=num_hits, was_reopened=was_reopened)


@pytest.mark.parametrize(("is_confirmed", "moved"), [(True, 0.95), (False, -0.05)])
def test_what_vanishes_moves_the_upper_bound(is_confirmed: bool, moved: float) -> None:
    one = control()
    one.see_end(ended(is_confirmed=is_confirmed))
    assert one.rule.upper == pytest.approx(1.0 + FIRST_STEP_NATS * moved) and one.rule.lower == -4.0
    one.num_vanished = 1000
    before = one.rule.upper
    one.see_end(ended(is_confirmed=is_confirmed))
    assert one.rule.upper - before == pytest.approx(STEP_NATS * moved)


@pytest.mark.parametrize(
    ("fate", "moved"),
    [
        ({"is_confirmed": True}, 0.02),
        ({"is_confirmed": True, "was_reopened": True}, -0.98),
        ({"is_confirmed": False}, -0.98),
    ],
)
def test_what_lasts_moves_the_lower_bound(fate: dict[str, bool], moved: float) -> None:
    one = control()
    one.see_end(ended(num_hits=LASTING, **fate))
    assert one.rule.lower == pytest.approx(-4.0 + FIRST_STEP_NATS * moved) and one.rule.upper == 1.0


def test_the_lower_bound_gives_way_to_the_upper_one() -> None:
    one = control()
    for _ in range(2000):
        one.see_end(ended(is_confirmed=True, num_hits=LASTING))
        one.see_end(ended(is_confirmed=False))
        assert one.rule.lower < one.rule.upper
    assert one.rule.upper < -4.0


def test_without_a_rate_of_misses_nothing_is_rejected_early() -> None:
    one = control(miss=None)
    for _ in range(9):
        one.see_end(ended(is_confirmed=False))
        one.see_end(ended(is_confirmed=True, num_hits=LASTING))
    assert one.rule.lower == -math.inf


def test_the_rate_is_kept_through_jumps_of_the_evidence() -> None:
    """The bound of the first third would confirm 50 % in the second and 0 % in the last."""
    rng = np.random.default_rng(0)
    one, wrong = control(asked=0.05), []
    for shift in (0.0, 3.0, -3.0):
        for evidence in rng.normal(shift, 2.0, 3000):
            is_confirmed = bool(evidence >= one.rule.upper)
            wrong.append(is_confirmed)
            one.see_end(ended(is_confirmed=is_confirmed))
    way_nats = 6.0 + 2.0  # of the bound after a jump, and how far it sways: so many fates, in steps, can be off
    for third in np.split(np.array(wrong), 3):
        assert third.mean() == pytest.approx(0.05, abs=way_nats / STEP_NATS / 3000)
    assert one.told()["num_vanished_confirmed"] == sum(wrong)


def frames(num: int, *, seed: int = 0) -> list[Detections]:
    """Returns a walker among boxes that come once."""
    rng = np.random.default_rng(seed)
    found = []
    for index in range(num):
        corner = rng.random((rng.poisson(2.0), 2)) * (580, 400)
        once = np.column_stack([corner, corner + np.array([40, 60])])
        walker = [[50.0 + 2 * (index % 200), 100, 110 + 2 * (index % 200), 180]]
        score = np.append(rng.uniform(0.2, 0.9, len(once)), 0.9)
        found.append(Detections(xyxy_px=np.vstack([once, walker]), score=score))
    return found


def held(*, miss: float | None = 0.05) -> PersistenceGate:
    return load_gate("detections", hold=0.2, hold_miss=miss, image_size=SIZE)


def test_a_gate_goes_on_from_its_state_and_starts_another_stream_anew(tmp_path: Path) -> None:
    found = frames(150)
    gate, other = held(), held()
    for one in found[:100]:
        gate.update(None, one)
    gate.save_state(tmp_path / "state.safetensors")
    other.load_state(tmp_path / "state.safetensors")
    assert told_of(other.match) == told_of(gate.match) and told_of(gate.match)["num_vanished"]
    for one in found[100:]:
        assert gate.update(None, one).decisions == other.update(None, one).decisions
    assert other.rule == gate.rule and isinstance(gate.match, FateControl)
    gate.reset()
    assert gate.rule == held().rule and told_of(gate.match)["num_vanished"] == 0


def test_states_of_other_ways_to_decide_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "state.safetensors"
    held().save_state(path)
    with pytest.raises(ValueError, match=r"decides by the fates of tracks, this one like a rule; load both alike"):
        load_gate("detections", image_size=SIZE).load_state(path)
    load_gate("detections", image_size=SIZE).save_state(path)
    with pytest.raises(ValueError, match=r"decides like a rule, this one by the fates of tracks; load both alike"):
        held().load_state(path)


def test_what_is_seen_rarely_is_not_given_up_before_it_has_lasted() -> None:
    """Rejections at a horizon are misses that no bound can hold back: 38 % of tracks where 5 % were asked for."""
    gate = load_gate("detections", hold=1e-9, hold_miss=1e-9, image_size=SIZE)
    box = np.array([[50.0, 100, 110, 180]])
    seen, unseen = Detections(xyxy_px=box, score=np.array([0.5])), Detections(xyxy_px=box[:0], score=np.zeros(0))
    frames = [unseen if index % 3 else seen for index in range(3 * LASTING)]
    decisions = [one for found in frames for one in gate.update(None, found).decisions]
    assert [(one.label, one.reason) for one in decisions] == [("persistent", "lifetime")]


def test_what_lasts_is_confirmed_at_the_latest_by_its_detections() -> None:
    gate = load_gate("detections", hold=1e-9, image_size=SIZE)
    walker = [Detections(xyxy_px=np.array([[50.0, 100, 110, 180]]), score=np.array([0.3]))] * (LASTING + 1)
    decisions = [one for found in walker for one in gate.update(None, found).decisions]
    assert [(one.label, one.age) for one in decisions] and decisions[0].age <= LASTING


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"hold": 0.05, "like": "two in a row"}, r"hold: got it together with like, expected one of both"),
        ({"hold": 0.05, "max_miss": 0.1}, r"hold: got it together with max_miss, expected one of both"),
        ({"hold_miss": 0.05}, r"hold_miss: got it without hold, expected both"),
        ({"hold": 1.0}, r"hold: got 1\.0, expected above 0 and below 1"),
        ({"hold": 0.1, "hold_miss": -1.0}, r"hold_miss: got -1\.0, expected above 0 and below 1"),
    ],
)  # fmt: skip
def test_rates_that_cannot_be_held_are_one_line(asked: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        load_gate("detections", image_size=SIZE, **asked)  # type: ignore[arg-type]
