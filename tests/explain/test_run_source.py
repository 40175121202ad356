"""A run without its data tells what its decisions say, and that the rest is not known; a trace tells the rest."""

from __future__ import annotations

from pathlib import Path

import pytest

from perdure.explain.questions import answer
from perdure.explain.run_source import RunSource
from perdure.explain.text import explain_folder, explain_track
from perdure.gate.trace import KIND, VERSION, trace_line
from perdure.metrics.decisions import read_decisions
from report.simulated_run import write_run


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("explain") / "run"
    write_run(root, seed=10, num_clips=30, num_samples=1, strength=1.0)
    return root


def test_what_a_run_does_not_hold_is_not_known(run: Path) -> None:
    record = read_decisions(run / "evaluation" / "decisions.jsonl")[0]
    text = explain_track(run, f"{record.clip_id}/{record.track_id}")
    assert (
        f"Track {record.track_id} of {record.clip_id} was called {record.label} at age {record.decision_frame}" in text
    )
    assert "What was associated and missed is not known." in text
    assert "More is not known: " in text
    assert "Run again" not in text


def test_wrong_decisions_are_counted_and_shown(run: Path) -> None:
    records = read_decisions(run / "evaluation" / "decisions.jsonl")
    wrong = [record for record in records if record.label != record.true_label]
    assert len(wrong) > 0
    text = explain_folder(run)
    assert f"All {len(wrong)} wrong decisions follow." in text or f"{len(wrong)} decisions are wrong" in text
    found = answer(run, "how many tracks were wrong?").text
    assert found.startswith(f"{len(wrong)} track{'' if len(wrong) == 1 else 's'} w")
    assert answer(run, "which were the last decisions?").text == (
        "Not known: the streams of a run have no common time; ask for the latest or earliest decisions."
    )


def test_a_name_that_stands_for_several_tracks_is_refused(run: Path) -> None:
    with pytest.raises(ValueError, match=r"track '0': \d+ clips have one; name it CLIP/TRACK, such as "):
        explain_track(run, 0)


def test_a_stored_trace_is_read_instead_of_running_again(run: Path) -> None:
    source = RunSource(run)
    story = source.stories[0]
    columns = {"age": [1], "is_hit": [1], "score": [0.5], "evidence": [story.evidence], "lifetime": [0.0]}
    bounds = {"rule": None, "lifetime_bound": None}
    row = {"clip": story.clip_id, "frame": story.frame, "track": [story.track_id], **columns, **bounds}
    path = run / "evaluation" / "trace.jsonl"
    path.write_text(trace_line({"kind": KIND, "version": VERSION}) + trace_line(row))
    try:
        told = RunSource(run).told(story)
        assert [seen.frame for seen in told.seen] == [story.frame]
        assert source.facts_file == "evaluation/trace.jsonl"
    finally:
        path.unlink()


def test_a_run_that_is_not_evaluated_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text("")
    with pytest.raises(FileNotFoundError, match=r"decisions\.jsonl: does not exist; run 'perdure evaluate"):
        explain_folder(tmp_path)
