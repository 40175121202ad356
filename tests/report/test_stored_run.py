"""Facts come from files; what is missing is named together with the stage that writes it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from perdure.report.stored_run import STORED_FILES, StoredRun, plain_text
from perdure.report.write import write_analysis, write_report


@pytest.mark.parametrize("source", [name for name in STORED_FILES if name != "evidence"])  # of runs on tracks alone
def test_a_missing_file_is_named_with_the_stage_that_writes_it(own_run: Path, source: str) -> None:
    name, command = STORED_FILES[source]
    (own_run / name).unlink()
    with pytest.raises(FileNotFoundError) as caught:
        write_report(own_run)
    assert str(own_run / name) in str(caught.value)
    assert f"run '{command} {own_run}' first" in str(caught.value)
    assert not list(own_run.glob("FINAL_REPORT*"))


def test_a_missing_picture_is_named_with_its_stage(own_run: Path) -> None:
    for path in (own_run / "visualizations").glob("*.png"):
        path.unlink()
    with pytest.raises(FileNotFoundError, match=r"attention\.png: does not exist; run 'perdure visualize"):
        write_report(own_run)


@pytest.mark.parametrize("name", ["efficiency_metrics.json", "evaluation/decisions.jsonl", "config.toml"])
def test_analysis_names_missing_files_and_writes_nothing(own_run: Path, name: str) -> None:
    (own_run / name).unlink()
    with pytest.raises(FileNotFoundError, match="does not exist; run 'perdure"):
        write_analysis(own_run)
    assert not list((own_run / "analysis").iterdir())


def test_a_missing_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"run folder .*nowhere: does not exist"):
        StoredRun(tmp_path / "nowhere")


def test_a_missing_figure_is_an_error_and_not_a_guess(own_run: Path) -> None:
    with pytest.raises(ValueError, match=r"evaluation_metrics\.json: has no 'accuracy_of_dreams'.*perdure evaluate"):
        StoredRun(own_run).fact("evaluation", "accuracy_of_dreams")


def test_broken_json_is_named(own_run: Path) -> None:
    (own_run / "efficiency_metrics.json").write_text('{"num_clips": ', encoding="utf-8")
    with pytest.raises(ValueError, match=r"efficiency_metrics\.json: got text that is not JSON"):
        StoredRun(own_run).content("efficiency")


def test_a_sentence_is_filled_from_the_files(own_run: Path, change: Callable[..., None]) -> None:
    change("evaluation/evaluation_metrics.json", {"num_tracks": 4321, "miss_rate_ci95.1": 0.034})
    run = StoredRun(own_run)
    sentence = run.say("{evaluation:num_tracks} tracks, at most {evaluation:miss_rate_ci95.1|percent} missed")
    assert plain_text(sentence) == "4,321 tracks, at most 3.4 % missed"
    assert sentence[2].place == "evaluation/evaluation_metrics.json: miss_rate_ci95.1"  # type: ignore[union-attr]


def test_places_in_json_lines_count_from_line_one(run_path: Path) -> None:
    fact = StoredRun(run_path).fact("decisions", "0.decision_frame")
    assert fact.place == "evaluation/decisions.jsonl: line 1, decision_frame"
