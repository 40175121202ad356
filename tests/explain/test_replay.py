"""What is run again is what ran before; one change changes one thing, and leaves the gate as it was."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from perdure.explain.bounds import asked
from perdure.explain.replay import Edit, Outcome, outcomes
from perdure.explain.sources import Source, open_source
from perdure.explain.text import edits_of, promise_words


@pytest.fixture(scope="module", params=["traced", "promised", "held"])
def source(request: pytest.FixtureRequest) -> Source:
    return open_source(request.getfixturevalue(request.param))


def test_a_stream_that_is_run_again_gives_the_same_rows(source: Source) -> None:
    rows = [json.loads(line) for line in (source.path / "trace.jsonl").read_text().splitlines()[1:]]
    assert sum(len(row["decisions"]) for row in rows) > 20
    for before, again in zip(rows, source.replay("").rows(), strict=True):
        names = ("frame", "track", "age", "is_hit", "score", "evidence", "lifetime")
        assert {name: before[name] for name in names} == {name: again[name] for name in names}
        assert before["decisions"] == [list(one) for one in again["decisions"]]


def test_bounds_that_moved_are_told_as_they_stood(held: Path) -> None:
    source = open_source(held)
    uppers = [story.rule["upper"] for story in source.stories if story.rule and story.reason == "evidence"]
    assert len(set(uppers)) > 1
    for story in (story for story in source.stories if story.reason == "evidence"):
        found = asked(story)
        assert found is not None and story.evidence >= found.needed - 2e-6
    told = promise_words(source, source.stories[-1])
    assert told == "No error rate is guaranteed; in the long run 30 % of the tracks that vanish are confirmed."


def fresh_outcome(source: Source, edit: Edit) -> Outcome:
    """Returns the same from the first frame on with a gate of its own, by the box that the trace tells of."""
    replay = source.replay("")
    gate = replay.gate()
    for frame in replay.frames():
        if frame.frame_index == edit.frame:
            probe = replay.gate()
            for known in replay.frames():
                tracks, _ = replay.step(probe, known)
                if known.frame_index == edit.frame:
                    break
            row = tracks.track_id.tolist().index(edit.track_id)
            keep = [place for place in range(len(frame.detections)) if place != int(tracks.detection_index[row])]
            found = type(frame.detections)(
                xyxy_px=frame.detections.xyxy_px[keep],
                score=frame.detections.score[keep],
                class_id=frame.detections.class_id[keep],
            )
            frame = frame._replace(detections=found)
        result = gate.update(None, frame.detections, time_s=frame.time_s)
        for made in result.decisions:
            if made.track_id == edit.track_id:
                return Outcome(made.label, made.reason, made.age, made.frame_index, made.evidence)
    return Outcome(None, None, 0, 0, 0.0)


def test_a_detection_that_is_taken_away_does_what_it_does_on_a_fresh_gate(source: Source) -> None:
    edits = [edit for story in source.stories for edit in edits_of(story, source.stories) if edit.kind == "without"][:3]
    assert len(edits) == 3
    found = outcomes(source.replay(""), edits)
    assert found
    for edit, outcome in found.items():
        assert outcome == fresh_outcome(source, edit), edit


def test_a_miss_that_becomes_a_hit_is_a_hit(source: Source) -> None:
    story = next(story for story in source.stories if story.misses and story.reason == "deleted")
    edit = Edit("with", story.track_id, story.misses[0])
    outcome = outcomes(source.replay(""), [edit])[edit]
    assert outcome.frame > story.frame or outcome.label != story.label, "it lives longer, or is confirmed"
    assert not outcomes(source.replay(""), [edit._replace(kind="without")]), "a miss cannot be taken away"


def test_what_cannot_be_run_again_is_said(untraced: Path) -> None:
    with pytest.raises(ValueError, match=r"trace\.jsonl is not there; watch or confirm with --trace"):
        open_source(untraced).replay("")
