"""Facts come from files; what is missing is named together with the stage that writes it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from perdure.report.render import FilledTemplate
from perdure.report.stored_run import STORED_FILES, Place, StoredRun, command_line, fact_at, is_measured
from perdure.report.write import write_analysis, write_report


@pytest.mark.parametrize("source", [name for name in STORED_FILES if name != "evidence"])  # of runs on tracks alone
def test_a_missing_file_is_named_with_the_stage_that_writes_it(own_run: Path, source: str) -> None:
    name, command = STORED_FILES[source]
    (own_run / name).unlink()
    with pytest.raises(FileNotFoundError) as caught:
        write_report(own_run)
    assert str(own_run / name) in str(caught.value)
    assert f"run '{command_line(command, own_run)}' first" in str(caught.value)
    assert not list(own_run.glob("FINAL_REPORT*"))


def test_a_missing_picture_is_named_with_its_stage(own_run: Path) -> None:
    for path in (own_run / "visualizations").glob("*.png"):
        path.unlink()
    with pytest.raises(FileNotFoundError, match=r"\.png: does not exist; run 'perdure visualize"):
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


def test_a_place_is_read_where_it_is_used(own_run: Path, change: Callable[..., None]) -> None:
    change("evaluation/evaluation_metrics.json", {"num_tracks": 4321, "miss_rate": 0.03, "miss_rate_ci95.1": 0.034})
    evaluation = Place(StoredRun(own_run), "evaluation")
    fact = fact_at(evaluation.miss_rate_ci95[1], "percent")
    assert (fact.text, fact.value) == ("3.4 %", 0.034)
    assert fact.place == "evaluation/evaluation_metrics.json: miss_rate_ci95.1"
    assert evaluation.miss_rate < evaluation.miss_rate_ci95[1] and evaluation.num_tracks == 4321
    assert [fact_at(end).key for end in evaluation.miss_rate_ci95] == ["miss_rate_ci95.0", "miss_rate_ci95.1"]
    assert is_measured(evaluation.num_tracks) and not is_measured(evaluation.values)  # no method of a dictionary
    with pytest.raises(ValueError, match=r"evaluation_metrics\.json: has no 'values\.items'"):
        fact_at(evaluation.values["items"])


def test_a_number_that_is_not_stored_is_refused(own_run: Path) -> None:
    content = {"files": [(3, "x.json", "perdure evaluate")]}
    with pytest.raises(TypeError, match="got the number 3, expected a place in a stored file"):
        FilledTemplate(StoredRun(own_run), "efficiency_report.md.j2", content, is_html=False)


def test_places_in_json_lines_count_from_line_one(run_path: Path) -> None:
    fact = StoredRun(run_path).fact("decisions", "0.decision_frame")
    assert fact.place == "evaluation/decisions.jsonl: line 1, decision_frame"
