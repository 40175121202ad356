"""The tests behind calibration against those of MAPIE, a library of its own."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom

from perdure.calibration.exact import num_errors_allowed
from perdure.calibration.scores import CalibrationScores
from perdure.calibration.symmetric import BOUND_GRID, learn_then_test, symmetric_errors
from stopping.world_law import draw_tracks

methods = pytest.importorskip("mapie.risk_control.methods", reason="MAPIE is not installed (make setup-dev)")
fwer = pytest.importorskip("mapie.risk_control.fwer_control", reason="MAPIE is not installed (make setup-dev)")

RATE, DELTA = 0.02, 0.05


def p_values(errors: np.ndarray, num: int) -> np.ndarray:
    """Returns MAPIE's p-values of the hypothesis that a rate is above the limit, for numbers of errors."""
    found = methods.compute_hoeffding_bentkus_p_value(errors / num, num, RATE, binary=True)
    return np.asarray(found)[:, 0]


@pytest.mark.parametrize("num", [150, 500, 2000])
def test_exact_binomial_p_values_are_those_of_mapie(num: int) -> None:
    errors = np.arange(0, int(RATE * num) + 1)
    np.testing.assert_allclose(binom.cdf(errors, num, RATE), p_values(errors, num), rtol=1e-9)


@pytest.mark.parametrize("num", [150, 500, 2000])
@pytest.mark.parametrize("delta", [0.025, 0.05, 0.2])
def test_as_many_errors_are_allowed_as_mapie_accepts(num: int, delta: float) -> None:
    accepted = np.flatnonzero(p_values(np.arange(0, num // 10), num) <= delta)
    assert num_errors_allowed(num, RATE, delta) == (int(accepted[-1]) if len(accepted) else -1)


@pytest.mark.parametrize("seed", range(4))
def test_the_fixed_sequence_stops_where_mapie_stops(seed: int) -> None:
    tracks = draw_tracks(3000, seed=seed)
    scores = CalibrationScores(
        persistent=2 * tracks.evidence[tracks.is_persistent], transient=2 * tracks.evidence[~tracks.is_persistent]
    )
    worst = np.zeros(len(BOUND_GRID))
    for values, is_persistent in ((scores.persistent, True), (scores.transient, False)):
        wrong = symmetric_errors(values, np.array(BOUND_GRID), is_persistent=is_persistent, on_timeout="persistent")
        worst = np.maximum(worst, p_values(wrong.sum(axis=1), len(values)))
    accepted = fwer.FWERFixedSequenceTesting(n_starts=1).run(worst, DELTA)
    rule = learn_then_test(scores, max_false_confirm=RATE, max_miss=RATE, delta=DELTA, horizon=16)
    assert 10 < len(accepted) < len(BOUND_GRID)
    assert rule.upper == BOUND_GRID[accepted[-1]]
