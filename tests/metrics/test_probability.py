"""Probabilities against odds."""

from __future__ import annotations

import math

import pytest

from perdure.metrics.probability import logit, probability_of


@pytest.mark.parametrize(("evidence", "prior"), [(0.7, 0.5), (-1.3, 0.2), (2.0, 0.9)])
def test_odds_are_prior_odds_times_what_the_evidence_says(evidence: float, prior: float) -> None:
    odds = prior / (1 - prior) * math.exp(evidence)
    assert probability_of(evidence, logit(prior)) == pytest.approx(odds / (1 + odds), rel=1e-12)
