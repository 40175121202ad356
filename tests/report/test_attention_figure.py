"""The attention figure shows the frames that matter and marks what is wrong."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from matplotlib.text import Text
from PIL import Image

from perdure.evaluation.attention_sample import AttentionSample
from perdure.report.attention_figure import attention_figure, chosen_columns, track_order
from perdure.report.style import WRONG, save_figure


def small_sample(num_frames: int = 20) -> AttentionSample:
    """Two tracks: a persistent one born on frame 2, decided on 4; a transient one born on frame 9, decided on 11."""
    rng = np.random.default_rng(3)
    shape = (2, num_frames)
    xyxy_px, attention = np.full((*shape, 4), np.nan), np.full(shape, np.nan)
    for row, (first, last) in enumerate(((2, num_frames - 1), (9, 15))):
        xyxy_px[row, first : last + 1] = np.array([10, 10, 20, 20]) + 5 * row
        attention[row, first : last + 1] = 1.5 - row
    return AttentionSample(
        clip_id="clip_a",
        frames=rng.integers(0, 255, (num_frames, 32, 32, 3), dtype=np.uint8),
        frame_index=np.arange(num_frames),
        track_id=np.array([7, 8]),
        true_label=("persistent", "transient"),
        label=("persistent", "transient"),
        first_frame=np.array([2, 9]),
        decision_frame=np.array([3, 3]),
        xyxy_px=xyxy_px,
        is_hit=np.isfinite(attention),
        attention=attention,
        evidence=np.full(shape, np.nan),
        ratio=3.0,
    )


def texts_of(sample: AttentionSample) -> list[str]:
    return [item.get_text() for item in attention_figure(sample).findobj(Text)]  # type: ignore[attr-defined]


def test_births_and_decisions_are_among_the_frames_shown() -> None:
    columns = chosen_columns(small_sample())
    assert {2, 4, 9, 11} <= set(columns)
    assert columns == sorted(set(columns))
    assert len(columns) == 8


def test_wrong_decisions_are_shown_before_right_ones() -> None:
    sample = replace(small_sample(), label=("persistent", "persistent"))
    assert chosen_columns(sample, limit=1) == [11]
    assert chosen_columns(small_sample(), limit=1) == [4]


def test_no_more_frames_are_shown_than_there_are() -> None:
    assert chosen_columns(replace(small_sample(16), frame_index=np.arange(16))) == chosen_columns(small_sample(16))
    short = small_sample()
    few = replace(
        short,
        frames=short.frames[:3],
        frame_index=short.frame_index[:3],
        xyxy_px=short.xyxy_px[:, :3],
        is_hit=short.is_hit[:, :3],
        attention=short.attention[:, :3],
        evidence=short.evidence[:, :3],
    )
    assert chosen_columns(few) == [0, 1, 2]


def test_persistent_tracks_stand_on_top() -> None:
    sample = replace(small_sample(), true_label=("transient", "persistent"))
    assert track_order(sample) == [1, 0]


def test_verdicts_are_written_and_wrong_ones_stand_out() -> None:
    """Beside the row's name or within the row, wherever there is room."""
    right, wrong = small_sample(), replace(small_sample(), label=("transient", "transient"))
    for sample, is_right in ((right, True), (wrong, False)):
        word = "persistent at age 3: right" if is_right else "transient at age 3: WRONG"
        shown = [text for text in attention_figure(sample).findobj(Text) if text.get_visible()]
        verdicts = [text for text in shown if word in text.get_text()]
        assert verdicts
        assert all((text.get_color() == WRONG) == (not is_right) for text in verdicts)
    assert not any("WRONG" in text for text in texts_of(right))
    assert "7 wrong" in texts_of(wrong)


def test_the_ratio_stands_in_the_title_only_with_both_classes() -> None:
    assert any("persistent / transient = 3.00" in text for text in texts_of(small_sample()))
    one_class = replace(small_sample(), true_label=("transient", "transient"))
    assert not any("persistent / transient =" in text for text in texts_of(one_class))


def test_the_figure_is_a_png_that_follows_attention(tmp_path: Path) -> None:
    sample = small_sample()
    more = sample.attention.copy()
    more[0, 5] = 4.0
    save_figure(attention_figure(sample), tmp_path / "first.png")
    save_figure(attention_figure(replace(sample, attention=more)), tmp_path / "more.png")
    with Image.open(tmp_path / "first.png") as image:
        image.load()
        assert image.size[0] > 1000
    assert (tmp_path / "first.png").read_bytes() != (tmp_path / "more.png").read_bytes()


def test_a_sample_without_tracks_or_attention_is_drawn(tmp_path: Path) -> None:
    sample = small_sample()
    nothing = replace(sample, attention=np.full((2, 20), np.nan))
    save_figure(attention_figure(nothing), tmp_path / "nothing.png")
    assert (tmp_path / "nothing.png").stat().st_size > 1000


def test_shapes_that_disagree_are_an_error() -> None:
    with pytest.raises(ValueError, match=r"AttentionSample.label: got shape \(1,\), expected \(2,\)"):
        replace(small_sample(), label=("persistent",))
