"""The one look of all figures: colours that colour-blind readers can tell apart, quiet axes, exact output.

Knows nothing of what is drawn. No pyplot and no global state: figures can be drawn in any thread.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from perdure.files import atomic_path

INK = "#1f2933"
MUTED = "#66727f"
LINE = "#d5dae0"
PALE = "#e9edf1"
PAPER = "#ffffff"
PERSISTENT = "#0072b2"
TRANSIENT = "#d55e00"
BOTH = "#4a5663"
GATE = "#0b7a6f"
LIFETIME = "#b8860b"
OPTIMUM_SEEING = "#111111"
OPTIMUM_DETECTIONS = "#8b949e"
WRONG = "#7a1230"

CLASS_COLOUR = {"persistent": PERSISTENT, "transient": TRANSIENT, "all": BOTH}

ATTENTION_MAP = LinearSegmentedColormap.from_list("attention", ["#a98a5b", "#f6f4ef", "#63a79f", "#0b4f4a"])

_SETTINGS = mpl.rc_params_from_file(
    Path(__file__).parent / "templates" / "figures.mplstyle", use_default_template=False
)


def house_style() -> Any:
    """Returns a context in which matplotlib draws in the house style; every figure is built inside one."""
    return mpl.rc_context(_SETTINGS)


def new_figure(width_inch: float, height_inch: float) -> Figure:
    """Returns an empty figure with constrained layout."""
    return Figure(figsize=(width_inch, height_inch), layout="constrained")


def quiet(axes: Axes, *, grid: str = "y") -> None:
    """Leaves one set of pale grid lines and the base line."""
    axes.grid(visible=True, axis=grid)  # type: ignore[arg-type]
    hidden = "left" if grid == "y" else "bottom"
    axes.spines[hidden].set_visible(False)


def quiet_rows(axes: Axes) -> None:
    """Leaves vertical grid lines, for figures of one line a row."""
    quiet(axes)
    axes.grid(visible=False, axis="y")
    axes.grid(visible=True, axis="x", color=LINE, lw=0.6)


def name_rows(axes: Axes, names: Sequence[str]) -> None:
    """Writes the names of rows, the first one on top."""
    axes.set_yticks(range(len(names)), names, color=INK)
    axes.set_ylim(max(len(names), 1) - 0.4, -0.6)


def dot_in_interval(
    axes: Axes, row: int, value: float, interval: Sequence[float], colour: str, *, size: float = 6
) -> None:
    """Draws a value and its interval in one row."""
    axes.plot(interval, [row, row], color=colour, lw=2.2, solid_capstyle="round")
    axes.plot([value], [row], "o", ms=size, color=colour)


def write_beside(axes: Axes, text: str, place: tuple[float, float], *, gap: float = 6, **look: Any) -> None:
    """Writes a text to the right of a point, `gap` points away."""
    axes.annotate(text, place, xytext=(gap, 0), textcoords="offset points", va="center", **({"fontsize": 8.5} | look))


def in_percent(axis: Axis) -> None:
    """Writes the shares of an axis in percent."""
    axis.set_major_formatter(lambda value, _: f"{100 * value:g} %")


def save_figure(figure: Figure, path: Path | str) -> None:
    """Writes a figure atomically as PNG (150 dots per inch) or SVG, by the suffix; equal data give equal bytes.

    Raises:
        ValueError: the suffix is neither.
    """
    path = Path(path)
    if path.suffix not in (".png", ".svg"):
        raise ValueError(f"figure {path}: got suffix '{path.suffix}', expected .png or .svg")
    data = png_bytes(figure) if path.suffix == ".png" else svg_bytes(figure)
    with atomic_path(path) as temporary:
        temporary.write_bytes(data)


def png_bytes(figure: Figure) -> bytes:
    """Returns a figure as PNG with 150 dots per inch."""
    buffer = io.BytesIO()
    with house_style():
        FigureCanvasAgg(figure)
        figure.savefig(buffer, format="png", dpi=150, metadata={"Software": None})
    return buffer.getvalue()


def svg_bytes(figure: Figure) -> bytes:
    """Returns a figure as SVG with text as outlines, so that it looks the same everywhere."""
    buffer = io.BytesIO()
    with house_style():
        FigureCanvasSVG(figure)
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    return buffer.getvalue()
