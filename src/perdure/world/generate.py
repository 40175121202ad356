"""Makes clip number `index` of a world; it depends on the configuration, the seed and the index alone."""

from __future__ import annotations

import numpy as np

from perdure.types import Clip, ClipTruth
from perdure.world.config import WorldConfig
from perdure.world.detector import detect
from perdure.world.rendering import Look, draw_background, draw_colours, draw_light, mean_shade, render
from perdure.world.scene import Fates, Layout, draw_disturbance, draw_fates, draw_layout

GENERATOR_VERSION = 2
"""Counts changes after which the same seed gives other clips."""


def generate_clip(config: WorldConfig, *, seed: int, index: int, clip_id: str) -> Clip:
    """Returns one clip with ground truth.

    Args:
        config: the world.
        seed: at least 0; names the world's history.
        index: at least 0; number of the clip in it.
        clip_id: name of the clip; it has no influence.

    Raises:
        ValueError: the image is too small for the objects, or seed or index are negative.
    """
    if seed < 0 or index < 0:
        raise ValueError(f"seed, index: got {seed}, {index}, expected at least 0")
    streams = np.random.SeedSequence([seed, index]).spawn(6)
    for_layout, for_look, for_fates, for_detector, for_noise, for_disturbance = (
        np.random.Generator(np.random.PCG64DXSM(stream)) for stream in streams
    )
    layout = draw_layout(for_layout, config)
    look = draw_look(for_look, config, layout)
    fates = draw_fates(for_fates, config, layout.birth_frame)
    disturbance = draw_disturbance(for_disturbance, config, layout.birth_frame)
    simulated = detect(for_detector, config, layout, fates, disturbance=disturbance)
    is_seen = fates.is_alive & ~disturbance.is_occluded
    frames = render(for_noise, config, paths=layout.paths, is_seen=is_seen, cue_variable=fates.cue_variable, look=look)
    return Clip(
        clip_id=clip_id,
        frames=frames,
        frame_rate_hz=config.frame_rate_hz,
        detections=simulated.detections,
        truth=_truth(config, layout, fates, simulated.owner),
    )


def draw_look(rng: np.random.Generator, config: WorldConfig, layout: Layout) -> Look:
    """Returns background, light and the colours of the objects; labels are not known yet."""
    background = draw_background(
        rng, height_px=config.frame_height_px, width_px=config.frame_width_px, texture_grey=config.texture_grey
    )
    light = draw_light(rng)
    colour = draw_colours(rng, background, layout.paths, contrast_grey=layout.contrast_grey, shade=mean_shade(light))
    return Look(background=background, colour=colour, light=light)


def _truth(config: WorldConfig, layout: Layout, fates: Fates, owner: tuple[np.ndarray, ...]) -> ClipTruth:
    return ClipTruth(
        is_persistent=fates.is_persistent,
        birth_frame=layout.birth_frame,
        last_frame=fates.last_frame,
        xyxy_px=layout.paths.xyxy_px,
        is_alive=fates.is_alive,
        cue=config.cue_strength * fates.cue_variable,
        detection_owner=owner,
    )
