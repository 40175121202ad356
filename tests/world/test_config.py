"""Settings of the world refuse what cannot be."""

from __future__ import annotations

from typing import Any

import pytest

from perdure.config import from_dict, to_dict
from perdure.world.config import WorldConfig


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"num_frames": 0}, r"num_frames: got 0, expected at least 1"),
        ({"max_objects": 0}, r"max_objects: got 0, expected at least 1"),
        ({"horizon": 32}, r"horizon: got 32, expected below num_frames \(32\)"),
        ({"transient_lifetimes": ()}, r"transient_lifetimes: got \(\)"),
        ({"transient_lifetimes": (0, 1)}, r"transient_lifetimes: got \(0, 1\), expected values from 1 to horizon"),
        ({"transient_lifetimes": (17,)}, r"expected values from 1 to horizon \(16\)"),
        ({"box_side_px": (9.0, 60.0)}, r"box_side_px: got up to 60.0, expected at most half a frame \(96 px\)"),
        ({"box_side_px": (9.0, 8.0)}, r"box_side_px: got 9.0 to 8.0, expected two values above 0"),
        ({"depth_m": (0.0, 8.0)}, r"depth_m: got 0.0 to 8.0"),
        ({"persistent_share": 1.5}, r"persistent_share: got 1.5, expected 0 to 1"),
        ({"detection_probability": -0.1}, r"detection_probability: got -0.1, expected 0 to 1"),
        ({"false_alarm_probability": float("nan")}, r"false_alarm_probability: got nan"),
        ({"occluded_share": 2.0}, r"occluded_share: got 2.0, expected 0 to 1"),
        ({"occlusion_frames": (0, 2)}, r"occlusion_frames: got 0 to 2, expected two values above 0"),
        ({"burst_false_alarm_probability": 1.1}, r"burst_false_alarm_probability: got 1.1, expected 0 to 1"),
        ({"cue_strength": -1.0}, r"cue_strength: got -1.0, expected at least 0"),
        ({"frame_rate_hz": 0.0}, r"frame_rate_hz: got 0.0, expected above 0"),
    ],
)
def test_impossible_settings_are_named(setting: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        WorldConfig(**setting)


def test_survives_the_way_to_a_file_and_back() -> None:
    config = WorldConfig(cue_strength=2.0, transient_lifetimes=(1, 2), box_side_px=(7.0, 9.0))
    assert from_dict(WorldConfig, to_dict(config), where="test") == config
