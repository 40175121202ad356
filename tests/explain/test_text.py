"""Explanations of folders: what is known is said, what is not is said to be unknown."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from perdure.cli import main
from perdure.explain.facts import change_words, facts_of
from perdure.explain.replay import Edit, Outcome
from perdure.explain.sources import open_source
from perdure.explain.stories import Seen, Story
from perdure.explain.text import explain_folder, explain_track

RULE = {"name": "TruncatedSPRT", "horizon": 8, "on_timeout": "transient", "upper": 1.5, "lower": -2.0}
STORY = Story(
    track_id=7,
    label="persistent",
    reason="evidence",
    age=3,
    frame=12,
    evidence=1.75,
    probability=0.85,
    seen=(
        Seen(frame=10, age=1, is_hit=True, score=0.5, evidence=0.25, lifetime=0.0),
        Seen(frame=11, age=2, is_hit=False, score=0.0, evidence=-0.5, lifetime=-0.75),
        Seen(frame=12, age=3, is_hit=True, score=0.9, evidence=1.75, lifetime=1.0),
    ),
    rule=RULE,
    line=4,
)


def told(story: Story, changes: dict[Edit, Outcome] | None = None) -> dict[str, str]:
    found = facts_of(story, decisions_file="d", facts_file="t", changes=changes or {}, promise="P.")
    return {fact.name: fact.text for fact in found}


def test_every_fact_of_a_decision() -> None:
    changes = {Edit("without", 7, 12): Outcome("transient", "deleted", 6, 15, -1.0)}
    assert told(STORY, changes) == {
        "verdict": "Track 7 was called persistent at age 3 (born on frame 10, decided on frame 12):"
        " a bound was crossed.",
        "seen": "From frame 10 to frame 12 it was associated on 2 of 3 frames and missed on frame 11.",
        "moves": "The evidence went from +0.25 nats on frame 10 to +1.75 nats on frame 12;"
        " frame 12 moved it most, by +2.25 nats (associated, score 0.90).",
        "parts": "Of this, associated and missed frames alone give +1.00 nats (lifetime evidence);"
        " scores, boxes and what is around add +0.75 nats.",
        "bound": "To confirm it, at least +1.50 nats were asked for;"
        " had that been stricter by more than 0.25 nats, that frame would not have decided it.",
        "sure": "The probability of being persistent was 85.0 %: leaning that way.",
        "promise": "P.",
        "if without": "Run again without the detection of frame 12, it is called transient at age 6 (frame 15):"
        " the other verdict.",
    }


@pytest.mark.parametrize(
    ("outcome", "words"),
    [
        (Outcome("persistent", "evidence", 3, 12, 2.0), "the same verdict on the same frame."),
        (Outcome("persistent", "evidence", 5, 14, 2.0), "the same verdict 2 frames later."),
        (Outcome("persistent", "evidence", 2, 11, 2.0), "the same verdict 1 frame earlier."),
        (Outcome(None, None, 9, 18, 0.0), "it is undecided when the stream ends."),
    ],
)
def test_a_change_in_words(outcome: Outcome, words: str) -> None:
    assert change_words(STORY, Edit("with", 7, 11), outcome).endswith(words)


def test_a_traced_track_is_explained_to_its_end(traced: Path) -> None:
    source = open_source(traced)
    story = next(
        one for one in source.stories if one.label == "persistent" and one.reason == "evidence" and one.age > 1
    )
    text = explain_track(traced, story.track_id)
    assert f"Track {story.track_id} was called persistent at age {story.age}" in text
    for words in ("nats were asked for", "lifetime evidence", "Run again", "No error rate is guaranteed"):
        assert words in text
    assert f"[decisions.jsonl line {story.line}; trace.jsonl; run again]" in text
    assert text == explain_track(traced, story.track_id), "the same every time"


def test_a_promise_is_named(promised: Path) -> None:
    story = open_source(promised).stories[0]
    assert "Error rates are guaranteed for streams as calibrated" in explain_track(promised, story.track_id)


def test_without_a_trace_the_table_tells_what_it_knows(traced: Path, untraced: Path) -> None:
    story = next(story for story in open_source(traced).stories if story.age > 1)
    text = explain_track(untraced, story.track_id)
    assert f"From frame {story.birth} " in text
    assert "What would have changed it is not known" in text
    assert "lifetime evidence" not in text


def test_an_overview_counts(traced: Path) -> None:
    rows = [json.loads(line) for line in (traced / "decisions.jsonl").read_text().splitlines()]
    num = sum(row["label"] == "persistent" for row in rows)
    start = f"There are {len(rows)} decisions on 40 frames: {num} times persistent, {len(rows) - num} times transient."
    assert explain_folder(traced).startswith(start)


def test_wrong_names_are_refused_in_one_line(traced: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"track '9999': not among the \d+ decisions of .*; give the id"):
        explain_track(traced, 9999)
    with pytest.raises(FileNotFoundError, match="got no decisions, expected a run folder"):
        explain_track(tmp_path, 1)


def test_the_command_answers_and_refuses_half_a_model(traced: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", str(traced), "--ask", "how many frames were there?"]) == 0
    assert "There were 40 frames." in capsys.readouterr().out
    assert main(["explain", str(traced), "--track", "1", "--endpoint", "http://127.0.0.1:9/v1"]) == 2
    assert "--endpoint and --model go together" in capsys.readouterr().err
