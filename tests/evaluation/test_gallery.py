"""What a gallery holds: every kind of decision, and the course of each track as it was."""

from __future__ import annotations

import numpy as np

from perdure.evaluation.gallery import chosen_clips, chosen_records, track_rows
from perdure.evaluation.tracks_evidence import SequenceEvidence, scores_of
from perdure.metrics.decisions import DecisionRecord
from perdure.stopping.rules import TruncatedSPRT
from perdure.track_table import TrackTable


def record(number: int, *, truth: str = "persistent", label: str = "persistent", age: int = 3, reason: str = "evidence",
           evidence: float = 4.0) -> DecisionRecord:  # fmt: skip
    return DecisionRecord(
        clip_id=f"clip-{number % 4}", track_id=number, true_label=truth, label=label, evidence=evidence,
        probability=0.9, decision_frame=age, decided=reason != "timeout", reason=reason, first_frame=0, last_frame=9,
        frames_encoded=age, reopened=False,
    )  # type: ignore[arg-type]  # fmt: skip


RECORDS = [
    *(record(number) for number in range(20)),
    record(20, label="transient"),
    record(21, truth="transient"),
    record(22, age=9, reason="timeout"),
    record(23, age=1),
    record(24, evidence=0.1),
    record(25, reason="lifetime", age=8),
]


def test_few_decisions_show_every_kind() -> None:
    chosen = {one.track_id for one in chosen_records(RECORDS, 8)}
    assert {20, 21, 22, 23, 24, 25} <= chosen and len(chosen) == 8
    assert chosen_records(RECORDS, 8) == chosen_records(RECORDS, 8)
    assert len(chosen_records(RECORDS, 99)) == len(RECORDS)
    assert sorted(chosen_clips(RECORDS, 99)) == ["clip-0", "clip-1", "clip-2", "clip-3"]
    assert chosen_clips(RECORDS, 1) == ["clip-0"]  # that of the first miss


def found() -> SequenceEvidence:
    is_valid = np.array([[True, True, True], [True, False, False]])
    table = TrackTable(
        is_hit=np.array([[True, False, True], [True, False, False]]),
        is_valid=is_valid,
        is_persistent=np.array([True, False]),
        group=np.zeros(2, dtype=np.int64),
        birth_frame=np.array([5, 7]),
        sequence=("A",),
        track_id=np.array([3, 8]),
        xyxy_px=np.arange(24, dtype=np.float32).reshape(2, 3, 4),
    )
    evidence = np.where(is_valid, np.array([[0.5, 1.23456, 2.0], [-1.0, 0.0, 0.0]], dtype=np.float32), np.nan)
    rule = TruncatedSPRT(upper=2.0, lower=-2.0, horizon=3, on_timeout="transient")
    return SequenceEvidence(name="A", evidence=evidence, table=table, rule=rule)


def test_a_recorded_track_is_stored_as_it_was() -> None:
    wanted = DecisionRecord(
        clip_id="A", track_id=3, true_label="persistent", label="persistent", evidence=2.0, probability=0.9,
        decision_frame=3, decided=True, reason="evidence", first_frame=5, last_frame=9, frames_encoded=3,
        reopened=False,
    )  # fmt: skip
    (row,) = track_rows([found()], [wanted])
    assert (row["clip_id"], row["file"], row["num_frames"]) == ("A", None, 3)
    (track,) = row["tracks"]
    assert (track["track_id"], track["first_frame"], track["is_hit"]) == (3, 5, [1, 0, 1])
    assert track["xyxy_px"] == [[0.0, 1.0, 2.0, 3.0], [4.0, 5.0, 6.0, 7.0], [8.0, 9.0, 10.0, 11.0]]
    assert track["evidence"] == [0.5, 1.235, 2.0]


def test_scores_of_sequences_are_of_all_their_tracks() -> None:
    scores = scores_of([found()])
    assert (list(scores.clip_id), list(scores.track_id), scores.horizon) == (["A", "A"], [3, 8], 3)
    assert scores.is_persistent.tolist() == [True, False] and np.isnan(scores.evidence[1, 1:]).all()
