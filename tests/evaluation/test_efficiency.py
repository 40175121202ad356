"""What gating saves: the same clips with and without it, and classes that add up."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from evaluation.scripted_clip import scripted_clip
from gate.scripted import CueRule, Script
from gate.small_model import small_model
from perdure.data.dataset import ClipDataset
from perdure.evaluation.decide import decide_clips
from perdure.evaluation.efficiency import measure_efficiency
from perdure.gate.model import PersistenceModel
from perdure.stopping.rules import TruncatedSPRT

COSTS = ("track_frames", "flops", "seconds")


@pytest.fixture(scope="module")
def report(small_set: ClipDataset) -> dict[str, Any]:
    rule = TruncatedSPRT(upper=2.0, lower=-1.0, horizon=8)
    clips = [small_set.clip(clip_id) for clip_id in small_set.split("test")[:3]]
    return measure_efficiency(clips, small_model(), rule)


def test_savings_are_one_minus_gated_over_ungated(report: dict[str, Any]) -> None:
    for row in report["classes"].values():
        for cost, saving in zip(COSTS, ("track_frames", "flops", "wall_clock"), strict=True):
            assert row[f"savings_{saving}"] == pytest.approx(1 - row[f"{cost}_gated"] / row[f"{cost}_ungated"])
        assert 0 < row["track_frames_gated"] < row["track_frames_ungated"]
        assert 0 < row["flops_gated"] < row["flops_ungated"]


def test_classes_add_up_to_all(report: dict[str, Any]) -> None:
    classes = report["classes"]
    assert set(classes) == {"all", "persistent", "transient"}
    for name in (f"{cost}_{way}" for cost in COSTS for way in ("gated", "ungated")):
        assert classes["persistent"][name] + classes["transient"][name] == pytest.approx(classes["all"][name])


def test_frames_are_those_of_the_decisions(report: dict[str, Any], small_set: ClipDataset) -> None:
    rule, clips = TruncatedSPRT(upper=2.0, lower=-1.0, horizon=8), small_set.split("test")[:3]
    outcomes = decide_clips([small_set.clip(clip_id) for clip_id in clips], small_model(), rule, association="truth")
    records = [record for outcome in outcomes for record in outcome.records]
    row = report["classes"]["all"]
    assert row["track_frames_gated"] == sum(record.frames_encoded for record in records)
    assert row["track_frames_ungated"] == sum(record.num_track_frames for record in records)


def test_where_and_how_it_was_measured_stands_beside(report: dict[str, Any]) -> None:
    assert (report["num_frames"], report["max_misses"], report["num_clips_timed"]) == (18, 5, 3)
    assert report["machine"]
    for way in ("gated", "ungated"):
        parts = report["timing"][way]
        assert set(parts) == {"crop_s", "extractor_s", "evidence_s", "rule_s", "tracker_s"}
        assert min(parts.values()) > 0


def test_frames_of_a_scripted_clip_by_hand() -> None:
    """Confirmed after 3 of 12 frames; rejected after 3 of 7; deleted after 5 of 5, where nothing is saved."""
    clip = scripted_clip([Script("+" * 12), Script("---"), Script("0")], 12, lives=[0, 3, 1])
    told: list[tuple[int, int]] = []
    num_threads = torch.get_num_threads()
    found = measure_efficiency(
        [clip], small_model(uses_pixels=False), CueRule(), on_progress=lambda done, total: told.append((done, total))
    )
    classes = found["classes"]
    assert [classes[name]["track_frames_gated"] for name in ("persistent", "transient", "all")] == [3, 8, 11]
    assert [classes[name]["track_frames_ungated"] for name in ("persistent", "transient", "all")] == [12, 12, 24]
    assert told == [(1, 1)]
    assert torch.get_num_threads() == num_threads


def test_a_class_without_tracks_saves_nothing(model: PersistenceModel) -> None:
    found = measure_efficiency([scripted_clip([Script("+" * 9)], 9)], model, CueRule())
    row = found["classes"]["transient"]
    assert {row[f"savings_{name}"] for name in ("track_frames", "flops", "wall_clock")} == {0.0}
    assert row["track_frames_ungated"] == 0
