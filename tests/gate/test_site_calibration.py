"""A calibration file on disk and in a gate: its rule, its rates, its site; what is damaged or foreign is refused."""

from __future__ import annotations

import json
import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from calibration.site_tracks import HORIZON, drawn
from gate.scripted import Script, play
from gate.small_model import small_model
from perdure.gate.load import load_gate
from perdure.gate.site_calibration import SiteCalibration
from perdure.stopping.counting import ScoredMOfN
from perdure.stopping.rules import PerClass, TruncatedSPRT
from perdure.track_table import TrackTable
from perdure.types import Detections


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    path = tmp_path / "final_model.safetensors"
    small_model().save(path)
    return path


def calibration(num: int = 400, **changes: Any) -> SiteCalibration:
    values: dict[str, Any] = {
        "model": small_model().fingerprint(), "source": "harbour", "frame_rate_hz": 12.5, "hit_alive": 0.7,
        "hit_dead": 0.2, "max_false_confirm": 0.1, "max_miss": None, "delta": 0.1, "horizon": HORIZON,
        "on_timeout": "transient", "num_ages": HORIZON, "seed": 3, "tracks": drawn(num, 1),
    }  # fmt: skip
    return SiteCalibration(**(values | changes))


def test_a_gate_runs_with_the_rule_of_the_file(weights: Path, tmp_path: Path) -> None:
    path = tmp_path / "harbour.json"
    said = calibration().save(path)
    stored = SiteCalibration.load(path)
    assert stored.rule().lines == said.lines
    gate = load_gate(weights, calibration=path)
    assert gate.rule == stored.rule().rule
    operation = gate.operation
    assert (operation.horizon, operation.on_timeout, operation.frame_rate_hz) == (HORIZON, "transient", 12.5)
    assert all(decision.age <= HORIZON for result in play(gate, [Script("0" * 8)], 8) for decision in result.decisions)


def test_a_promise_is_for_pictures_like_those_of_its_site(weights: Path, tmp_path: Path) -> None:
    path = tmp_path / "harbour.json"
    calibration(image_sizes=((200, 100), (640, 360))).save(path)
    assert SiteCalibration.load(path).image_sizes == ((200, 100), (640, 360))
    none = Detections.empty()
    for width, height in ((200, 100), (640, 360), (250, 120)):
        load_gate(weights, calibration=path).update(np.zeros((height, width, 3), np.uint8), none)
    with pytest.raises(ValueError, match="frame: got pictures of 100 x 200, calibrated on 200 x 100, 640 x 360"):
        load_gate(weights, calibration=path).update(np.zeros((200, 100, 3), np.uint8), none)
    with pytest.raises(ValueError, match="image_size: got pictures of 64 x 36, calibrated on"):
        load_gate(weights, calibration=path, image_size=(64, 36))
    calibration(30, image_sizes=((200, 100),)).save(path)  # nothing is promised, so nothing is refused
    load_gate(weights, calibration=path, image_size=(64, 36))


def test_the_file_says_in_words_what_it_is(tmp_path: Path) -> None:
    path = tmp_path / "harbour.json"
    said = calibration(30).save(path)
    values = json.loads(path.read_text())
    assert values["is_guaranteed"] is False
    assert values["lines"] == list(said.lines)
    assert "NOT guaranteed, M-of-N baseline" in values["lines"][0]
    assert len(values["tracks"]) == 30
    assert not list(tmp_path.glob(".*")), "a temporary file is left"


def test_any_rate_can_be_read_off_the_file(weights: Path, tmp_path: Path) -> None:
    path = tmp_path / "harbour.json"
    calibration().save(path)
    upper = []
    for rate in (0.05, 0.1, 0.3):
        rule = load_gate(weights, calibration=path, max_false_confirm=rate).rule
        assert isinstance(rule, TruncatedSPRT)
        upper.append(rule.upper)
    assert upper[0] > upper[1] > upper[2]
    assert load_gate(weights, calibration=path).rule == load_gate(weights, calibration=path, max_false_confirm=0.1).rule
    both = load_gate(weights, calibration=path, max_false_confirm=0.3, max_miss=0.5, horizon=3).rule
    assert isinstance(both, TruncatedSPRT)
    assert both.lower > -np.inf and both.horizon == 3


def test_too_few_tracks_run_the_hand_rule_with_a_warning_or_are_an_error(
    weights: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "harbour.json"
    calibration(40).save(path)
    with caplog.at_level(logging.WARNING, logger="perdure"):
        gate = load_gate(weights, calibration=path)
    assert isinstance(gate.rule, ScoredMOfN)
    (record,) = caplog.records
    assert record.getMessage().startswith("harbour: all tracks: NOT guaranteed, M-of-N baseline ")
    with pytest.raises(ValueError, match=r"need at least 22 for max_false_confirm 0\.1"):
        load_gate(weights, calibration=path, fallback="error")


def test_classes_have_their_own_bounds_in_the_gate(weights: Path, tmp_path: Path) -> None:
    path = tmp_path / "harbour.json"
    tracks = TrackTable.join([drawn(300, 1, class_id=0, drift=4.0), drawn(300, 2, class_id=1, drift=1.0)])
    calibration(tracks=tracks).save(path)
    rule = load_gate(weights, calibration=path).rule
    assert isinstance(rule, PerClass)
    assert set(rule.rules) == {0, 1}


def test_drift_is_judged_by_the_site_and_not_by_training(weights: Path, tmp_path: Path) -> None:
    path = tmp_path / "harbour.json"
    calibration().save(path)

    def found(gate: Any) -> dict[str, float | None]:
        return {name: gauge.usual for name, gauge in gate.drift.gauges.items() if not gauge.is_learning}

    assert found(load_gate(weights, calibration=path)) == {"confirmed": 0.7, "places": 0.2}
    calibration(hit_alive=None, hit_dead=None, frame_rate_hz=30.0).save(path)
    gate = load_gate(weights, calibration=path)
    assert found(gate) == {}, "the first minute of the stream says it"
    gate.drift._steps_s.extend([1 / 12.5] * 100)
    assert gate.drift.messages() == ["frame rate is 12.5 Hz, calibrated at 30 Hz: calibrate again"]


def test_scores_of_other_weights_are_refused(weights: Path, tmp_path: Path) -> None:
    path = tmp_path / "harbour.json"
    replace(calibration(), model="0" * 16).save(path)
    with pytest.raises(ValueError, match=r"harbour\.json was made with other weights or known scores; calibrate again"):
        load_gate(weights, calibration=path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", r"harbour\.json: got text that is not JSON"),
        ("[]", r"harbour\.json: got a JSON list, expected an object"),
        ('{"kind": "run"}', r"harbour\.json is no site calibration; give a file that perdure calibrate wrote"),
        ('{"kind": "perdure site calibration", "version": 9}', r"harbour\.json has version 9, expected 2"),
        ('{"kind": "perdure site calibration", "version": 2}', r"harbour\.json has no 'model'; make it again"),
    ],
)
def test_what_is_no_calibration_is_named(weights: Path, tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "harbour.json"
    path.write_text(text)
    with pytest.raises(ValueError, match=message):
        load_gate(weights, calibration=path)
    path.unlink()
    with pytest.raises(
        FileNotFoundError, match=r"harbour\.json does not exist; make one with perdure calibrate --data"
    ):
        load_gate(weights, calibration=path)
