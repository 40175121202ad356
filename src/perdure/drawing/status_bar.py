"""The bar below the picture: what the marks mean, how many there are, and what the gate has saved.

Beside the numbers runs a chart of the last frames: live tracks, and below them those that were still judged. The
area between the two is the compute that was not spent.
"""

from __future__ import annotations

from collections import deque

import numpy as np
from jaxtyping import UInt8

from perdure.drawing.labels import evidence_size
from perdure.drawing.lettering import Colour, draw_text, text_size
from perdure.drawing.marks import (
    DARK,
    MUTED,
    PALE,
    PERSISTENT,
    TENTATIVE,
    TRANSIENT,
    Rectangle,
    counted_box,
    crossed_box,
    dashed_box,
    fill,
    solid_box,
    sparkline,
)  # fmt: skip
from perdure.drawing.totals import StreamTotals

LIVE_AREA: Colour = (58, 70, 88)
"""Tracks that cost nothing any more."""
LABEL_KEYS = (
    "evidence of each frame; label: id, age in frames, probability", "evidence; id, age in frames, probability",
    "evidence of each frame", "evidence",
)  # fmt: skip
"""What a sparkline and a label say: the first of these for which there is room."""
KEY_EVIDENCE = (-1.0, -2.2, 0.8, 2.0, 3.5)
"""The sparkline of the legend: on both sides of zero."""


class StatusBar:
    """Draws the bar; remembers as many frames as its chart is wide.

    Args:
        width: of the picture, in pixels.
        font_px: size of the letters.
    """

    def __init__(self, *, width: int, font_px: int) -> None:
        self.width, self.font_px = width, font_px
        self.height = 2 * (round(font_px * 3.9) // 2)
        self._chart_px = width // 4
        self._history: deque[tuple[int, int]] = deque(maxlen=max(1, self._chart_px - 2))

    def draw(self, image: UInt8[np.ndarray, "h w 3"], totals: StreamTotals) -> None:
        """Fills an image of the bar's size."""
        image[:] = DARK
        image[0] = LIVE_AREA
        self._history.append((totals.num_live, totals.num_encoded))
        margin = self.font_px
        first_row = round(self.font_px * 0.55)
        second_row = round(self.font_px * 2.1)
        self._draw_legend(image, totals, margin, first_row)
        self._draw_text(image, f"frame {totals.frame_index}", (margin, second_row), PALE)
        self._draw_text(image, f"{totals.time_s:.2f} s", (margin + round(6.6 * self.font_px), second_row), MUTED)
        saved = f"track-frames saved {totals.savings:.0%}"
        end = self._draw_text(image, saved, (margin + round(11.6 * self.font_px), second_row), PERSISTENT)
        self._draw_key(image, end + margin, second_row)
        self._draw_chart(image, totals)

    def _draw_key(self, image: np.ndarray, x: int, y: int) -> None:
        """Explains sparkline and label in the room that is left of the chart."""
        height = text_size("", self.font_px)[1]
        icon = Rectangle(x, y, x + evidence_size(len(KEY_EVIDENCE), self.font_px)[0] - 1, y + height)
        start, room_end = icon.x1 + self.font_px // 2, self.width - self._chart_px - 2 * self.font_px
        for text in LABEL_KEYS:
            if start + text_size(text, self.font_px)[0] < room_end:
                sparkline(image, icon, KEY_EVIDENCE, num_slots=len(KEY_EVIDENCE))
                self._draw_text(image, text, (start, y), MUTED)
                return

    def _draw_text(self, image: np.ndarray, text: str, corner: tuple[int, int], colour: Colour) -> int:
        """Writes a text and returns the column where it ends."""
        draw_text(image, text, corner=corner, size_px=self.font_px, colour=colour)
        return corner[0] + text_size(text, self.font_px)[0]

    def _draw_legend(self, image: np.ndarray, totals: StreamTotals, x: int, y: int) -> None:
        icon_px = round(self.font_px * 1.1)
        entries = (
            (TENTATIVE, f"tentative {totals.num_tentative}"),
            (PERSISTENT, f"persistent {totals.num_persistent_now} ({totals.num_persistent} so far)"),
            (TRANSIENT, f"transient {totals.num_transient} so far"),
        )
        for colour, text in entries:
            icon = Rectangle(x, y, x + icon_px, y + icon_px)
            if colour == TENTATIVE:
                dashed_box(image, icon, colour, dash_px=3, is_sparse=False)
            elif colour == PERSISTENT:
                solid_box(image, icon, colour, thickness=2)
            else:
                crossed_box(image, icon, colour, opacity=1.0, thickness=1)
            end = self._draw_text(image, text, (icon.x1 + self.font_px // 2, y), PALE)
            x = end + round(1.3 * self.font_px)
        if totals.compared:
            icon = Rectangle(x, y, x + icon_px, y + icon_px)
            counted_box(image, icon)
            self._draw_text(image, totals.compared, (icon.x1 + self.font_px // 2, y), PALE)

    def _draw_chart(self, image: np.ndarray, totals: StreamTotals) -> None:
        history = np.array(self._history)
        size = max(9, round(self.font_px * 0.85))
        text = f"{totals.num_encoded} of {totals.num_live} tracks judged"
        x0, x1 = self.width - self._chart_px - self.font_px, self.width - self.font_px
        y0, y1 = round(self.font_px * 1.6), self.height - round(self.font_px * 0.5)
        fill(image, Rectangle(x0 - self.font_px, 1, self.width - 1, self.height - 1), DARK)
        draw_text(image, text, corner=(x0, round(self.font_px * 0.5)), size_px=size, colour=MUTED)
        fill(image, Rectangle(x0, y1, x1, y1), LIVE_AREA)
        room = y1 - y0
        heights = np.ceil(history * (room / max(1, history.max()))).astype(int)
        rows = np.arange(room)[::-1, None]
        area = image[y0:y1, x1 - len(history) : x1]
        area[rows < heights[None, :, 0]] = LIVE_AREA
        area[rows < heights[None, :, 1]] = TENTATIVE
