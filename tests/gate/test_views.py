"""Views of tracks: made when somebody looks, as they were after their frame, whatever has happened since."""

from __future__ import annotations

import copy

from gate.scripted import CueRule, Script, play
from gate.small_model import small_model
from perdure.gate.gate import PersistenceGate
from perdure.gate.results import TrackView


def test_views_that_are_looked_at_later_are_those_of_their_frame() -> None:
    scripts = [Script("+++" + "0" * 5), Script("-.-" + "-" * 5), Script("0" * 4, start=2)]
    gates = [PersistenceGate(small_model(uses_pixels=False), CueRule(), image_size=(120, 40)) for _ in range(2)]
    at_once, later = [], []
    for one, other in zip(*(play(gate, scripts, 12, pixels=False) for gate in gates), strict=True):
        at_once.append(tuple(one.tracks))
        later.append(other)
    assert [tuple(result.tracks) for result in later] == at_once
    assert {view.status for views in at_once for view in views} == {"tentative", "persistent", "transient"}
    assert all(isinstance(view, TrackView) for views in at_once for view in views)


def test_views_are_like_a_tuple() -> None:
    gate = PersistenceGate(small_model(uses_pixels=False), CueRule(), image_size=(80, 40))
    views = [result.tracks for result in play(gate, [Script("000"), Script("00", start=1)], 3, pixels=False)][-1]
    assert len(views) == 2 and views[0].track_id == 0 and views[-1:] == (views[1],)
    assert views == tuple(views) and views != tuple(views)[:1]
    assert copy.deepcopy(views) == views
    assert hash(views) == hash(tuple(views))
    assert repr(views) == repr(tuple(views))
