"""The detector errs exactly as the model says, and its boxes do not tell whether there is an object."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import binomtest, ks_2samp, kstest

from perdure.types import NO_OWNER, Clip
from perdure.world.config import WorldConfig
from perdure.world.detector import SimulatedDetections, detect, draw_hits
from perdure.world.scene import draw_disturbance, draw_fates, draw_layout

NUM_OBJECTS = 6000


@pytest.mark.parametrize(("pd", "pfa"), [(0.9, 0.05), (0.7, 0.2), (1.0, 0.0)])
def test_hits_have_the_exact_probabilities(world: WorldConfig, pd: float, pfa: float) -> None:
    config = replace(world, detection_probability=pd, false_alarm_probability=pfa)
    rng = np.random.default_rng(1)
    birth = rng.integers(0, 16, NUM_OBJECTS)
    fates = draw_fates(rng, config, birth)
    is_hit = draw_hits(rng, config, fates.is_alive, birth)
    frame = np.arange(config.num_frames)
    assert is_hit[np.arange(NUM_OBJECTS), birth].all(), "an object was not detected at birth"
    assert not is_hit[frame < birth[:, None]].any(), "a hit before birth"
    later = frame > birth[:, None]
    for chosen, probability in ((fates.is_alive, 1 - (1 - pd) * (1 - pfa)), (~fates.is_alive, pfa)):
        drawn = is_hit[chosen & later]
        assert binomtest(int(drawn.sum()), len(drawn), probability).pvalue > 1e-3


def test_hits_of_different_frames_are_independent(world: WorldConfig) -> None:
    rng = np.random.default_rng(2)
    birth = np.zeros(20000, int)
    is_hit = draw_hits(rng, world, np.ones((20000, 32), bool), birth)
    assert abs(np.corrcoef(is_hit[:, 4], is_hit[:, 5])[0, 1]) < 4 / np.sqrt(20000)


def simulated(world: WorldConfig, num: int = 250) -> list[tuple[SimulatedDetections, np.ndarray, np.ndarray]]:
    """Returns, for many scenes, detections, exact boxes and who is alive."""
    result = []
    for index in range(num):
        rng = np.random.default_rng([9, index])
        layout = draw_layout(rng, world)
        fates = draw_fates(rng, world, layout.birth_frame)
        result.append(
            (
                detect(rng, world, layout, fates, disturbance=draw_disturbance(rng, world, layout.birth_frame)),
                layout.paths.xyxy_px,
                fates.is_alive,
            )
        )
    return result


def test_boxes_and_scores_follow_one_law_whether_there_is_an_object_or_not(world: WorldConfig) -> None:
    # Many false boxes, so that there is something to compare.
    config = replace(world, false_alarm_probability=0.5, max_objects=3)
    shift: dict[bool, list[float]] = {True: [], False: []}
    side: dict[bool, list[float]] = {True: [], False: []}
    score: dict[bool, list[float]] = {True: [], False: []}
    for found, exact, is_alive in simulated(config):
        for t, (frame, owner) in enumerate(zip(found.detections, found.owner, strict=True)):
            for box, value, k in zip(frame.xyxy_px, frame.score, owner.tolist(), strict=True):
                size = exact[k, t, 2] - exact[k, t, 0]
                alive = bool(is_alive[k, t])
                shift[alive].append((box[:2] + box[2:] - exact[k, t, :2] - exact[k, t, 2:])[0] / 2 / size)
                side[alive].append(np.log((box[2] - box[0]) / size))
                score[alive].append(value)
    for law in (shift, side, score):
        assert min(len(law[True]), len(law[False])) > 2000
        assert ks_2samp(law[True], law[False]).pvalue > 1e-3
    for law in (shift, side):
        assert kstest(law[True], "norm", (0, config.box_jitter)).pvalue > 1e-3


def test_cue_of_a_hit_is_that_of_its_object_on_that_frame(clips: list[Clip]) -> None:
    for clip in clips[:20]:
        assert clip.truth is not None
        for t, (found, owner) in enumerate(zip(clip.detections, clip.truth.detection_owner, strict=True)):
            np.testing.assert_array_equal(found.cue, clip.truth.cue[owner, t])


def test_every_box_belongs_to_one_gate_and_no_gate_has_two(clips: list[Clip]) -> None:
    for clip in clips:
        assert clip.truth is not None
        for found, owner in zip(clip.detections, clip.truth.detection_owner, strict=True):
            assert len(owner) == len(found)
            assert NO_OWNER not in owner
            assert len(set(owner.tolist())) == len(owner)


def test_clutter_comes_on_top_and_belongs_to_nothing(world: WorldConfig) -> None:
    plain, cluttered = simulated(world, 30), simulated(replace(world, clutter_per_frame=2.0), 30)
    extra = 0
    for (without, _, _), (with_clutter, _, _) in zip(plain, cluttered, strict=True):
        for frame, more, owner in zip(without.detections, with_clutter.detections, with_clutter.owner, strict=True):
            num = len(frame)
            np.testing.assert_array_equal(more.xyxy_px[:num], frame.xyxy_px)
            assert (owner[num:] == NO_OWNER).all()
            assert not (owner[:num] == NO_OWNER).any()
            extra += len(more) - num
    assert abs(extra - 2 * 30 * 32) < 4 * np.sqrt(2 * 30 * 32)
