"""The contact sheet is written whole, shows what is asked for, and refuses what cannot be shown."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from PIL import Image

from perdure.report.clip_sheet import PERSISTENT_COLOUR, TRANSIENT_COLOUR, draw_clip_sheet
from perdure.types import Clip
from perdure.world.config import WorldConfig
from perdure.world.generate import generate_clip

WORLD = WorldConfig(num_frames=10, horizon=4, frame_width_px=48, frame_height_px=48, max_objects=2)


@pytest.fixture(scope="module")
def clip() -> Clip:
    """Returns a clip with one object of each kind."""
    made = (generate_clip(WORLD, seed=0, index=index, clip_id="clip-000000") for index in range(50))
    return next(clip for clip in made if clip.truth is not None and set(clip.truth.is_persistent) == {True, False})


def num_pixels(path: Path, colour: str) -> int:
    with Image.open(path) as image:
        pixels = np.asarray(image.convert("RGB")).astype(int)
    return int((np.abs(pixels - np.array(to_rgb(colour)) * 255).max(axis=-1) < 12).sum())


def test_both_kinds_are_drawn_in_their_colours(clip: Clip, tmp_path: Path) -> None:
    path = draw_clip_sheet(clip, tmp_path / "sheet.png")
    assert path == tmp_path / "sheet.png"
    assert [item.name for item in tmp_path.iterdir()] == ["sheet.png"]
    assert num_pixels(path, PERSISTENT_COLOUR) > 2000
    assert num_pixels(path, TRANSIENT_COLOUR) > 200


def test_a_missed_frame_looks_different_from_a_hit(clip: Clip, tmp_path: Path) -> None:
    assert clip.truth is not None
    nothing = tuple(
        replace(found, **{item.name: getattr(found, item.name)[:0] for item in fields(found) if item.init})
        for found in clip.detections
    )
    nobody = tuple(owner[:0] for owner in clip.truth.detection_owner)
    missed = replace(clip, detections=nothing, truth=replace(clip.truth, detection_owner=nobody))
    hit, miss = draw_clip_sheet(clip, tmp_path / "hit.png"), draw_clip_sheet(missed, tmp_path / "miss.png")
    assert 200 < num_pixels(miss, PERSISTENT_COLOUR) < 0.9 * num_pixels(hit, PERSISTENT_COLOUR)


def test_clip_without_truth_is_shown_without_classes(clip: Clip, tmp_path: Path) -> None:
    path = draw_clip_sheet(replace(clip, truth=None), tmp_path / "sheet.png")
    # Only the legend has the colours.
    assert num_pixels(path, TRANSIENT_COLOUR) < 200


def test_fewer_frames_make_a_smaller_sheet(clip: Clip, tmp_path: Path) -> None:
    sizes = []
    for number in (4, 10):
        with Image.open(draw_clip_sheet(clip, tmp_path / f"{number}.png", max_frames=number)) as image:
            sizes.append(image.size)
    assert sizes[0][0] < sizes[1][0]
    assert sizes[0][1] < sizes[1][1]


def test_nothing_to_show_is_an_error(clip: Clip, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="got 10 frames, max_frames 0, expected at least 1 each"):
        draw_clip_sheet(clip, tmp_path / "sheet.png", max_frames=0)
    with pytest.raises(FileNotFoundError):
        draw_clip_sheet(clip, tmp_path / "missing" / "sheet.png")
    assert not list(tmp_path.iterdir())
