"""The terminal shows one bar a stage, everything else gets plain lines."""

from __future__ import annotations

import io
import logging

import pytest
from rich.console import Console

import runs.fake_stages as fake
from perdure.recipes.recipes import recipe
from perdure.runs.display import Display, DisplayHandler, PlainDisplay, ProgressState, TerminalDisplay, display_for
from perdure.runs.plan import plan_stages
from perdure.runs.run_folder import RunFolder


def console(is_terminal: bool) -> Console:
    return Console(file=io.StringIO(), force_terminal=is_terminal, width=100, legacy_windows=False)


def shown(target: Console) -> str:
    assert isinstance(target.file, io.StringIO)
    return target.file.getvalue()


def run_half(display: Display, folder: RunFolder) -> None:
    """Shows a run in which the first stage is kept, the second one fails and the third one never starts."""
    planned = plan_stages(fake.STAGES, recipe("tiny"), run=folder, record=None)
    display.begin(planned)
    display.stage_ended(planned[0], "kept", 0.0)
    display.stage_started(planned[1])
    display.milestone("[2/3] train")
    detail = "loss [0.5]"
    display.progress(ProgressState(stage="train", done=2, total=8, detail=detail, run_share=0.2, eta_s=61.0))
    display.note("look [here]")
    display.stage_ended(planned[1], "failed", 3.0)
    display.end()


def test_plain_lines_hold_no_control_codes(folder: RunFolder) -> None:
    target = console(is_terminal=False)
    run_half(display_for(target), folder)
    assert shown(target) == "[2/3] train\nlook [here]\n"


def test_bars_end_as_they_were(folder: RunFolder) -> None:
    target = console(is_terminal=True)
    run_half(display_for(target), folder)
    last = Console(file=io.StringIO(), width=100)
    from rich.text import Text

    text = Text.from_ansi(shown(target)).plain
    last_rows = [line.rstrip() for line in text.splitlines()][-5:]
    assert last is not None
    assert any(row.startswith("\N{CHECK MARK} data") and row.endswith("nothing has changed") for row in last_rows)
    assert any(row.startswith("\N{MULTIPLICATION SIGN} train") and "25 % 0:03 loss [0.5]" in row for row in last_rows)
    assert any(row.startswith("\N{MIDDLE DOT} evaluate") and row.endswith("measures") for row in last_rows)
    assert any(row.startswith("\N{DOUBLE VERTICAL BAR} run") for row in last_rows)
    assert "look [here]" in text


def test_the_kind_of_display_follows_the_console() -> None:
    assert isinstance(display_for(console(is_terminal=True)), TerminalDisplay)
    assert isinstance(display_for(console(is_terminal=False)), PlainDisplay)


def test_warnings_are_shown_as_a_line(folder: RunFolder) -> None:
    target = console(is_terminal=False)
    logger = logging.getLogger("perdure.test_display")
    handler = DisplayHandler(PlainDisplay(target))
    logger.addHandler(handler)
    try:
        logger.info("not shown")
        logger.warning("%d files are missing", 3)
    finally:
        logger.removeHandler(handler)
    assert shown(target) == "warning: 3 files are missing\n"


@pytest.mark.parametrize("word", ["done", "stopped"])
def test_every_end_of_a_stage_has_a_sign(folder: RunFolder, word: str) -> None:
    target = console(is_terminal=True)
    display = TerminalDisplay(target)
    planned = plan_stages(fake.STAGES[:1], recipe("tiny"), run=folder, record=None)
    display.begin(planned)
    display.stage_started(planned[0])
    display.stage_ended(planned[0], word, 1.0)
    display.end()
    assert "data" in shown(target)
