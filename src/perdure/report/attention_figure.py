"""The attention figure: frames with boxes and verdicts above the model's own attention, track by track.

Draws what an `AttentionSample` holds and chooses only which frames are shown.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.colors import TwoSlopeNorm
from matplotlib.figure import Figure
from matplotlib.patches import ConnectionPatch, Rectangle

from perdure.evaluation.attention_sample import AttentionSample
from perdure.report.style import (
    ATTENTION_MAP,
    CLASS_COLOUR,
    INK,
    LINE,
    MUTED,
    TRANSIENT,
    WRONG,
    house_style,
    new_figure,
)

MAX_PICTURES = 8
TENTATIVE = "#ffffff"


def chosen_columns(sample: AttentionSample, *, limit: int = MAX_PICTURES) -> list[int]:
    """Returns which of the sample's frames to show: decisions, then births, then whatever fills the widest gap.

    Wrong decisions come first, so that they are always seen.
    """
    column_of = {int(frame): column for column, frame in enumerate(sample.frame_index)}
    decided = sample.first_frame + sample.decision_frame - 1
    is_right = [truth == label for truth, label in zip(sample.true_label, sample.label, strict=True)]
    order = sorted(range(len(is_right)), key=lambda track: (is_right[track], int(decided[track])))
    wanted = [int(decided[track]) for track in order] + sorted(int(frame) for frame in sample.first_frame)
    columns: list[int] = []
    for frame in wanted:
        column = column_of.get(frame)
        if column is not None and column not in columns and len(columns) < limit:
            columns.append(column)
    while len(columns) < min(limit, len(sample.frame_index)):
        columns.append(_farthest(columns, len(sample.frame_index)))
    return sorted(columns)


def _farthest(columns: list[int], num_columns: int) -> int:
    """Returns the column farthest from all chosen ones; of equals the first."""
    free = [column for column in range(num_columns) if column not in columns]
    return max(free, key=lambda column: min([abs(column - other) for other in columns] + [num_columns]))


def track_order(sample: AttentionSample) -> list[int]:
    """Returns rows of the heat map: truly persistent tracks first, each class by birth."""
    return sorted(
        range(len(sample.track_id)),
        key=lambda track: (sample.true_label[track] != "persistent", int(sample.first_frame[track]), track),
    )


VERDICT_COLUMNS = 9
"""Columns that a verdict needs."""


def attention_figure(sample: AttentionSample) -> Figure:
    """Returns the figure of one sample."""
    columns, tracks = chosen_columns(sample), track_order(sample)
    with house_style():
        picture_inch = 12.4 / MAX_PICTURES
        map_inch = 0.34 * max(len(tracks), 1)
        figure = new_figure(12.4, picture_inch + map_inch + 1.2)
        grid = figure.add_gridspec(2, len(columns), height_ratios=[picture_inch, map_inch], hspace=0.08)
        pictures = [figure.add_subplot(grid[0, place]) for place in range(len(columns))]
        for axes, column in zip(pictures, columns, strict=True):
            _draw_picture(axes, sample, column)
        axes = figure.add_subplot(grid[1, :])
        _draw_map(figure, axes, sample, tracks)
        for picture, column in zip(pictures, columns, strict=True):
            _connect(figure, picture, axes, column)
        figure.suptitle(
            _title(sample),
            x=0.01,
            ha="left",
            fontsize=10.5,
            fontweight="bold",
        )
    return figure


def _title(sample: AttentionSample) -> str:
    """Returns the title; the ratio only where both classes are there."""
    title = f"{sample.clip_id}: attention received by each token, 1 = uniform"
    if len(set(sample.true_label)) < 2 or not np.isfinite(sample.ratio):
        return title
    return f"{title}; persistent / transient = {sample.ratio:.2f}"


def _draw_picture(axes: Axes, sample: AttentionSample, column: int) -> None:
    frame = int(sample.frame_index[column])
    axes.imshow(sample.frames[column], interpolation="nearest")
    for track in range(len(sample.track_id)):
        box = sample.xyxy_px[track, column]
        if np.isfinite(box).all():
            age = frame - int(sample.first_frame[track]) + 1
            _draw_box(axes, sample, track, box=box, age=age)
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[:].set_visible(False)
    axes.set_title(f"frame {frame}", fontsize=8.5, fontweight="normal", color=MUTED, pad=3)


def _draw_box(axes: Axes, sample: AttentionSample, track: int, *, box: Float[np.ndarray, " 4"], age: int) -> None:
    """Draws a box: white and dashed while undecided, then in the colour of the verdict; thick as it is decided."""
    decided_age = int(sample.decision_frame[track])
    is_decided = age >= decided_age
    is_wrong = sample.label[track] != sample.true_label[track]
    colour = CLASS_COLOUR[sample.label[track]] if is_decided else TENTATIVE
    x_min, y_min, x_max, y_max = (float(value) for value in box)
    axes.add_patch(
        Rectangle(
            (x_min, y_min),
            x_max - x_min,
            y_max - y_min,
            fill=False,
            edgecolor=colour,
            linewidth=2.6 if age == decided_age else 1.3,
            linestyle="-" if is_decided else (0, (3, 2)),
        )
    )
    has_room = y_min > 0.09 * sample.frames.shape[1]
    text = f"{int(sample.track_id[track])}" + (" wrong" if is_decided and is_wrong else "")
    is_at_edge = x_max > 0.75 * sample.frames.shape[2]
    axes.text(
        x_max if is_at_edge else x_min,
        y_min - 1 if has_room else y_max + 1,
        text,
        fontsize=7,
        color="white" if is_decided else INK,
        va="bottom" if has_room else "top",
        ha="right" if is_at_edge else "left",
        bbox={"facecolor": WRONG if is_decided and is_wrong else colour, "edgecolor": "none", "pad": 1.0},
        clip_on=True,
    )


def _draw_map(figure: Figure, axes: Axes, sample: AttentionSample, tracks: list[int]) -> None:
    attention = sample.attention[tracks]
    top = max(float(np.nanmax(attention)) if np.isfinite(attention).any() else 1.0, 1.25)
    norm = TwoSlopeNorm(vmin=0.0, vcenter=1.0, vmax=top)
    image = axes.imshow(
        np.ma.masked_invalid(attention), cmap=ATTENTION_MAP, norm=norm, aspect="auto", interpolation="nearest"
    )
    for row, track in enumerate(tracks):
        _mark_row(axes, sample, row, track, dark=0.6 * top)
    axes.set_yticks(range(len(tracks)), [_row_name(sample, track) for track in tracks])
    for label, track in zip(axes.get_yticklabels(), tracks, strict=True):
        label.set_color(CLASS_COLOUR[sample.true_label[track]])
        if "WRONG" in label.get_text():
            label.set(color=WRONG, fontweight="bold")
    step = max(1, len(sample.frame_index) // 16)
    shown = range(0, len(sample.frame_index), step)
    axes.set_xticks(list(shown), [str(int(sample.frame_index[column])) for column in shown])
    axes.set_xlabel(
        "frame      dot = associated, ring = missed, bar = decision, outlined: transient track", fontsize=8.5
    )
    axes.spines[:].set_visible(False)
    bar = figure.colorbar(image, ax=axes, pad=0.01, fraction=0.02, aspect=12)
    bar.set_ticks([0.0, 1.0, top], labels=["0", "1", f"{top:.1f}"])
    bar.outline.set_visible(False)
    _write_verdicts(axes, sample, tracks)


def _row_name(sample: AttentionSample, track: int) -> str:
    """Returns what stands beside a row; its verdict too, if the row is too full to hold it."""
    name = f"{int(sample.track_id[track])} truly {sample.true_label[track]}"
    return name if max(_room(sample, track)) >= VERDICT_COLUMNS else f"{name}\n{_verdict(sample, track)}"


def _verdict(sample: AttentionSample, track: int) -> str:
    is_right = sample.label[track] == sample.true_label[track]
    return f"{sample.label[track]} at age {int(sample.decision_frame[track])}: {'right' if is_right else 'WRONG'}"


def _room(sample: AttentionSample, track: int) -> tuple[int, int]:
    """Returns the empty columns before a track's birth and behind its last frame."""
    filled = np.flatnonzero(np.isfinite(sample.attention[track]) | np.isfinite(sample.xyxy_px[track]).all(axis=-1))
    num_columns = len(sample.frame_index)
    return (int(filled[0]), num_columns - 1 - int(filled[-1])) if len(filled) else (num_columns, num_columns)


def _mark_row(axes: Axes, sample: AttentionSample, row: int, track: int, *, dark: float) -> None:
    """Marks hits, misses and the decision; outlines tokens of transient tracks. Above `dark`, marks are white."""
    decided = int(sample.first_frame[track] + sample.decision_frame[track]) - 1
    for column, frame in enumerate(sample.frame_index):
        is_token = bool(np.isfinite(sample.attention[track, column]))
        is_live = bool(np.isfinite(sample.xyxy_px[track, column]).all())
        if is_token and sample.true_label[track] == "transient":
            axes.add_patch(
                Rectangle((column - 0.46, row - 0.42), 0.92, 0.84, fill=False, edgecolor=TRANSIENT, linewidth=1.1)
            )
        if is_live:
            is_hit = bool(sample.is_hit[track, column])
            ink = "white" if is_token and sample.attention[track, column] > dark else INK
            axes.plot([column], [row], "o", ms=3, mfc=ink if is_hit else "none", mec=ink, mew=0.8)
        if int(frame) == decided:
            axes.plot([column + 0.5] * 2, [row - 0.5, row + 0.5], color=INK, lw=2.6, solid_capstyle="butt")


def _write_verdicts(axes: Axes, sample: AttentionSample, tracks: list[int]) -> None:
    """Writes the verdict of each track where its row is empty: before its birth or behind its last frame."""
    for row, track in enumerate(tracks):
        before, behind = _room(sample, track)
        if max(before, behind) < VERDICT_COLUMNS:
            continue
        is_right = sample.label[track] == sample.true_label[track]
        column = len(sample.frame_index) - 1 - behind + 0.8 if behind >= before else before - 0.8
        axes.text(
            column,
            row,
            _verdict(sample, track),
            va="center",
            ha="left" if behind >= before else "right",
            fontsize=8.5,
            color=MUTED if is_right else WRONG,
            fontweight="normal" if is_right else "bold",
        )


def _connect(figure: Figure, picture: Axes, axes: Axes, column: int) -> None:
    figure.add_artist(
        ConnectionPatch(
            xyA=(0.5, 0.0),
            coordsA=picture.transAxes,
            xyB=(column, -0.5),
            coordsB=axes.transData,
            color=LINE,
            linewidth=1.0,
        )
    )
