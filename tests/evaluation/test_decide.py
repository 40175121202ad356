"""Records say what the gate did: the first decision of every track, what it cost, and who was never decided."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from evaluation.scripted_clip import scripted_clip
from gate.scripted import CueRule, Script
from gate.small_model import HORIZON, small_model
from perdure.data.dataset import ClipDataset
from perdure.evaluation import decide as decide_module
from perdure.evaluation.decide import Association, GateSetup, StreamOutcome, decide_clip, decide_clips, decide_split
from perdure.gate.gate import PersistenceGate
from perdure.gate.model import PersistenceModel
from perdure.metrics.decisions import decision_metrics, write_decisions
from perdure.stopping.rules import TruncatedSPRT
from perdure.types import Clip, Decision

RULE = TruncatedSPRT(upper=2.0, lower=-1.0, horizon=HORIZON)
ASSOCIATIONS: tuple[Association, ...] = ("truth", "tracker")


def decided(clip: Clip, rule: CueRule, association: Association = "truth", *, is_gated: bool = True) -> StreamOutcome:
    return decide_clip(clip, PersistenceGate(small_model(uses_pixels=False), rule, is_gated=is_gated), association)


@pytest.mark.parametrize("association", ASSOCIATIONS)
@pytest.mark.parametrize("is_gated", [True, False])
def test_records_are_what_the_gate_said_and_did(
    small_set: ClipDataset, model: PersistenceModel, association: Association, is_gated: bool
) -> None:
    for clip_id in small_set.split("test")[:3]:
        clip = small_set.clip(clip_id)
        assert clip.truth is not None
        outcome = decide_clip(clip, PersistenceGate(model, RULE, is_gated=is_gated), association)
        gate = PersistenceGate(model, RULE, is_gated=is_gated)
        said: dict[int, Decision] = {}
        rows: dict[int, list[int]] = {}
        encoded: Counter[int] = Counter()
        for index, frame in enumerate(clip.frames):
            owner = clip.truth.detection_owner[index] if association == "truth" else None
            result = gate.observe(frame, gate.link(clip.detections[index], owner=owner))
            for decision in result.decisions:
                said.setdefault(decision.track_id, decision)
            for track in result.tracks:
                rows.setdefault(track.track_id, []).append(index)
            encoded.update(result.encoded_track_ids)
        assert [record.track_id for record in outcome.records] == sorted(said)
        assert outcome.censored == sorted(set(rows) - set(said))
        for record in outcome.records:
            decision = said[record.track_id]
            assert (record.label, record.evidence, record.probability, record.decision_frame, record.reason) == (
                decision.label, decision.evidence, decision.probability, decision.age, decision.reason
            )  # fmt: skip
            assert record.decided == (decision.reason != "timeout")
            assert (record.first_frame, record.last_frame) == (rows[record.track_id][0], rows[record.track_id][-1])
            assert record.frames_encoded == encoded[record.track_id]
            assert record.clip_id == clip_id
            if is_gated and not record.reopened:
                is_deleted = record.reason == "deleted"
                assert record.frames_encoded == record.decision_frame - is_deleted
            if not is_gated:
                assert record.frames_encoded == record.num_track_frames
        assert gate.cost.track_frames == outcome.cost.track_frames
        assert gate.cost.flops == outcome.cost.flops


def test_a_scripted_clip_record_by_record() -> None:
    scripts = [
        Script("+++++++++++++", start=1), Script("0-", start=2), Script("0000000000", start=0), Script("---", start=5)
    ]  # fmt: skip
    clip = scripted_clip(scripts, 14, lives=[0, 2, 0, 3])
    outcome = decided(clip, CueRule(horizon=9, on_timeout="transient"))
    rows = [
        (record.true_label, record.label, record.reason, record.decision_frame, record.first_frame, record.last_frame,
         record.frames_encoded, record.decided)
        for record in outcome.records
    ]  # fmt: skip
    # Ids by birth. The second dies after two hits: four misses are seen, the fifth deletes it at age 7, on frame 8.
    assert rows == [
        ("persistent", "transient", "timeout", 9, 0, 13, 9, False),
        ("persistent", "persistent", "evidence", 3, 1, 13, 3, True),
        ("transient", "transient", "deleted", 7, 2, 7, 6, True),
        ("transient", "transient", "evidence", 3, 5, 11, 3, True),
    ]
    assert outcome.censored == []
    assert outcome.label_of_track == {0: "persistent", 1: "persistent", 2: "transient", 3: "transient"}


@pytest.mark.parametrize("association", ASSOCIATIONS)
def test_a_track_that_the_end_of_the_clip_cuts_off_is_censored(association: Association) -> None:
    scripts = [Script("+++++++++"), Script("000", start=7), Script("0.", start=9), Script("++", start=1)]
    outcome = decided(scripted_clip(scripts, 10), CueRule(horizon=8), association)
    assert [record.track_id for record in outcome.records] == [0, 1]
    assert outcome.records[1].reason == "deleted"
    assert outcome.censored == [2, 3]
    assert set(outcome.cost_by_track) == {0, 1, 2, 3}


def test_a_reopened_track_keeps_its_first_verdict_and_is_marked() -> None:
    clip = scripted_clip([Script("---" + "+" * 12)], 15)
    (record,) = decided(clip, CueRule()).records
    assert (record.label, record.reason, record.decision_frame, record.reopened) == ("transient", "evidence", 3, True)
    assert record.frames_encoded == 6


@pytest.mark.parametrize("after", ["-" * 10, "0" * 8])
def test_a_reopened_track_is_marked_also_if_it_is_gone_before_the_clip_ends(after: str) -> None:
    """The mark was once lost with the memory of the track; its extra frames then seemed to come from nowhere."""
    clip = scripted_clip([Script("---" + after)], 24)
    (record,) = decided(clip, CueRule()).records
    assert record.last_frame < 23
    assert record.reopened
    assert record.frames_encoded > record.decision_frame


def test_costs_are_shared_out_without_remainder(small_set: ClipDataset, model: PersistenceModel) -> None:
    outcome = decide_clip(small_set.clip(small_set.split("test")[0]), PersistenceGate(model, RULE), "truth")
    assert sum(cost.track_frames for cost in outcome.cost_by_track.values()) == outcome.cost.track_frames > 0
    assert sum(cost.flops for cost in outcome.cost_by_track.values()) == pytest.approx(outcome.cost.flops)
    assert 0 < sum(cost.seconds for cost in outcome.cost_by_track.values()) <= outcome.cost.total_s * (1 + 1e-9)
    assert outcome.tracker_s > 0
    for record in outcome.records:
        assert outcome.cost_by_track[record.track_id].track_frames == record.frames_encoded


def test_truth_is_needed(model: PersistenceModel) -> None:
    clip = replace(scripted_clip([Script("+")], 3), truth=None)
    with pytest.raises(ValueError, match="got no ground truth, expected it"):
        decide_clip(clip, PersistenceGate(model, RULE), "truth")


@pytest.mark.slow
def test_a_split_in_processes_gives_the_same(
    small_set: ClipDataset, model: PersistenceModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decide_module, "CLIPS_PER_TASK", 2)
    model.save(tmp_path / "model.safetensors")
    setup, told = GateSetup(weights=tmp_path / "model.safetensors", rule=RULE, association="tracker"), []
    found = decide_split(
        small_set, "test", setup, num_workers=2, on_progress=lambda done, total: told.append((done, total))
    )
    assert told == [(2, 6), (4, 6), (6, 6)]
    clips = [small_set.clip(clip_id) for clip_id in small_set.split("test")]
    for one, other in zip(found, decide_clips(clips, model, RULE, association="tracker"), strict=True):
        assert one.censored == other.censored
        for left, right in zip(one.records, other.records, strict=True):
            assert replace(left, evidence=0.0, probability=0.5) == replace(right, evidence=0.0, probability=0.5)
            assert left.evidence == pytest.approx(right.evidence, abs=1e-4)


def test_every_rate_can_be_counted_from_the_stored_lines(
    small_set: ClipDataset, model: PersistenceModel, tmp_path: Path
) -> None:
    clips = [small_set.clip(clip_id) for split in ("test", "calibration") for clip_id in small_set.split(split)]
    outcomes = decide_clips(clips, model, RULE, association="tracker")
    records = [record for outcome in outcomes for record in outcome.records]
    write_decisions(tmp_path / "decisions.jsonl", records)
    lines = [json.loads(line) for line in (tmp_path / "decisions.jsonl").read_text().splitlines()]
    count = Counter((line["true_label"], line["label"]) for line in lines)
    false = count["transient", "persistent"] / (count["transient", "persistent"] + count["transient", "transient"])
    miss = count["persistent", "transient"] / (count["persistent", "transient"] + count["persistent", "persistent"])
    ages = [line["decision_frame"] for line in lines]
    of_persistent = [line["decision_frame"] for line in lines if line["true_label"] == "persistent"]
    gated = sum(line["frames_encoded"] for line in lines)
    full = sum(line["last_frame"] - line["first_frame"] + 1 for line in lines)
    expected = {
        "num_tracks": len(lines),
        "num_clips": len({line["clip_id"] for line in lines}),
        "accuracy": sum(line["label"] == line["true_label"] for line in lines) / len(lines),
        "false_confirm_rate": false,
        "miss_rate": miss,
        "total_error": (false + miss) / 2,
        "early_stop_rate": sum(age <= 3 for age in ages) / len(ages),
        "mean_decision_frame": sum(ages) / len(ages),
        "mean_decision_frame_persistent": sum(of_persistent) / len(of_persistent),
        "track_frames_gated": gated,
        "track_frames_ungated": full,
        "compute_savings_track_frames": 1 - gated / full,
    }
    found = decision_metrics(records, early_stop_frame=3).to_dict()
    assert {name: found[name] for name in expected} == pytest.approx(expected)
    assert found["confusion_matrix"]["transient"] == {
        label: count["transient", label] for label in ("persistent", "transient")
    }
    assert len(set(count)) >= 3, "too few kinds of decisions to test anything"
