"""Forests as plain arrays, the scale of scores, and how a model is stored."""

from __future__ import annotations

import numpy as np
import pytest

from perdure.evidence.forest import LEAF, MAX_NATS, Forest, evidence_of_share
from perdure.evidence.score_scale import MAX_KNOTS, NUM_RECENT, ScoreScale, StreamScale


def stump(threshold: float, low: float, high: float) -> dict[str, np.ndarray]:
    """Returns a tree that asks whether column 1 is at most a threshold."""
    return {
        "feature": np.array([1, LEAF, LEAF]),
        "threshold": np.array([threshold, 0, 0]),
        "left": np.array([1, 0, 0]),
        "right": np.array([2, 0, 0]),
        "value": np.array([0.5, low, high]),
    }


def test_a_forest_is_the_mean_of_its_trees() -> None:
    forest = Forest.join([stump(0.0, 0.2, 0.8), stump(2.0, 0.4, 1.0)])
    rows = np.array([[9.0, -1.0], [9.0, 0.0], [9.0, 1.0], [9.0, 3.0]])
    assert forest.share(rows).round(6).tolist() == [0.3, 0.3, 0.6, 0.9]


def test_a_damaged_forest_is_refused() -> None:
    tree = stump(0.0, 0.2, 0.8)
    tree["right"] = np.array([7, 0, 0])
    with pytest.raises(ValueError, match="leads back or out of it"):
        Forest.join([tree])


def test_certainty_is_cut() -> None:
    assert evidence_of_share(np.array([0.0, 1.0])).round(6).tolist() == [-MAX_NATS, MAX_NATS]


def test_any_monotone_change_of_a_detectors_scale_changes_nothing() -> None:
    scores = np.random.default_rng(0).normal(size=4000)
    plain, squeezed = ScoreScale.fit(scores), ScoreScale.fit(np.tanh(scores / 9))
    assert np.array_equal(plain(scores[:100]), squeezed(np.tanh(scores[:100] / 9)))
    assert len(plain.knots) == MAX_KNOTS


def test_a_scale_needs_scores_and_keeps_unknown_ones_unknown() -> None:
    with pytest.raises(ValueError, match="got no scores"):
        ScoreScale.fit(np.zeros(0))
    assert np.isnan(ScoreScale.fit(np.ones(3))(np.array([np.nan])))[0]


def test_a_stream_learns_its_scale_and_forgets_what_is_long_past() -> None:
    stream = StreamScale.given(None)
    assert stream.scale() is None
    assert knots_after(stream, 0.2, 0.4) == [0.2, 0.4]
    assert knots_after(stream, 0.1) == [0.1, 0.2, 0.4]
    assert set(knots_after(stream, *[7.0] * NUM_RECENT)) == {7.0}


def test_a_given_scale_stays_as_it_is() -> None:
    assert knots_after(StreamScale.given(np.array([3.0, 1.0, 2.0])), *[100.0] * 50) == [1, 2, 3]


def knots_after(stream: StreamScale, *scores: float) -> list[float]:
    stream.see(np.array(scores))
    scale = stream.scale()
    assert scale is not None
    return scale.knots.tolist()


def test_thresholds_send_every_value_where_the_tree_that_was_grown_sends_it() -> None:
    """Rounded to the nearest, half of the thresholds moved up, past values that belong to the other branch."""
    thresholds = np.random.default_rng(0).random(200) + 1 / 3
    trees = [
        {
            "feature": np.array([0, LEAF, LEAF]), "threshold": np.array([threshold, 0, 0]),
            "left": np.array([1, 0, 0]), "right": np.array([2, 0, 0]), "value": np.array([0.5, 1.0, 0.0]),
        }
        for threshold in thresholds
    ]  # fmt: skip
    for threshold, tree in zip(thresholds, trees, strict=True):
        near = np.float32(threshold)
        values = np.array([np.nextafter(near, np.float32(0)), near, np.nextafter(near, np.float32(2))])
        share = Forest.join([tree]).share(values[:, None].astype(np.float64))
        assert share.tolist() == (values.astype(np.float64) <= threshold).astype(float).tolist()
