"""One law for all, label last: number, births and label are independent; fates follow their laws."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy.stats import chisquare, kstest

from perdure.world.config import WorldConfig
from perdure.world.scene import Fates, draw_fates, draw_layout

NUM_SCENES = 300


def many_fates(world: WorldConfig, num: int = 4000, seed: int = 0) -> tuple[np.ndarray, Fates]:
    rng = np.random.default_rng(seed)
    birth = rng.integers(0, world.last_birth_frame + 1, num)
    return birth, draw_fates(rng, world, birth)


def test_number_birth_and_family_are_uniform(world: WorldConfig) -> None:
    layouts = [draw_layout(np.random.default_rng([5, index]), world) for index in range(NUM_SCENES)]
    numbers = np.bincount([layout.num_objects for layout in layouts], minlength=7)
    assert numbers[0] == 0
    assert chisquare(numbers[1:]).pvalue > 1e-3
    births = np.concatenate([layout.birth_frame for layout in layouts])
    assert births.min() == 0
    assert births.max() == 15
    assert chisquare(np.bincount(births, minlength=16)).pvalue > 1e-3
    assert chisquare(np.bincount(np.concatenate([layout.family for layout in layouts]), minlength=4)).pvalue > 1e-3


def test_every_object_can_be_watched_to_the_horizon(world: WorldConfig) -> None:
    birth, _ = many_fates(world)
    assert (world.num_frames - birth).min() >= world.horizon


def test_persistent_objects_last_and_transient_ones_live_one_to_three_frames(world: WorldConfig) -> None:
    birth, fates = many_fates(world)
    lifetime = fates.is_alive.sum(axis=1)
    np.testing.assert_array_equal(lifetime, fates.last_frame - birth + 1)
    stays = fates.is_persistent
    np.testing.assert_array_equal(fates.last_frame[stays], world.num_frames - 1)
    assert chisquare(np.bincount(lifetime[~stays], minlength=4)[1:]).pvalue > 1e-3
    first = fates.is_alive.argmax(axis=1)
    np.testing.assert_array_equal(first, birth)


def test_label_has_its_share_and_is_independent_of_birth(world: WorldConfig) -> None:
    birth, fates = many_fates(replace(world, persistent_share=0.3), num=8000)
    assert abs(fates.is_persistent.mean() - 0.3) < 4 * np.sqrt(0.21 / 8000)
    table = np.stack([np.bincount(birth[fates.is_persistent == value], minlength=16) for value in (False, True)])
    expected = table.sum(axis=0) * np.array([[0.7], [0.3]])
    assert np.square((table - expected) / np.sqrt(expected)).sum() < 60  # chi square, 16 degrees of freedom


def test_cue_is_an_exact_log_likelihood_ratio(world: WorldConfig) -> None:
    for strength in (0.5, 1.0, 2.0):
        _, fates = many_fates(replace(world, cue_strength=strength), num=1500)
        for label, sign in ((True, 1), (False, -1)):
            cue = strength * fates.cue_variable[fates.is_persistent == label]
            assert kstest(cue.ravel(), "norm", (sign * strength**2 / 2, strength)).pvalue > 1e-3
        # The cue of a frame tells nothing of the next one, given the label.
        u = fates.cue_variable[fates.is_persistent]
        assert abs(np.corrcoef(u[:, 0], u[:, 1])[0, 1]) < 4 / np.sqrt(len(u))


def test_without_cue_the_variable_knows_no_label(world: WorldConfig) -> None:
    _, fates = many_fates(replace(world, cue_strength=0.0), num=1500)
    for label in (True, False):
        assert kstest(fates.cue_variable[fates.is_persistent == label].ravel(), "norm").pvalue > 1e-3
