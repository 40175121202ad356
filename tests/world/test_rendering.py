"""What is drawn can be seen: objects while they exist, the cue on them, and nothing where there is nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from perdure.types import Clip
from perdure.world.config import WorldConfig
from perdure.world.generate import generate_clip
from perdure.world.rendering import (
    AMBIENT,
    disc_grey,
    draw_background,
    draw_light,
    mean_shade,
    read_cue_variable,
)

ROW, COLUMN = np.mgrid[:96, :96] + 0.5


def distance_px(box: np.ndarray) -> np.ndarray:
    x, y = (box[:2] + box[2:]) / 2
    distance: np.ndarray = np.hypot(COLUMN - x, ROW - y)
    return distance


def sightings(clips: list[Clip], *, alive: bool) -> Iterator[tuple[Clip, int, int]]:
    """Yields (clip, object, frame) from birth on, where the object exists, or where it does not."""
    for clip in clips:
        assert clip.truth is not None
        for k in range(clip.truth.num_objects):
            for t in range(int(clip.truth.birth_frame[k]), clip.num_frames):
                if bool(clip.truth.is_alive[k, t]) == alive:
                    yield clip, k, t


def contrast_grey(clip: Clip, k: int, t: int) -> float:
    """Returns the colour distance between a sphere outside its disc and the background around it."""
    assert clip.truth is not None
    box = clip.truth.xyxy_px[k, t]
    distance, side = distance_px(box), box[2] - box[0]
    body = (distance > 0.225 * side + 0.5) & (distance < side / 2 - 0.5)
    around = (distance > side / 2 + 1) & (distance < side / 2 + 4)
    frame = clip.frames[t].astype(float)
    return float(np.sqrt(np.square(frame[body].mean(axis=0) - frame[around].mean(axis=0)).mean()))


def test_every_existing_object_is_seen_on_every_frame(clips: list[Clip]) -> None:
    seen = [contrast_grey(*sighting) for sighting in sightings(clips[:25], alive=True)]
    assert len(seen) > 500
    # Wanted are at least 45; texture and shading take a little.
    assert min(seen) > 30
    assert np.median(seen) > 60


def test_nothing_is_seen_where_the_object_is_gone(clips: list[Clip]) -> None:
    """Judged against the same place before: both are background and noise."""
    changes = []
    for clip, k, t in sightings(clips[:20], alive=False):
        assert clip.truth is not None
        box = clip.truth.xyxy_px[k, t]
        inside = distance_px(box) < (box[2] - box[0]) / 2
        before = np.flatnonzero([_is_empty(clip, box, other) for other in range(clip.num_frames)])
        before = before[before != t]
        if len(before):
            frames = clip.frames[[t, before[0]]].astype(float)
            changes.append(np.abs(frames[0][inside].mean(axis=0) - frames[1][inside].mean(axis=0)).max())
    assert len(changes) > 200
    assert max(changes) < 5.0  # the mean of 50 or more pixels of noise 4 differs by 0.8, largest of 3 x 1,000: 3.5


def _is_empty(clip: Clip, box: np.ndarray, t: int) -> bool:
    """Whether no existing object is near a box on a frame."""
    truth = clip.truth
    assert truth is not None
    others = truth.xyxy_px[truth.is_alive[:, t], t]
    gap = np.maximum(others[:, :2] - box[2:], box[:2] - others[:, 2:]).max(axis=1)
    return bool((gap > 2).all())


@pytest.mark.parametrize("strength", [0.0, 0.5, 2.0])
def test_cue_can_be_read_off_the_pixels_in_every_colour(world: WorldConfig, strength: float) -> None:
    config = replace(world, cue_strength=strength)
    errors = []
    for clip in [generate_clip(config, seed=4, index=index, clip_id="x") for index in range(8)]:
        for _, k, t in sightings([clip], alive=True):
            assert clip.truth is not None
            box = clip.truth.xyxy_px[k, t]
            inside = distance_px(box) < config.disc_share * (box[2] - box[0]) / 2 - 0.5
            read = read_cue_variable(float(clip.frames[t][inside].mean()), config.cue_range)
            # The stored cue is d u; with d = 0 there is nothing to compare but the range.
            if strength == 0:
                assert abs(read) < config.cue_range + 0.2
            elif abs(clip.truth.cue[k, t] / strength) < 3.4:
                errors.append(read - clip.truth.cue[k, t] / strength)
    if strength > 0:
        assert len(errors) > 100
        assert np.abs(errors).max() < 0.15
        assert abs(np.mean(errors)) < 0.01


def test_disc_looks_the_same_for_any_strength_and_is_linear_within_its_range() -> None:
    u = np.linspace(-3.5, 3.5, 50)
    np.testing.assert_allclose(np.diff(disc_grey(u, 3.5), n=2), 0.0, atol=1e-9)
    read = [read_cue_variable(grey, 3.5) for grey in disc_grey(u, 3.5).tolist()]
    np.testing.assert_allclose(read, u, atol=1e-12)
    assert disc_grey(np.array([9.0]), 3.5) == disc_grey(np.array([3.5]), 3.5)


def test_noise_is_that_of_the_sensor_and_new_on_every_frame(clips: list[Clip]) -> None:
    clip = clips[0]
    assert clip.truth is not None
    free = np.ones((96, 96), bool)
    for box in clip.truth.xyxy_px.reshape(-1, 4):
        free &= distance_px(box) > 10
    pixels = clip.frames[:, free].astype(float)
    assert pixels.std(axis=0, ddof=1).mean() == pytest.approx(4.0, abs=0.1)
    first, second = (pixels[:2] - pixels.mean(axis=0)).reshape(2, -1)
    assert abs(np.corrcoef(first, second)[0, 1]) < 0.1


def test_sphere_covers_the_area_of_its_box(world: WorldConfig) -> None:
    """Without noise and texture the covered area, edge pixels counted in part, is pi r^2."""
    config = replace(world, noise_grey=0.0, texture_grey=0.0)
    ratios = []
    for index in range(5):
        clip = generate_clip(config, seed=8, index=index, clip_id="x")
        for _, k, t in list(sightings([clip], alive=True))[:20]:
            assert clip.truth is not None
            box = clip.truth.xyxy_px[k, t]
            near = distance_px(box) < (box[2] - box[0]) / 2 + 3
            changed = np.abs(clip.frames[t].astype(float) - clip.frames[t][0, 0]).max(axis=-1) > 3
            ratios.append((changed & near).sum() / (np.pi * ((box[2] - box[0]) / 2) ** 2))
    assert 0.95 < np.mean(ratios) < 1.25  # a pixel that is touched at all counts whole here


def test_mean_shade_is_that_of_a_drawn_sphere() -> None:
    light = draw_light(np.random.default_rng(0))
    y, x = np.mgrid[-1:1:801j, -1:1:801j]
    on = x * x + y * y < 1
    z = np.sqrt(1 - x[on] ** 2 - y[on] ** 2)
    lit = np.maximum(x[on] * light[0] + y[on] * light[1] + z * light[2], 0)
    assert mean_shade(light) == pytest.approx(AMBIENT + (1 - AMBIENT) * lit.mean(), abs=2e-3)


def test_background_is_smooth_textured_and_leaves_room_for_brighter_and_darker() -> None:
    images = [
        draw_background(np.random.default_rng(seed), height_px=96, width_px=80, texture_grey=14.0) for seed in range(40)
    ]
    assert images[0].shape == (96, 80, 3)
    assert min(image.min() for image in images) >= 0
    assert max(image.max() for image in images) <= 230
    deviation = np.mean([image.std(axis=(0, 1)).mean() for image in images])
    step = np.mean([np.abs(np.diff(image, axis=1)).mean() for image in images])
    assert 8 < deviation < 16
    assert step < deviation / 5
