"""Detections and truth come back from flat arrays as they went in."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from perdure.data.config import DataConfig
from perdure.data.packing import pack_clips, unpack_clip
from perdure.types import Clip
from perdure.world.generate import generate_clip

TRUTH = ("is_persistent", "birth_frame", "last_frame", "xyxy_px", "is_alive", "cue")
FOUND = ("xyxy_px", "score", "class_id", "cue")


@pytest.fixture
def clips(config: DataConfig) -> list[Clip]:
    return [generate_clip(config.world, seed=1, index=index, clip_id=f"clip-{index}") for index in range(5)]


def test_there_and_back(clips: list[Clip]) -> None:
    packed = pack_clips(clips)
    for row, clip in enumerate(clips):
        detections, truth = unpack_clip(packed, row)
        assert clip.truth is not None
        for name in TRUTH:
            before, after = getattr(clip.truth, name), getattr(truth, name)
            np.testing.assert_array_equal(before, after)
            assert before.dtype == after.dtype
        for left, right in zip(clip.detections, detections, strict=True):
            for name in FOUND:
                np.testing.assert_array_equal(getattr(left, name), getattr(right, name))
        for left_owner, right_owner in zip(clip.truth.detection_owner, truth.detection_owner, strict=True):
            np.testing.assert_array_equal(left_owner, right_owner)


def test_clips_without_truth_are_refused(clips: list[Clip]) -> None:
    with pytest.raises(ValueError, match="got 4 with ground truth of 5"):
        pack_clips([*clips[:4], replace(clips[4], truth=None)])
    with pytest.raises(ValueError, match="got 0 with ground truth of 0"):
        pack_clips([])
