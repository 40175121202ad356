"""What lives say of tracks whose class nobody told: simulated objects, flickers and clutter that persists."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perdure.training.fates import LEAST_LIFE, USUAL_LIFE, Lives, fit_life_law, soft_labels


def lives_of(rng: np.random.Generator, *, num: int = 8000, share: float = 0.1) -> tuple[np.ndarray, np.ndarray]:
    """Returns detections of objects (60 on the mean) and of flickers (2 on the mean), and which are objects."""
    is_object = rng.random(num) < share
    return np.where(is_object, rng.geometric(1 / 60, num), rng.geometric(0.5, num)), is_object


def test_the_share_of_objects_is_read_off_the_lives() -> None:
    num_hits, is_object = lives_of(np.random.default_rng(0))
    law = fit_life_law(Lives(num_hits, np.zeros(len(num_hits), dtype=bool)))
    assert law.object_share == pytest.approx(is_object.mean(), abs=0.02)
    assert law.life == LEAST_LIFE and law.is_pure
    assert law.num_long == (num_hits >= LEAST_LIFE).sum()
    assert is_object[num_hits >= law.life].mean() > 0.98


def test_clutter_that_persists_moves_the_life_beyond_it() -> None:
    """Compressed video leaves spots that live for 16 to 20 detections, nearly twenty times as many as objects."""
    rng = np.random.default_rng(1)
    num_hits, _ = lives_of(rng, num=4000, share=0.05)
    spots = rng.integers(16, 21, 3000)
    law = fit_life_law(Lives(np.concatenate([num_hits, spots]), np.zeros(7000, dtype=bool)))
    assert 20 <= law.life <= 22 and law.is_pure
    assert law.purity[15] < 0.2 and law.hazard[19] > 0.5


def test_tracks_that_were_cut_off_do_not_count_as_short_lives() -> None:
    num_hits, _ = lives_of(np.random.default_rng(2))
    cut = np.random.default_rng(3).integers(1, 40, len(num_hits))
    whole = fit_life_law(Lives(num_hits, np.zeros(len(num_hits), dtype=bool)))
    law = fit_life_law(Lives(np.minimum(num_hits, cut), num_hits > cut))
    assert law.object_share == pytest.approx(whole.object_share, abs=0.02)
    naive = fit_life_law(Lives(np.minimum(num_hits, cut), np.zeros(len(num_hits), dtype=bool)))
    assert abs(naive.object_share - whole.object_share) > 2 * abs(law.object_share - whole.object_share)


def test_too_few_long_lives_say_nothing() -> None:
    law = fit_life_law(Lives(np.array([1, 2, 1, 30, 3]), np.zeros(5, dtype=bool)))
    assert (law.life, law.num_long, law.is_pure) == (USUAL_LIFE, 1, False) and np.isnan(law.object_share)
    with pytest.raises(ValueError, match="lives: got no tracks"):
        fit_life_law(Lives(np.zeros(0, dtype=np.int64), np.zeros(0, dtype=bool)))


def test_labels_are_sure_at_the_ends_and_soft_between() -> None:
    hits = np.array([3, 12, 16, 24, 5, 13, 40])
    label = soft_labels(Lives(hits, np.array([False, False, False, False, True, True, True])), 12)
    np.testing.assert_allclose(label[:4], [0, 1 / 3, 2 / 3, 1])
    assert np.isnan(label[4]), "cut off before anything could be told"
    assert label[5] == label[6] == 1, "what is reached is reached, and the rest is unknown"


@given(st.lists(st.tuples(st.integers(1, 60), st.booleans()), min_size=1, max_size=200))
def test_a_law_is_made_of_probabilities(tracks: list[tuple[int, bool]]) -> None:
    lives = Lives(np.array([hits for hits, _ in tracks]), np.array([is_open for _, is_open in tracks]))
    law = fit_life_law(lives)
    known = law.purity[~np.isnan(law.purity)]
    assert ((law.hazard >= 0) & (law.hazard <= 1)).all() and ((known >= 0) & (known <= 1)).all()
    assert law.life >= LEAST_LIFE
    label = soft_labels(lives, law.life)
    assert (np.isnan(label) <= lives.is_open).all()
