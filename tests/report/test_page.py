"""A real browser clicks through the report, with the network blocked: bounds, filter, clip, keyboard, widths, dark."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from perdure.evaluation.stored_scores import StoredScores, cost_of_bounds


@pytest.fixture
def page(open_page: Callable[..., Any], reported_run: Path) -> Any:
    return opened(open_page, reported_run)


def opened(open_page: Callable[..., Any], run: Path, **look: Any) -> Any:
    """Returns the report in a window, its scripts started."""
    page = open_page((run / "FINAL_REPORT.html").as_uri(), **look)
    page.wait_for_selector("html.is-live")
    return page


def test_bounds_cost_in_the_browser_what_they_cost_in_python(page: Any, reported_run: Path) -> None:
    scores = StoredScores.load(reported_run / "evaluation" / "scores.json")
    rng = random.Random(0)
    pairs = [(rng.uniform(-1, 6), rng.uniform(-8, -1)) for _ in range(60)]
    pairs += [(float(value), -9.0) for value in scores.evidence[:20, 0]]  # exactly at a bound
    for upper, lower in pairs:
        found = page.evaluate("([upper, lower]) => costOfBounds(dataOf('scores'), upper, lower)", [upper, lower])
        assert found == cost_of_bounds(scores, upper=upper, lower=lower).to_dict()


def test_the_slider_changes_table_and_chart(page: Any, reported_run: Path) -> None:
    scores = StoredScores.load(reported_run / "evaluation" / "scores.json")
    assert page.text_content("output[data-of=upper]") == "+3.20 nats"
    page.fill("#upper-bound", "1")
    found = cost_of_bounds(scores, upper=float(page.input_value("#upper-bound")), lower=-3.2).to_dict()
    shown = {
        cell.get_attribute("data-cost"): cell.get_attribute("data-value")
        for cell in page.query_selector_all("[data-cost]")
    }
    assert {name: float(value) for name, value in shown.items()} == {name: found[name] for name in shown}
    assert page.locator("[data-chart=frontier] circle.mark").count() == 2
    page.click("button[data-rate='0.05']")
    assert float(page.get_attribute("[data-cost=false_confirm_rate]", "data-value")) <= 0.05
    page.click("button[data-start]")
    assert page.text_content("output[data-of=upper]") == "+3.20 nats"


def test_cards_are_filtered_and_a_clip_plays(page: Any) -> None:
    items = page.evaluate("dataOf('gallery').items")
    wrong = [item for item in items if not item["is_right"]]
    assert wrong and page.locator(".card").count() == len(items)
    page.select_option("#gallery-form [name=verdict]", "wrong")
    assert page.locator(".card").count() == page.locator(".card.is-wrong").count() == len(wrong)
    page.select_option("#gallery-form [name=verdict]", "any")
    page.select_option("#gallery-form [name=order]", "latest")
    latest = max(item["decision_frame"] for item in items)
    assert f"at age {latest}" in page.locator(".card").first.inner_text()
    page.locator(".card").first.click()
    before, picture = (
        page.input_value("#player input"),
        page.evaluate("document.querySelector('#player canvas').toDataURL()"),
    )
    page.wait_for_function("before => document.querySelector('#player input').value !== before", arg=before)
    page.wait_for_function("picture => document.querySelector('#player canvas').toDataURL() !== picture", arg=picture)
    assert page.locator("#player [data-trace] svg polyline").count() >= 1
    assert page.locator("#player svg.attention rect.heat").count() > 10
    assert "evaluation/decisions.jsonl: line" in page.text_content("#player [data-facts]")


def test_the_keyboard_is_enough(page: Any) -> None:
    page.locator(".card").first.focus()
    page.keyboard.press("Enter")
    assert page.locator("#player[open]").count() == 1
    page.locator("#player [data-play]").focus()
    page.keyboard.press("Space")  # stops
    page.locator("#player input").focus()
    before = int(page.input_value("#player input"))
    page.keyboard.press("ArrowRight")
    assert int(page.input_value("#player input")) == before + 1
    page.keyboard.press("Escape")
    assert page.locator("#player[open]").count() == 0
    page.locator("[data-chart=frontier] svg").focus()
    page.keyboard.press("ArrowRight")
    assert "evaluation/frontier.json" in page.text_content("[data-chart=frontier] .said")
    page.click("#sources-toggle")
    page.locator("h1 data").first.focus()
    assert "evaluation/evaluation_metrics.json: confirm_rate" in page.text_content("#source-bar")
    page.click("#sources-toggle")


@pytest.mark.parametrize("width_px", [390, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_is_cut_at_any_width(
    open_page: Callable[..., Any], reported_run: Path, width_px: int, scheme: str
) -> None:
    """Figures were cut at 390 px, the column of sources at 1,280, and there was no dark page."""
    page = opened(open_page, reported_run, width_px=width_px, scheme=scheme)
    assert page.evaluate("document.documentElement.scrollWidth") == width_px
    outside = page.evaluate(
        """() => [...document.querySelectorAll('.targets td, .plot svg text, figure, .tile, .panel')].filter((one) => {
            const box = one.getBoundingClientRect();
            return box.width && (box.left < -1 || box.right > innerWidth + 1);
        }).map((one) => one.outerHTML.slice(0, 200))"""
    )
    assert outside == []
    shade = page.evaluate("getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number)[0]")
    assert (shade < 60) == (scheme == "dark")
