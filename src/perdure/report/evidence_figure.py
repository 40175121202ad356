"""Figure of a sequence of real tracks: how their evidence grows with age, and the bounds it is held against."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from perdure.evaluation.tracks_evidence import SequenceEvidence
from perdure.report.style import CLASS_COLOUR, INK, house_style, new_figure, quiet, save_figure

MAX_TRACKS = 60
"""Lines of each class; those born first are drawn."""


def draw_evidence_figure(found: SequenceEvidence, path: Path) -> None:
    """Writes the figure: a line a track, coloured by its truth, with a dot where it ends."""
    ages = np.arange(1, found.evidence.shape[1] + 1)
    with house_style():
        figure = new_figure(7.2, 3.4)
        axes = figure.subplots()
        for label, of_class in (("transient", ~found.is_persistent), ("persistent", found.is_persistent)):
            tracks = found.evidence[of_class]
            for row in tracks[:MAX_TRACKS]:
                axes.plot(ages, row, color=CLASS_COLOUR[label], lw=0.8, alpha=0.5)
                last = int((~np.isnan(row)).sum())
                axes.plot(ages[last - 1 : last], row[last - 1 : last], "o", ms=2.5, color=CLASS_COLOUR[label])
            axes.plot([], [], color=CLASS_COLOUR[label], label=f"{label} ({len(tracks)})")
        for name in ("upper", "lower"):
            bound = getattr(found.rule, name, np.inf)
            if np.isfinite(bound):
                axes.axhline(bound, color=INK, lw=1.0, ls="--")
        axes.set_title(found.name)
        axes.set_xlabel("age in frames", loc="left")
        axes.set_ylabel("evidence in nats")
        axes.legend(loc="upper left", frameon=False)
        quiet(axes)
        save_figure(figure, path)
