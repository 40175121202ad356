"""The HTML report shows the stored numbers and nothing else, loads nothing, and calls a miss a miss."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from perdure.files import read_json_lines, write_json_lines
from perdure.report.page import MAX_BYTES
from perdure.report.write import write_report
from report.report_page import Page, ShownNumber, read_number, read_page, stored_value

ALLOWED_WORDS = re.compile(r"95 % interval|AUC")
"""The only digits that may stand on the page without a source: the level of all intervals."""


@pytest.fixture(scope="module")
def page(reported_run: Path) -> Page:
    return read_page(reported_run / "FINAL_REPORT.html")


def is_as_stored(run_path: Path, number: ShownNumber) -> bool:
    stored = stored_value(run_path, number.file, number.key)
    if stored != number.value:
        return False
    if stored is None:
        return number.text == "not measured"
    if isinstance(stored, str):
        return number.text == stored
    shown, tolerance = read_number(re.sub(r"^(>|interval from <=) ", "", number.text))
    return abs(shown - stored) <= tolerance


def test_every_number_is_the_stored_one(reported_run: Path, page: Page) -> None:
    numbers = [number for number in page.numbers if not number.is_count]
    assert len(numbers) > 150
    assert [number for number in numbers if not is_as_stored(reported_run, number)] == []


def test_counts_are_counts_of_stored_entries(reported_run: Path, page: Page) -> None:
    counts = {number.key: number.text for number in page.numbers if number.is_count}
    rows = read_json_lines(reported_run / "evaluation" / "decisions.jsonl")
    misses = sum(row["true_label"] == "persistent" and row["label"] == "transient" for row in rows)
    assert misses > 0
    assert counts["misses: persistent tracks that were not confirmed"] == str(misses)
    crossed = sum(row["true_label"] == "transient" and row["reason"] == "evidence" for row in rows)
    assert counts["truly transient tracks with reason evidence"] == str(crossed)
    assert counts["targets"] == str(len(stored_value(reported_run, "evaluation/evaluation_metrics.json", "targets")))


def test_no_digit_stands_outside_a_number_with_a_source(reported_run: Path, page: Page) -> None:
    free = " ".join(page.words).replace("\n", " ").replace(str(reported_run), "")  # in commands
    free = re.sub(r"clip_\d+", "", ALLOWED_WORDS.sub("", free))
    assert re.findall(r".{0,30}\d.{0,30}", free) == []


def test_the_page_loads_nothing(reported_run: Path, page: Page) -> None:
    assert all(address.startswith(("data:image/", "#")) for address in page.addresses)
    assert not {"link", "iframe", "object", "embed", "video"} & set(page.tags)
    text = (reported_run / "FINAL_REPORT.html").read_text(encoding="utf-8")
    assert "default-src 'none'" in text
    without_pictures = re.sub(r"data:image/[a-z+]+;base64,[A-Za-z0-9+/=]+", "", text)
    assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)|url\(|@import", without_pictures)
    assert len(text) < MAX_BYTES


def test_only_the_scripts_of_the_page_may_run(reported_run: Path) -> None:
    text = (reported_run / "FINAL_REPORT.html").read_text(encoding="utf-8")
    scripts = re.findall(r"<script>(.*?)</script>", text, flags=re.DOTALL)
    assert len(scripts) == 1
    digest = base64.b64encode(hashlib.sha256(scripts[0].encode("utf-8")).digest()).decode("ascii")
    assert f"script-src 'sha256-{digest}'" in text
    assert len(re.findall("<script", text)) == 1 + len(re.findall('<script type="application/json"', text))


def test_links_inside_the_page_have_targets(reported_run: Path, page: Page) -> None:
    text = (reported_run / "FINAL_REPORT.html").read_text(encoding="utf-8")
    for address in {address for address in page.addresses if address.startswith("#")}:
        assert f'id="{address[1:]}"' in text


def test_stored_names_cannot_become_markup(own_run: Path, change: Callable[..., None]) -> None:
    evil = '<script>alert("1")</script>'
    change("efficiency_metrics.json", {"machine": evil})
    change("evaluation/evaluation_metrics.json", {"targets.0.name": "<b>x</b>"})
    (own_run / "config.toml").write_text('note = "</pre><script>"\n', encoding="utf-8")
    rows = read_json_lines(own_run / "evaluation" / "decisions.jsonl")
    wrong = next(row for row in rows if row["true_label"] != row["label"])
    wrong["clip_id"] = "<i onmouseover=1>"
    write_json_lines(own_run / "evaluation" / "decisions.jsonl", rows)
    write_report(own_run)
    page = read_page(own_run / "FINAL_REPORT.html")
    assert "i" not in page.tags and page.tags.count("script") == 1 + len(page.data)
    assert evil in [number.text for number in page.numbers]
    assert "<i onmouseover=1>" in [number.text for number in page.numbers]
    text = (own_run / "FINAL_REPORT.html").read_text(encoding="utf-8")
    assert text.count("<script>") == 1
    assert "<script>alert" not in text


def test_wrong_decisions_are_listed(reported_run: Path, page: Page) -> None:
    rows = read_json_lines(reported_run / "evaluation" / "decisions.jsonl")
    wrong = {f"{row['clip_id']} / {row['track_id']}" for row in rows if row["true_label"] != row["label"]}
    assert wrong
    assert wrong <= {row[0] for row in page.rows if row}


def test_clips_to_play_are_those_of_the_run(reported_run: Path, page: Page) -> None:
    gallery, folder = page.data["gallery"], reported_run / "visualizations"
    stored = stored_value(reported_run, "visualizations/gallery.json", "clips")
    for clip, own in zip(gallery["clips"], stored, strict=True):
        assert {name: clip[name] for name in own} == own
        assert base64.b64decode(clip["picture"].partition(",")[2]) == (folder / own["file"]).read_bytes()
    rows = read_json_lines(reported_run / "evaluation" / "decisions.jsonl")
    names = {clip["clip_id"] for clip in stored}
    assert [item["row"] for item in gallery["items"]] == [
        place for place, row in enumerate(rows) if row["clip_id"] in names
    ]
    for item in gallery["items"]:
        row = rows[item["row"]]
        assert {name: item[name] for name in item if name in row} == {name: row[name] for name in item if name in row}
        assert item["is_right"] == (row["label"] == row["true_label"])
        assert gallery["clips"][int(item["clip"])]["tracks"][item["place"]]["track_id"] == row["track_id"]
        assert item["source"] == f"evaluation/decisions.jsonl: line {item['row'] + 1}"


def test_crops_of_the_tokenizer_are_those_of_the_run(reported_run: Path, page: Page) -> None:
    shown = [base64.b64decode(address.partition(",")[2]) for address in page.addresses if "image/png" in address]
    with Image.open(reported_run / "visualizations" / "tokenizer.png") as picture:
        stored = np.asarray(picture)
    np.testing.assert_array_equal(np.concatenate([np.asarray(Image.open(io.BytesIO(data))) for data in shown]), stored)


def test_scores_in_the_page_are_the_stored_ones(reported_run: Path, page: Page) -> None:
    stored = json.loads((reported_run / "evaluation" / "scores.json").read_text(encoding="utf-8"))
    assert page.data["scores"] == {name: stored[name] for name in page.data["scores"]}
    assert {"evidence", "is_persistent", "is_open", "horizon", "on_timeout"} == set(page.data["scores"])


def test_the_verdict_of_every_target_is_on_the_first_screen(reported_run: Path, page: Page) -> None:
    targets = stored_value(reported_run, "evaluation/evaluation_metrics.json", "targets")
    rows = page.rows[1 : 1 + len(targets)]
    assert [row[3] for row in rows] == ["PASS" if target["met"] else "FAIL" for target in targets]
    assert {"PASS", "FAIL"} == {row[3] for row in rows}
    for row, target in zip(rows, targets, strict=True):
        assert row[4] == f"evaluation/evaluation_metrics.json: {target['name']}"
    assert page.words.index("FAIL") < page.words.index("What was decided?")


def test_the_command_and_the_configuration_are_on_the_page(reported_run: Path) -> None:
    text = (reported_run / "FINAL_REPORT.html").read_text(encoding="utf-8")
    assert "<pre>perdure run --recipe cpu --seed 0</pre>" in text
    assert "early_stop_frame = 4" in text
