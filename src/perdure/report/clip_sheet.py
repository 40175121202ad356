"""A contact sheet of one clip: its frames with boxes, and a line of hits, misses and cue for each object.

Shows what is in the clip and its ground truth; knows no decisions and computes no rate.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.gridspec import GridSpec
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle

from perdure.files import atomic_path
from perdure.types import Clip, ClipTruth

PERSISTENT_COLOUR = "#56b4e9"
"""Sky blue of the Okabe-Ito palette, which people with any colour vision can tell apart."""
TRANSIENT_COLOUR = "#e69f00"
"""Orange of the same palette."""
UNKNOWN_COLOUR = "#f0f0f0"
"""Boxes of objects without ground truth."""
PAPER, INK, FAINT = "#14171c", "#e8eaed", "#4a515c"
NUM_COLUMNS = 8
INCHES_PER_FRAME = 1.75
INCHES_PER_LINE = 0.42
BOX_MARGIN_PX = 2.0
"""Boxes are drawn this much larger, so that they do not hide the object's edge."""


@dataclass(frozen=True, slots=True)
class _Style:
    colour: str
    line: str
    width: float


def draw_clip_sheet(clip: Clip, path: Path | str, *, max_frames: int = 32) -> Path:
    """Writes a contact sheet as PNG and returns its path.

    Boxes of persistent objects are blue, those of transient ones orange; solid on a hit, dashed where an existing
    object was missed, dotted around a false box that lies on nothing.

    Args:
        clip: a clip, with or without ground truth.
        path: file to write; its folder must exist.
        max_frames: at most this many frames are shown, evenly spread.

    Raises:
        ValueError: the clip has no frames, or `max_frames` is below 1.
        OSError: the folder is missing or cannot be written.
    """
    if clip.num_frames == 0 or max_frames < 1:
        raise ValueError(f"clip sheet: got {clip.num_frames} frames, max_frames {max_frames}, expected at least 1 each")
    path = Path(path)
    shown = np.unique(np.linspace(0, clip.num_frames - 1, min(max_frames, clip.num_frames)).round().astype(int))
    figure = _draw_sheet(clip, shown)
    with atomic_path(path) as temporary:
        figure.savefig(temporary, format="png", facecolor=PAPER)
    return path


def _draw_sheet(clip: Clip, shown: np.ndarray) -> Figure:
    num_columns = min(NUM_COLUMNS, len(shown))
    num_rows = -(-len(shown) // num_columns)
    num_lines = clip.truth.num_objects if clip.truth is not None else 0
    height, width = clip.frames.shape[1:3]
    pictures_in = num_rows * INCHES_PER_FRAME * height / width
    lines_in = num_lines * INCHES_PER_LINE + (0.45 if num_lines else 0.0)
    head_in, edge_in = 0.5, 0.12
    total_in = (num_columns * INCHES_PER_FRAME + 2 * edge_in, head_in + pictures_in + lines_in + 2 * edge_in)
    figure = Figure(figsize=total_in, dpi=160, facecolor=PAPER)
    FigureCanvasAgg(figure)
    sides = {"left": edge_in / total_in[0], "right": 1 - edge_in / total_in[0]}
    grid = GridSpec(
        num_rows, num_columns, figure=figure, wspace=0.03, hspace=0.03, **sides,
        top=1 - (head_in + edge_in) / total_in[1], bottom=(lines_in + edge_in) / total_in[1],
    )  # fmt: skip
    for place, index in enumerate(shown.tolist()):
        _draw_frame(figure.add_subplot(grid[place // num_columns, place % num_columns]), clip, index)
    _draw_heading(figure, clip, edge_in)
    if clip.truth is not None:
        left = 1.05 / total_in[0]
        area = (left, 0.42 / total_in[1], sides["right"] - left, (num_lines * INCHES_PER_LINE) / total_in[1])
        _draw_lines(figure.add_axes(area), clip, clip.truth)
    return figure


def _draw_heading(figure: Figure, clip: Clip, edge_in: float) -> None:
    width_in, height_in = figure.get_size_inches()
    title = f"{clip.clip_id}   {clip.num_frames} frames at {clip.frame_rate_hz:g} Hz"
    middle = 1 - (edge_in + 0.22) / height_in
    figure.text(edge_in / width_in, middle, title, color=INK, fontsize=11, va="center", weight="bold")
    entries = [
        Line2D([], [], color=PERSISTENT_COLOUR, linewidth=2, label="persistent"),
        Line2D([], [], color=TRANSIENT_COLOUR, linewidth=2, label="transient"),
        Line2D([], [], color=INK, linewidth=1.6, label="hit"),
        Line2D([], [], color=INK, linewidth=1.2, linestyle=(0, (3, 2)), label="miss"),
        Line2D([], [], color=INK, linewidth=1.2, linestyle=(0, (1, 1.4)), label="false box"),
    ]
    figure.legend(
        handles=entries, loc="center right", bbox_to_anchor=(1 - edge_in / width_in, middle), ncols=len(entries),
        frameon=False, labelcolor=INK, fontsize=9, handlelength=1.8, columnspacing=1.4,
    )  # fmt: skip


def _draw_frame(axes: Axes, clip: Clip, index: int) -> None:
    axes.imshow(np.asarray(clip.frames[index]), interpolation="nearest")
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_visible(False)
    axes.text(
        0.02, 0.98, f"{index}", transform=axes.transAxes, color="white", fontsize=7.5, va="top",
        bbox={"facecolor": "black", "alpha": 0.55, "edgecolor": "none", "pad": 1.2},
    )  # fmt: skip
    found = clip.detections[index]
    truth = clip.truth
    owners = truth.detection_owner[index] if truth is not None else np.full(len(found), -1)
    for box, owner in zip(found.xyxy_px, owners.tolist(), strict=True):
        _draw_box(axes, box, _hit_style(truth, owner, index))
    if truth is None:
        return
    for k in range(truth.num_objects):
        if truth.is_alive[k, index] and k not in owners:
            _draw_box(axes, truth.xyxy_px[k, index], _Style(_colour(truth, k), "dashed", 1.1))


def _hit_style(truth: ClipTruth | None, owner: int, index: int) -> _Style:
    if truth is None:
        return _Style(UNKNOWN_COLOUR, "solid", 1.3)
    if owner < 0:
        return _Style(UNKNOWN_COLOUR, "dotted", 1.2)
    if not truth.is_alive[owner, index]:
        return _Style(_colour(truth, owner), "dotted", 1.2)
    return _Style(_colour(truth, owner), "solid", 1.5)


def _colour(truth: ClipTruth, k: int) -> str:
    return PERSISTENT_COLOUR if truth.is_persistent[k] else TRANSIENT_COLOUR


def _draw_box(axes: Axes, xyxy_px: np.ndarray, style: _Style) -> None:
    # Pixel i is drawn from i - 0.5 to i + 0.5, but covers [i, i + 1) in our coordinates.
    x_min, y_min, x_max, y_max = (
        xyxy_px - 0.5 + np.array([-BOX_MARGIN_PX, -BOX_MARGIN_PX, BOX_MARGIN_PX, BOX_MARGIN_PX])
    ).tolist()
    dashes = {"dashed": (0, (3, 2)), "dotted": (0, (1, 1.4)), "solid": "solid"}
    # A dark seam sets solid boxes off from bright pictures; around dashes it would swallow their colour.
    seam = [("black", 1.1)] if style.line == "solid" else []
    for colour, extra in (*seam, (style.colour, 0.0)):
        axes.add_patch(
            Rectangle(
                (x_min, y_min), x_max - x_min, y_max - y_min, fill=False, edgecolor=colour,
                linewidth=style.width + extra, linestyle=dashes[style.line], alpha=0.5 if extra else 1.0,
            )
        )  # fmt: skip


def _draw_lines(axes: Axes, clip: Clip, truth: ClipTruth) -> None:
    """Draws a line an object: its life, hits, misses and false boxes; the height of a bar is the cue of that frame."""
    scale = max(float(np.abs(truth.cue).max()), 1e-9)
    has_cue = bool(np.any(truth.cue != 0))
    axes.set_facecolor(PAPER)
    for k in range(truth.num_objects):
        colour, y = _colour(truth, k), -float(k)
        life = (truth.birth_frame[k] - 0.45, truth.last_frame[k] + 0.45)
        axes.plot([truth.birth_frame[k] - 0.45, clip.num_frames - 0.55], [y, y], color=FAINT, linewidth=0.8)
        axes.plot(life, [y, y], color=colour, linewidth=2.4, solid_capstyle="butt")
        for t in range(int(truth.birth_frame[k]), clip.num_frames):
            is_hit = k in truth.detection_owner[t]
            is_alive = bool(truth.is_alive[k, t])
            if has_cue and (is_hit or is_alive):
                bar = 0.42 * truth.cue[k, t] / scale
                axes.add_patch(
                    Rectangle((t - 0.3, y), 0.6, bar, facecolor=colour, alpha=0.45 if is_hit else 0.2, linewidth=0)
                )
            if is_hit:
                face = colour if is_alive else PAPER
                axes.plot(t, y, marker="o", markersize=4.6, color=colour, markerfacecolor=face, markeredgewidth=1.0)
            elif is_alive:
                axes.plot(t, y, marker="x", markersize=4.6, color=INK, markeredgewidth=1.2)
        label = "persistent" if truth.is_persistent[k] else "transient"
        axes.text(-0.9, y, f"{k} {label}", color=colour, fontsize=8.5, ha="right", va="center")
    axes.set_xlim(-0.6, clip.num_frames - 0.4)
    axes.set_ylim(-truth.num_objects + 0.5, 0.5)
    axes.set_yticks([])
    axes.set_xticks(range(0, clip.num_frames, 4))
    axes.tick_params(colors=INK, labelsize=8, length=2)
    axes.set_xlabel(
        "frame      dot: hit    cross: miss    ring: false box    bar: cue (log-likelihood ratio)",
        color=INK,
        fontsize=8,
    )
    for spine in axes.spines.values():
        spine.set_visible(False)
