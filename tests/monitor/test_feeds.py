from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from monitor.stored_runs import append_rows, decision_line, stored_run
from perdure.live.outputs import DECISIONS
from perdure.monitor.feeds import LAG_BYTES, RunsFeed, WatchFeed
from perdure.monitor.site import Places, Site

EVENT = re.compile(r"(?:id: (?P<id>\S+)\n)?event: (?P<kind>\w+)\ndata: (?P<data>.*)\n\n")


class Browser:
    """Takes in events as a browser does: it remembers the last identity, and the points that it was given."""

    def __init__(self) -> None:
        self.last_id = ""
        self.steps: list[int] = []
        self.kinds: list[str] = []

    def take(self, text: str) -> None:
        for event in EVENT.finditer(text):
            value: Any = json.loads(event["data"])
            self.kinds.append(event["kind"])
            self.last_id = event["id"] or self.last_id
            if event["kind"] == "curves":
                self.steps = list(value["curves"].get("train/loss", [[]])[0])
            if event["kind"] == "rows":
                self.steps += [row[1]["step"] for row in value["rows"]]


def test_no_point_is_lost_or_doubled_over_restarts(tmp_path: Path) -> None:
    """Every round is another server; half of a row is on the disk when it ends."""
    run, browser = stored_run(tmp_path / "a"), Browser()
    for number in range(6):
        feed = RunsFeed(Site(Places(runs=tmp_path)), ["a"], last_id=browser.last_id)
        browser.take(feed.next()[0])
        with run.metrics_file.open("a") as file:
            file.write(f'{{"stage": "train", "step": {2 * number + 3}, ')
        browser.take(feed.next()[0])
        with run.metrics_file.open("a") as file:
            file.write('"loss": 1}\n')
        if number % 2:
            browser.take(feed.next()[0])
        append_rows(run, range(2 * number + 4, 2 * number + 5))
    browser.take(RunsFeed(Site(Places(runs=tmp_path)), ["a"], last_id=browser.last_id).next()[0])
    assert browser.steps == list(range(15))
    assert browser.kinds.count("curves") == 1, "all else came as rows after the last identity"


def test_a_file_that_was_replaced_is_given_anew(tmp_path: Path) -> None:
    """A run that goes on drops the rows after its checkpoint; those would have been shown twice."""
    run, browser, site = stored_run(tmp_path / "a", num_rows=9), Browser(), Site(Places(runs=tmp_path))
    feed = RunsFeed(site, ["a"])
    browser.take(feed.next()[0])
    run.metrics_file.write_text("")
    append_rows(run, range(4))
    browser.take(feed.next()[0])
    append_rows(run, range(4, 40))
    browser.take(feed.next()[0])
    assert browser.steps == list(range(40))


def test_who_is_far_behind_gets_the_curves_and_not_every_row(tmp_path: Path) -> None:
    run, browser, site = stored_run(tmp_path / "a"), Browser(), Site(Places(runs=tmp_path))
    feed = RunsFeed(site, ["a"])
    browser.take(feed.next()[0])
    append_rows(run, range(3, 6000))
    assert run.metrics_file.stat().st_size > LAG_BYTES
    browser.take(feed.next()[0])
    assert (browser.kinds.count("curves"), browser.kinds.count("rows")) == (2, 0)
    assert browser.steps[-1] == 5999


@pytest.mark.parametrize(
    "last_id", ["x", "5-00000000", "999999999-00000000", "1-2,3-4", "-1-00000000", ",", "9" * 5000]
)
def test_an_identity_that_is_none_of_ours_starts_anew(tmp_path: Path, last_id: str) -> None:
    stored_run(tmp_path / "a")
    browser = Browser()
    browser.take(RunsFeed(Site(Places(runs=tmp_path)), ["a"], last_id=last_id).next()[0])
    assert browser.steps == [0, 1, 2]


def test_what_has_not_changed_is_not_sent_again(tmp_path: Path) -> None:
    stored_run(tmp_path / "a")
    feed = RunsFeed(Site(Places(runs=tmp_path)), ["a", "none", "../a"])
    assert "event: detail" in feed.next()[0]
    assert feed.next() == ("", False)


def test_decisions_come_once_and_a_new_stream_is_told(tmp_path: Path) -> None:
    site, path = Site(Places(watched=tmp_path)), tmp_path / DECISIONS
    taken: list[int] = []

    def take(feed: WatchFeed) -> str:
        last = ""
        for event in EVENT.finditer(feed.next()[0]):
            last = event["id"] or last
            if event["kind"] == "decisions":
                value = json.loads(event["data"])
                taken[:] = [*([] if value["is_new"] else taken), *(row["track_id"] for row in value["rows"])]
        return last

    take(WatchFeed(site, tmp_path))
    path.write_text(decision_line(0) + decision_line(1) + decision_line(2)[:20])
    last_id = take(WatchFeed(site, tmp_path))
    path.write_text(decision_line(0) + decision_line(1) + decision_line(2) + "torn}\n" + decision_line(3))
    take(WatchFeed(site, tmp_path, last_id=last_id))
    assert taken == [0, 1, 2, 3]
    path.write_text(decision_line(9))
    take(WatchFeed(site, tmp_path, last_id=last_id))
    assert taken == [9]


def test_of_many_long_runs_the_first_are_shown_before_the_last_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing was shown of twenty long runs until a part of each had been read."""
    monkeypatch.setattr("perdure.monitor.feeds.READ_S", 0.0)
    for name in ("a", "b", "c"):
        stored_run(tmp_path / name)
    feed = RunsFeed(Site(Places(runs=tmp_path)), ["a", "b", "c"])
    found = [feed.next() for _ in range(4)]
    shown = [re.findall(r'event: curves\ndata: {"run":"(\w)"', text) for text, _ in found]
    assert shown == [["a"], ["b"], ["c"], []]
    assert [is_busy for _, is_busy in found] == [True, True, True, False]
