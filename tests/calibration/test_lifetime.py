"""The bound on lifetime is part of the promise: what it confirms counts among the errors that a rate allows."""

from __future__ import annotations

import numpy as np
import pytest

from perdure.calibration.exact import calibrate, num_errors_allowed, proven_lifetime
from perdure.calibration.rates import Rates
from perdure.calibration.scores import CalibrationScores, sample_one_per_clip
from perdure.stopping.streak import LifetimeBound

NUM, RATE = 600, 0.05
RATES = Rates(max_false_confirm=RATE)


def scores(hits: np.ndarray | None, *, alive: int = 0) -> CalibrationScores:
    """Returns transient tracks of which the first `alive` reach the last age that is known."""
    rng = np.random.default_rng(0)
    transient = rng.normal(-1.0, 1.0, (NUM, 8))
    transient[alive:, 5:] = np.nan
    return CalibrationScores(persistent=rng.normal(3.0, 1.0, (NUM, 8)), transient=transient, transient_hits=hits)


def bounds(data: CalibrationScores, bound: LifetimeBound | None) -> float:
    return calibrate(data, RATES, horizon=8, on_timeout="transient", lifetime_bound=bound).upper


def test_both_ways_to_be_confirmed_share_the_errors_that_a_rate_allows() -> None:
    hits = np.full(NUM, 3)
    hits[:5] = 40
    data = scores(hits)
    bound = proven_lifetime(data, RATES)
    assert bound == LifetimeBound(num_hits=20)
    upper = bounds(data, bound)
    top = np.nanmax(data.transient, axis=1)
    is_confirmed = (top >= upper) | (hits >= 20)
    assert is_confirmed.sum() == num_errors_allowed(NUM, RATE, 0.05)
    assert upper > bounds(data, None), "errors spent on lifetime are not spent again on evidence"


def test_clutter_that_lasts_raises_the_bound_until_little_is_spent_on_it() -> None:
    hits = np.full(NUM, 3)
    hits[:50] = np.arange(100, 150)
    bound = proven_lifetime(scores(hits), RATES)
    assert bound is not None and (hits >= bound.num_hits).sum() <= 0.25 * num_errors_allowed(NUM, RATE, 0.05)


def test_lives_that_are_not_known_to_their_end_prove_a_bound_only_where_nearly_all_have_ended() -> None:
    assert proven_lifetime(scores(None, alive=2), RATES) == LifetimeBound()
    assert proven_lifetime(scores(None, alive=60), RATES) is None


def test_a_bound_that_confirms_more_than_a_rate_allows_is_refused() -> None:
    data = scores(np.full(NUM, 30))
    with pytest.raises(ValueError, match=r"got 600 of 600 transient tracks that the lifetime bound conf"):
        bounds(data, LifetimeBound(num_hits=20))


def test_lifetimes_are_stored_with_the_scores_and_follow_the_sampled_tracks() -> None:
    hits = np.arange(6)
    sampled = sample_one_per_clip(
        np.arange(6), np.zeros(6, bool), np.arange(6.0)[:, None], np.random.default_rng(0), num_hits=hits
    )
    assert sampled.transient_hits is not None
    assert sampled.transient_hits.tolist() == sampled.transient[:, 0].tolist()
    stored = CalibrationScores.from_dict(sampled.to_dict())
    assert stored.transient_hits is not None and stored.transient_hits.tolist() == sampled.transient_hits.tolist()


@pytest.mark.usefixtures("as_user")
def test_lifetimes_of_other_tracks_are_refused() -> None:
    with pytest.raises(ValueError, match="transient_hits: got 2, expected 600"):
        scores(np.zeros(2, np.int64))
