"""The controls find what they look for: swapped pictures, names that decide, and shortcuts."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest

from evaluation.scripted_clip import scripted_clip
from gate.scripted import Script
from gate.small_model import HORIZON
from perdure.data.dataset import ClipDataset
from perdure.evaluation.controls import count_changed_by_scrambling, scrambled, shortcut_scores, with_swapped_crops
from perdure.evidence.track_geometry import NUM_GEOMETRY
from perdure.gate.model import PersistenceModel
from perdure.stopping.rules import Horizon, Observation, TruncatedSPRT, Verdict
from perdure.track_table import TrackTable
from perdure.types import Detections

RULE = TruncatedSPRT(upper=2.0, lower=-1.0, horizon=HORIZON)


@dataclass(frozen=True, kw_only=True, slots=True)
class RowRule(Horizon):
    """Looks at nothing but the row in which a track happens to stand."""

    rejects_others: bool = True

    def decide(self, observation: Observation) -> Verdict:
        """Confirms the first row, rejects the others or leaves them open."""
        is_first = np.arange(len(observation)) == 0
        return self.verdict(observation.age, confirm=is_first, reject=~is_first & self.rejects_others)


def test_every_track_shows_the_pictures_of_another_one_at_the_same_age(windows: TrackTable) -> None:
    for seed in range(5):
        swapped = with_swapped_crops(windows, np.random.default_rng(seed))
        partners = []
        for row in range(len(windows)):
            is_same = (swapped.crops[row, 0] == windows.crops[:, 0]).all(axis=(1, 2, 3))
            assert is_same.sum() == 1
            partner = int(is_same.argmax())
            partners.append(partner)
            last = int(windows.is_valid[partner].sum()) - 1
            for age in range(windows.is_valid.shape[1]):
                np.testing.assert_array_equal(swapped.crops[row, age], windows.crops[partner, min(age, last)])
        assert sorted(partners) == list(range(len(windows))), "pictures were lost or shown twice"
        assert all(partner != row for row, partner in enumerate(partners)), "a track kept its own pictures"
    for name in ("geometry", "is_hit", "birth_frame", "is_valid", "is_persistent", "group", "scene"):
        assert getattr(swapped, name) is getattr(windows, name)


def test_scrambling_keeps_every_detection_with_its_owner(small_set: ClipDataset) -> None:
    clips = [small_set.clip(clip_id) for clip_id in small_set.split("test")]
    clip = max(clips, key=lambda clip: max(len(found) for found in clip.detections))
    other, orders = scrambled(clip, "other", np.random.default_rng(0))
    assert clip.truth is not None
    assert other.truth is not None
    assert other.clip_id == "other"
    assert any((order != np.arange(len(order))).any() for order in orders)
    for frame, order in enumerate(orders):
        for name in ("xyxy_px", "score", "class_id", "cue"):
            before, after = getattr(clip.detections[frame], name), getattr(other.detections[frame], name)
            np.testing.assert_array_equal(after, before[order])
        np.testing.assert_array_equal(other.truth.detection_owner[frame], clip.truth.detection_owner[frame][order])


def test_scrambling_needs_truth(small_set: ClipDataset) -> None:
    clip = replace(small_set.clip(small_set.split("test")[0]), truth=None)
    with pytest.raises(ValueError, match="got no ground truth"):
        scrambled(clip, "other", np.random.default_rng(0))


def test_names_and_orders_change_no_decision(small_set: ClipDataset, model: PersistenceModel) -> None:
    assert count_changed_by_scrambling(small_set, small_set.split("test"), model, RULE, seed=1) == 0


def test_a_gate_that_decides_by_row_is_caught(model: PersistenceModel, monkeypatch: pytest.MonkeyPatch) -> None:
    """Decisions were once compared as a bag per birth frame, in which two that swap their labels look the same."""
    clips = {name: scripted_clip([Script("0" * 6)] * 4, 6) for name in ("a", "b", "c")}
    monkeypatch.setattr(ClipDataset, "clip", lambda _, name: clips[name])
    dataset = ClipDataset.__new__(ClipDataset)
    # In each clip the first row is confirmed; it is the same object in one of four orders.
    changed = count_changed_by_scrambling(dataset, list(clips), model, RowRule(), seed=1)
    assert changed in (2, 4, 6)
    assert count_changed_by_scrambling(dataset, list(clips), model, RULE, seed=1) == 0


def test_a_decision_that_is_taken_in_one_order_only_counts_as_changed(
    model: PersistenceModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first row is decided on each of two frames, so two of four tracks never are; that was once an error."""
    monkeypatch.setattr(ClipDataset, "clip", lambda _, name: scripted_clip([Script("00")] * 4, 2))
    dataset, rule = ClipDataset.__new__(ClipDataset), RowRule(horizon=9, rejects_others=False)
    assert 4 <= count_changed_by_scrambling(dataset, list("abcdef"), model, rule, seed=1) <= 24


def fair(seed: int, num: int = 3000) -> TrackTable:
    """Returns tracks of one frame in which nothing tells the label."""
    rng = np.random.default_rng(seed)
    ones = np.ones((num, 1), dtype=bool)
    return TrackTable(
        crops=rng.integers(60, 200, (num, 1, 4, 4, 3), dtype=np.uint8),
        geometry=rng.normal(0, 1, (num, 1, NUM_GEOMETRY)).astype(np.float32),
        is_hit=ones,
        is_valid=ones,
        is_persistent=rng.random(num) < 0.4,
        group=np.arange(num),
    )


def test_fair_tracks_have_no_shortcut() -> None:
    for seed in range(3):
        scores = shortcut_scores(fair(seed))
        assert set(scores) == {"red", "size", "position"}
        # Three standard errors at 1,200 and 1,800 tracks; folded, so never below 0.5.
        assert all(0.5 <= score < 0.535 for score in scores.values())


@pytest.mark.parametrize("direction", [1, -1])
@pytest.mark.parametrize("leak", ["red", "size", "position"])
def test_a_leak_is_found_whichever_way_it_points(leak: str, direction: int) -> None:
    tracks = fair(5)
    is_marked = tracks.is_persistent if direction > 0 else ~tracks.is_persistent
    crops, geometry = tracks.crops.copy(), tracks.geometry.copy()
    if leak == "red":
        crops[is_marked, :, :, :, 0] += 40
    elif leak == "size":
        geometry[is_marked, :, 2:4] += 3.0
    else:
        geometry[is_marked, :, 0] += 6.0
    scores = shortcut_scores(replace(tracks, crops=crops, geometry=geometry))
    assert scores.pop(leak) > 0.9
    assert all(score < 0.535 for score in scores.values())


def test_brightness_is_not_taken_for_red() -> None:
    tracks = fair(6)
    crops = tracks.crops.copy()
    crops[tracks.is_persistent] += 40
    assert shortcut_scores(replace(tracks, crops=crops))["red"] < 0.535


def test_detections_of_the_scrambled_clip_are_valid(small_set: ClipDataset) -> None:
    clip = small_set.clip(small_set.split("test")[1])
    other, _ = scrambled(clip, "x", np.random.default_rng(3))
    assert all(isinstance(found, Detections) for found in other.detections)
    assert other.frames is clip.frames
