"""Drawn tracks follow their law and carry its exact evidence."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from perdure.bench.law_tracks import draw_tracks
from perdure.optima.dynamic_program import TrackLaw
from stopping.world_law import exact_evidence

LAW = TrackLaw(
    detection_probability=0.8, false_alarm_probability=0.1, cue_strength=1.5, persistent_share=0.3, horizon=9
)


def test_rates_and_cues_are_those_of_the_law() -> None:
    tracks = draw_tracks(LAW, 40_000, np.random.default_rng(0))
    assert tracks.is_persistent.mean() == pytest.approx(0.3, abs=0.01)
    assert tracks.is_hit[:, 0].all()
    persistent, transient = tracks.is_hit[tracks.is_persistent], tracks.is_hit[~tracks.is_persistent]
    alive, dead = LAW.hit_alive, 0.1
    assert persistent[:, 1:].mean() == pytest.approx(alive, abs=0.005)
    assert transient[:, 1].mean() == pytest.approx((2 * alive + dead) / 3, abs=0.01)
    assert transient[:, 2].mean() == pytest.approx((alive + 2 * dead) / 3, abs=0.01)
    assert transient[:, 3:].mean() == pytest.approx(dead, abs=0.005)
    for rows, sign in ((tracks.is_persistent, 1), (~tracks.is_persistent, -1)):
        cues = tracks.cue[rows][tracks.is_hit[rows]]
        assert cues.mean() == pytest.approx(sign * 1.5**2 / 2, abs=0.02)
        assert cues.std() == pytest.approx(1.5, abs=0.02)
    assert not tracks.cue[~tracks.is_hit].any()


def test_evidence_is_exact() -> None:
    tracks = draw_tracks(LAW, 300, np.random.default_rng(1))
    exact = exact_evidence(tracks.is_hit, LAW.hit_alive, 0.1, (1, 2, 3)) + tracks.cue.cumsum(axis=1)
    np.testing.assert_allclose(tracks.evidence, exact, atol=1e-9)
    np.testing.assert_array_equal(tracks.sequences().evidence, tracks.evidence)


def test_evidence_may_believe_in_another_law() -> None:
    believed = replace(LAW, detection_probability=0.6)
    tracks = draw_tracks(LAW, 300, np.random.default_rng(2), believed=believed)
    exact = exact_evidence(tracks.is_hit, believed.hit_alive, 0.1, (1, 2, 3)) + tracks.cue.cumsum(axis=1)
    np.testing.assert_allclose(tracks.evidence, exact, atol=1e-9)
    own = draw_tracks(LAW, 300, np.random.default_rng(2))
    np.testing.assert_array_equal(own.is_hit, tracks.is_hit)
    assert np.abs(own.evidence - tracks.evidence).max() > 0.1
