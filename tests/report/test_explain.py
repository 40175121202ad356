"""Explanations say what the record says: right words, right numbers, the same text every time."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from perdure.metrics.decisions import DecisionRecord, read_decisions
from perdure.report.explain import explain_decision, explain_run

RECORD = DecisionRecord(
    clip_id="clip_a",
    track_id=3,
    true_label="persistent",
    label="persistent",
    evidence=4.27,
    probability=0.9862,
    decision_frame=3,
    decided=True,
    reason="evidence",
    first_frame=5,
    last_frame=31,
    frames_encoded=3,
    reopened=False,
)
THRESHOLDS = {"upper": 4.1, "lower": -3.9}


def test_a_decision_in_words() -> None:
    assert explain_decision(RECORD, thresholds=THRESHOLDS) == (
        "Track 3 of clip_a was called persistent at age 3 (born on frame 5, decided on frame 7)."
        " Its evidence reached +4.27 nats, across the upper bound of +4.10."
        " The probability of being persistent was 98.6 %: confident."
        " 3 frames of it were encoded; the track was there for 27."
        " That was right."
    )


@pytest.mark.parametrize(
    ("changes", "expected", "excluded"),
    [
        ({"label": "transient"}, "WRONG: the truth is persistent, so this is a miss", "right"),
        ({"true_label": "transient"}, "WRONG: the truth is transient, so this is a false confirm", "right"),
        ({"reason": "timeout", "decided": False}, "when the horizon forced a decision", "bound of"),
        ({"reason": "deleted", "label": "transient"}, "The tracker gave the track up", "bound of"),
        ({"reopened": True}, "opened again", "WRONG"),
        ({"label": "transient", "evidence": -4.0}, "across the lower bound of -3.90", "upper"),
        ({"probability": 0.995}, "nearly certain", "confident"),
        ({"probability": 0.55}, "hardly more than a guess", "confident"),
        ({"probability": 0.2}, "against the evidence", "confident"),
        ({"label": "transient", "probability": 0.2}, "leaning that way", "against"),
        ({"frames_encoded": 1}, "1 frame of it was encoded", "frames of it"),
    ],
)
def test_words_follow_the_record(changes: dict[str, object], expected: str, excluded: str) -> None:
    text = explain_decision(replace(RECORD, **changes), thresholds=THRESHOLDS)  # type: ignore[arg-type]
    assert expected in text
    assert excluded not in text


def test_without_thresholds_no_bound_is_invented() -> None:
    assert "across the bound for persistent." in explain_decision(RECORD)


def test_every_number_of_an_explanation_is_in_its_record(run_path: Path) -> None:
    for record in read_decisions(run_path / "evaluation" / "decisions.jsonl"):
        known = {
            str(record.track_id),
            str(record.decision_frame),
            str(record.first_frame),
            str(record.first_frame + record.decision_frame - 1),
            str(record.frames_encoded),
            str(record.num_track_frames),
            f"{record.evidence:+.2f}",
        }
        text = explain_decision(record).replace(record.clip_id, "")
        percent = re.search(r"([\d.]+) %", text)
        assert percent is not None
        assert abs(float(percent[1]) / 100 - record.probability) < 0.0005001
        rest = text.replace(percent[0], "")
        assert set(re.findall(r"[+-]?\d+(?:\.\d+)?", rest)) <= known


def test_an_overview_names_all_wrong_decisions(run_path: Path) -> None:
    records = read_decisions(run_path / "evaluation" / "decisions.jsonl")
    wrong = [record for record in records if not record.is_right]
    text = explain_run(run_path)
    assert 0 < len(wrong) <= 12
    assert text.count("That was WRONG") == len(wrong)
    assert f"{len(records)} tracks in" in text
    assert text == explain_run(run_path)


def test_one_track_by_clip_and_id(run_path: Path) -> None:
    record = read_decisions(run_path / "evaluation" / "decisions.jsonl")[4]
    text = explain_run(run_path, f"{record.clip_id}/{record.track_id}")
    assert text.startswith(f"Track {record.track_id} of {record.clip_id} was called {record.label}")
    assert text.count("Track ") == 1


def test_all_tracks_of_a_clip(run_path: Path) -> None:
    records = read_decisions(run_path / "evaluation" / "decisions.jsonl")
    clip_id = records[0].clip_id
    text = explain_run(run_path, clip_id)
    assert text.count(f"of {clip_id} was called") == sum(record.clip_id == clip_id for record in records)


def test_unknown_and_ambiguous_tracks_are_errors(run_path: Path) -> None:
    with pytest.raises(ValueError, match=r"track 'clip_x/1': not among the \d+ decisions of .*; name it CLIP/TRACK"):
        explain_run(run_path, "clip_x/1")
    with pytest.raises(ValueError, match=r"track '0': \d+ clips have one; name it CLIP/TRACK, such as clip_"):
        explain_run(run_path, 0)
