"""Made-up scenes: the same for the same seed, each with a law of its own, and their truth is what it says."""

from __future__ import annotations

import numpy as np

from perdure.data.labelled_stream import sequence_stream
from perdure.data.street_sequence import street_sequence
from perdure.data.track_labels import MatchConfig
from perdure.tracking.tracker import TrackerConfig
from perdure.tracks.follow import track_table
from perdure.world.streets import Street, draw_law, make_street


def on_object(street: Street) -> np.ndarray:
    """Returns which detections lie on an object, by the distance of centres."""
    found = np.zeros(len(street.frame), dtype=bool)
    for index in np.unique(street.frame):
        own = street.frame == index
        true = street.truth_xyxy_px[street.truth_frame == index]
        if len(true):
            centres, places = ((boxes[:, :2] + boxes[:, 2:]) / 2 for boxes in (street.xyxy_px[own], true))
            side = (true[:, 3] - true[:, 1])[None]
            found[own] = (np.linalg.norm(centres[:, None] - places[None], axis=2) < 0.5 * side).any(axis=1)
    return found


def test_a_seed_gives_the_same_scene_and_another_seed_another_one() -> None:
    one, again, other = make_street(3), make_street(3), make_street(4)
    assert np.array_equal(one.xyxy_px, again.xyxy_px) and np.array_equal(one.score, again.score)
    assert one.law != other.law and len(one.frame) != len(other.frame)


def test_every_scene_has_a_law_of_its_own() -> None:
    laws = [draw_law(np.random.default_rng(seed)) for seed in range(200)]
    for name, spread in (("hit_probability", 0.3), ("score_gap", 2.0), ("clutter_stay", 0.4)):
        values = [getattr(law, name) for law in laws]
        assert max(values) - min(values) > spread
    moving = np.mean([any(law.camera_px) for law in laws])
    assert 0.3 < moving < 0.7


def test_objects_are_hit_as_often_as_the_law_says_and_score_higher_than_clutter() -> None:
    hits, expected, gaps = [], [], []
    for seed in range(12):
        street = make_street(seed)
        is_true = on_object(street)
        hits.append(min(is_true.sum() / len(street.truth_frame), 1.0))
        expected.append(street.law.hit_probability)
        if street.law.score_gap > 1.5 and (~is_true).sum() > 20:
            gaps.append(street.score[is_true].mean() - street.score[~is_true].mean())
    assert abs(np.mean(hits) - np.mean(expected)) < 0.12
    assert len(gaps) > 2 and min(gaps) > 0.1
    assert all(0 <= score <= 1 for score in make_street(0).score)


def test_its_tracks_are_of_both_kinds_and_true_ones_live_longer() -> None:
    streams = [sequence_stream(street_sequence(seed), MatchConfig()) for seed in range(6)]
    tables = [track_table([stream], TrackerConfig(max_misses=4)) for stream in streams]
    true = np.concatenate([table.is_hit[table.is_persistent].sum(axis=1) for table in tables])
    false = np.concatenate([table.is_hit[~table.is_persistent].sum(axis=1) for table in tables])
    assert len(true) > 100 and len(false) > 100
    assert true.mean() > 2 * false.mean()


def test_every_other_scene_knows_the_scores_of_its_detector() -> None:
    known = street_sequence(4).known_scores
    assert known is not None and np.array_equal(np.sort(known), np.sort(make_street(4).score))
    assert street_sequence(5).known_scores is None
