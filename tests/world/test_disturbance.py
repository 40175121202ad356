"""Occlusions and bursts do what they say, fall on both classes alike, and are off by default."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import binomtest

from perdure.world.config import WorldConfig
from perdure.world.detector import draw_hits
from perdure.world.generate import generate_clip
from perdure.world.scene import draw_disturbance

NUM_OBJECTS = 5000


@pytest.fixture
def birth() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 16, NUM_OBJECTS)


def test_the_default_world_has_none(world: WorldConfig, birth: np.ndarray) -> None:
    disturbance = draw_disturbance(np.random.default_rng(1), world, birth)
    assert not disturbance.is_occluded.any()
    assert (disturbance.false_alarm == world.false_alarm_probability).all()


def test_a_share_of_objects_is_hidden_once_for_some_frames_after_birth(world: WorldConfig, birth: np.ndarray) -> None:
    config = replace(world, occluded_share=0.3, occlusion_frames=(2, 5))
    is_occluded = draw_disturbance(np.random.default_rng(1), config, birth).is_occluded
    assert binomtest(int(is_occluded.any(axis=1).sum()), NUM_OBJECTS, 0.3).pvalue > 1e-3
    assert not is_occluded[np.arange(NUM_OBJECTS), birth].any()
    lengths = is_occluded.sum(axis=1)
    starts = (np.diff(is_occluded.astype(int), axis=1) == 1).sum(axis=1)
    assert starts.max() == 1
    assert lengths.max() == 5
    # Only the end of the clip makes one shorter.
    assert lengths[is_occluded.any(axis=1) & ~is_occluded[:, -1]].min() == 2


def test_hidden_objects_are_neither_drawn_nor_detected_but_exist(world: WorldConfig) -> None:
    config = replace(
        world,
        occluded_share=1.0,
        occlusion_frames=(4, 4),
        persistent_share=1.0,
        detection_probability=1.0,
        false_alarm_probability=0.0,
        noise_grey=0.0,
    )
    plain, hidden = (
        generate_clip(one, seed=1, index=2, clip_id="x") for one in (replace(config, occluded_share=0.0), config)
    )
    assert plain.truth is not None
    assert hidden.truth is not None
    np.testing.assert_array_equal(plain.truth.is_alive, hidden.truth.is_alive)
    num_hidden = 0
    for k in range(hidden.truth.num_objects):
        x_min, y_min, x_max, y_max = hidden.truth.xyxy_px[k].T
        for t in range(int(hidden.truth.birth_frame[k]), hidden.num_frames):
            is_found = k in hidden.truth.detection_owner[t]
            rows, columns = slice(int(y_min[t]), int(y_max[t]) + 1), slice(int(x_min[t]), int(x_max[t]) + 1)
            looks_alike = np.array_equal(plain.frames[t, rows, columns], hidden.frames[t, rows, columns])
            assert is_found == looks_alike
            num_hidden += not is_found
    assert num_hidden >= hidden.truth.num_objects


def test_bursts_raise_false_alarms_of_all_gates_on_a_share_of_frames(world: WorldConfig) -> None:
    config = replace(world, burst_share=0.2, burst_false_alarm_probability=0.6, false_alarm_probability=0.0)
    rng = np.random.default_rng(2)
    bursts = np.concatenate([draw_disturbance(rng, config, np.zeros(1, int)).false_alarm for _ in range(100)])
    assert set(bursts.tolist()) == {0.0, 0.6}
    assert binomtest(int((bursts > 0).sum()), len(bursts), 0.2).pvalue > 1e-3
    false_alarm = np.where(np.arange(32) % 2 == 0, 0.6, 0.0)
    gone = np.zeros((3000, 32), bool)
    is_hit = draw_hits(rng, config, gone, np.full(3000, 0), false_alarm=false_alarm)[:, 1:]
    assert not is_hit[:, false_alarm[1:] == 0].any()
    drawn = is_hit[:, false_alarm[1:] > 0]
    assert binomtest(int(drawn.sum()), drawn.size, 0.6).pvalue > 1e-3
