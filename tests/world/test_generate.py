"""A clip depends on configuration, seed and index alone, and its scene not on what is drawn after it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from perdure.types import Clip
from perdure.world.config import WorldConfig
from perdure.world.generate import generate_clip


def one(world: WorldConfig, *, seed: int = 3, index: int = 7, clip_id: str = "x") -> Clip:
    return generate_clip(world, seed=seed, index=index, clip_id=clip_id)


def test_same_seed_and_index_give_the_same_clip_whatever_was_made_before(world: WorldConfig) -> None:
    first = one(world)
    one(world, index=8)
    second = one(world, clip_id="another name")
    np.testing.assert_array_equal(first.frames, second.frames)
    assert first.truth is not None
    assert second.truth is not None
    np.testing.assert_array_equal(first.truth.cue, second.truth.cue)
    for left, right in zip(first.detections, second.detections, strict=True):
        np.testing.assert_array_equal(left.xyxy_px, right.xyxy_px)
        np.testing.assert_array_equal(left.score, right.score)


@pytest.mark.parametrize("other", [{"seed": 4}, {"index": 8}, {"seed": 7, "index": 3}])
def test_another_seed_or_index_gives_another_clip(world: WorldConfig, other: dict[str, int]) -> None:
    assert (one(world).frames != one(world, **other).frames).mean() > 0.5


@pytest.mark.parametrize(
    "change",
    [
        {"persistent_share": 0.0},
        {"persistent_share": 1.0},
        {"cue_strength": 0.0},
        {"detection_probability": 0.5},
        {"false_alarm_probability": 0.5},
        {"transient_lifetimes": (1,)},
    ],
)
def test_what_is_drawn_before_the_label_cannot_depend_on_it(world: WorldConfig, change: dict[str, Any]) -> None:
    """Number, ways, births, boxes, colours, background and noise are the same with another label law or detector."""
    plain, changed = one(world), one(replace(world, **change))
    assert plain.truth is not None
    assert changed.truth is not None
    np.testing.assert_array_equal(plain.truth.xyxy_px, changed.truth.xyxy_px)
    np.testing.assert_array_equal(plain.truth.birth_frame, changed.truth.birth_frame)
    for k, t in enumerate(plain.truth.birth_frame.tolist()):
        for clips in (plain, changed):
            assert clips.truth is not None
            assert k in clips.truth.detection_owner[t]
        rows = [int(np.flatnonzero(clip.truth.detection_owner[t] == k)[0]) for clip in (plain, changed)]  # type: ignore[union-attr]
        for name in ("xyxy_px", "score", "class_id"):
            values = [getattr(clip.detections[t], name)[row] for clip, row in zip((plain, changed), rows, strict=True)]
            np.testing.assert_array_equal(*values)
        x_min, y_min, x_max, y_max = plain.truth.xyxy_px[k, t]
        row, column = np.mgrid[:96, :96] + 0.5
        distance = np.hypot(column - (x_min + x_max) / 2, row - (y_min + y_max) / 2)
        # All but the disc, which shows the cue.
        same = (distance > 0.225 * (x_max - x_min) + 1) & (distance < (x_max - x_min) / 2 + 3)
        np.testing.assert_array_equal(plain.frames[t][same], changed.frames[t][same])


def test_shapes_follow_the_configuration(world: WorldConfig) -> None:
    config = replace(
        world, num_frames=10, horizon=6, frame_width_px=64, frame_height_px=48, max_objects=2, frame_rate_hz=15.0
    )
    clip = one(config)
    assert clip.frames.shape == (10, 48, 64, 3)
    assert clip.frames.dtype == np.uint8
    assert clip.frame_rate_hz == 15.0
    assert clip.truth is not None
    assert clip.truth.birth_frame.max() <= 3


@pytest.mark.parametrize(("seed", "index"), [(-1, 0), (0, -1)])
def test_negative_seeds_are_refused(world: WorldConfig, seed: int, index: int) -> None:
    with pytest.raises(ValueError, match=f"seed, index: got {seed}, {index}, expected at least 0"):
        one(world, seed=seed, index=index)
