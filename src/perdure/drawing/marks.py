"""The marks that are put on tracks: boxes of three kinds that differ in colour and in line.

Colours are told apart by people who see no red or no green, too (Okabe and Ito, "Color Universal Design", 2008):
blue, amber and vermillion. All drawing changes the image in place; what lies outside it is cut off.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np
from jaxtyping import UInt8

from perdure.drawing.lettering import Colour

Image = UInt8[np.ndarray, "h w 3"]

PERSISTENT: Colour = (64, 170, 255)
"""Blue: a track that stays."""
TENTATIVE: Colour = (255, 190, 40)
"""Amber: not decided yet."""
TRANSIENT: Colour = (240, 105, 30)
"""Vermillion: rejected."""
DARK: Colour = (12, 18, 28)
"""Behind lines and letters."""
PALE: Colour = (226, 232, 240)
"""Letters on dark ground."""
MUTED: Colour = (140, 152, 168)
"""Letters that matter less."""
LINE_PX = 2
"""Width of thin lines: video stores colour at half resolution, so a line of one pixel would lose it."""
FULL_NATS = 3.5
"""Evidence at which a bar of a sparkline is full: a little more than rules that err in a few percent ask for."""


class Rectangle(NamedTuple):
    """Whole pixels of an image: corners, the second one included.

    Args:
        x0: left column.
        y0: top row.
        x1: right column.
        y1: bottom row.
    """

    x0: int
    y0: int
    x1: int
    y1: int

    def overlaps(self, other: Rectangle) -> bool:
        """Returns whether two rectangles share a pixel."""
        return self.x0 <= other.x1 and other.x0 <= self.x1 and self.y0 <= other.y1 and other.y0 <= self.y1

    def inside(self, width: int, height: int) -> bool:
        """Returns whether the rectangle lies in an image of this size entirely."""
        return self.x0 >= 0 and self.y0 >= 0 and self.x1 < width and self.y1 < height


def fill(image: Image, place: Rectangle, colour: Colour, *, opacity: float = 1.0) -> None:
    """Fills a rectangle, letting the picture shine through below an opacity of 1."""
    target = image[max(0, place.y0) : max(0, place.y1 + 1), max(0, place.x0) : max(0, place.x1 + 1)]
    if opacity >= 1.0:
        target[:] = colour
    elif target.size:
        target[:] = cv2.addWeighted(target, 1.0 - opacity, np.full_like(target, colour), opacity, 0.0)


def solid_box(image: Image, place: Rectangle, colour: Colour, *, thickness: int, rim: Colour = DARK) -> None:
    """Draws a thick unbroken box with a rim, so that it stands out from any ground."""
    for line, width in ((rim, thickness + 2), (colour, thickness)):
        cv2.rectangle(image, place[:2], place[2:], line, width, cv2.LINE_8)


def corner_box(image: Image, place: Rectangle, colour: Colour, *, thickness: int) -> None:
    """Draws the corners of a box only: where a confirmed object should be, though nothing was detected."""
    length = max(3, min(place.x1 - place.x0, place.y1 - place.y0) // 4)
    for line, width in ((DARK, thickness + 2), (colour, thickness)):
        for x, inward_x in ((place.x0, length), (place.x1, -length)):
            for y, inward_y in ((place.y0, length), (place.y1, -length)):
                corner = np.array([[x + inward_x, y], [x, y], [x, y + inward_y]], dtype=np.int32)
                cv2.polylines(image, [corner], isClosed=False, color=line, thickness=width)


def dashed_box(image: Image, place: Rectangle, colour: Colour, *, dash_px: int, is_sparse: bool) -> None:
    """Draws a thin dashed box on a dark one; sparse dashes mean that nothing was detected on this frame."""
    gap_px = dash_px * (3 if is_sparse else 1)
    cv2.rectangle(image, place[:2], place[2:], DARK, LINE_PX, cv2.LINE_8)
    for first, last, fixed, is_row in (
        (place.x0, place.x1, place.y0, True), (place.x0, place.x1, place.y1, True),
        (place.y0, place.y1, place.x0, False), (place.y0, place.y1, place.x1, False),
    ):  # fmt: skip
        limit, limit_across = (image.shape[1], image.shape[0]) if is_row else (image.shape[0], image.shape[1])
        along = np.arange(max(first, 0), min(last, limit - 1) + 1)
        along = along[(along - first) % (dash_px + gap_px) < dash_px]
        for across in range(max(0, fixed), min(fixed + LINE_PX, limit_across)):
            if is_row:
                image[across, along] = colour
            else:
                image[along, across] = colour


def crossed_box(image: Image, place: Rectangle, colour: Colour, *, opacity: float, thickness: int = LINE_PX) -> None:
    """Draws a thin crossed-out box that lets the picture shine through: 1 is opaque, 0 invisible."""
    x0, y0 = max(0, place.x0 - 2), max(0, place.y0 - 2)
    patch = image[y0 : max(0, place.y1 + 3), x0 : max(0, place.x1 + 3)]
    if patch.size == 0 or opacity <= 0:
        return
    drawn = patch.copy()
    corners = (place.x0 - x0, place.y0 - y0), (place.x1 - x0, place.y1 - y0)
    for line, width in ((DARK, thickness + 2), (colour, thickness)):
        if line != DARK:
            cv2.rectangle(drawn, *corners, line, width, cv2.LINE_8)
        cv2.line(drawn, *corners, line, width, cv2.LINE_AA)
        cv2.line(drawn, (corners[0][0], corners[1][1]), (corners[1][0], corners[0][1]), line, width, cv2.LINE_AA)
    patch[:] = cv2.addWeighted(drawn, opacity, patch.copy(), 1.0 - opacity, 0.0)


def counted_box(image: Image, place: Rectangle) -> None:
    """Puts a pale notch into the lower right corner of a box: a rule that counts has confirmed this track."""
    side = max(4, min(place.x1 - place.x0, place.y1 - place.y0) // 3)
    corner = np.array([[place.x1, place.y1], [place.x1 - side, place.y1], [place.x1, place.y1 - side]], dtype=np.int32)
    cv2.fillPoly(image, [corner], PALE)
    cv2.polylines(image, [corner], isClosed=True, color=DARK, thickness=1)


def trail(image: Image, points: list[tuple[float, float]], colour: Colour) -> None:
    """Draws the way that a track has come, fading towards its past."""
    if len(points) < 2:
        return
    line = np.rint(np.array(points)).astype(np.int32)
    low = np.maximum(line.min(axis=0) - 2, 0)
    patch = image[low[1] : max(0, line[:, 1].max() + 3), low[0] : max(0, line[:, 0].max() + 3)]
    if patch.size == 0:
        return
    num = len(line)
    for share in (0.25, 0.5, 0.75, 1.0):  # four steps of opacity look smooth at this size
        part = line[int(num * (share - 0.25)) : int(num * share) + 1] - low
        drawn = patch.copy()
        cv2.polylines(drawn, [part], isClosed=False, color=colour, thickness=LINE_PX, lineType=cv2.LINE_AA)
        patch[:] = cv2.addWeighted(drawn, share, patch.copy(), 1.0 - share, 0.0)


def sparkline(image: Image, place: Rectangle, values: Sequence[float], *, num_slots: int) -> None:
    """Draws evidence as one bar a frame on both sides of a zero line, the oldest at the left.

    Bars above the line speak for persistent, those below it for transient: the side tells them apart without colour.

    Args:
        image: changed in place.
        place: what the bars fill from side to side.
        values: evidence in nats; beyond `FULL_NATS` bars grow no more.
        num_slots: bars that there is room for.
    """
    middle, reach_px = (place.y0 + place.y1) // 2, (place.y1 - place.y0) // 2
    fill(image, Rectangle(place.x0, middle, place.x1, middle), MUTED)
    step_px = (place.x1 - place.x0 + 1) / num_slots
    for slot, value in enumerate(values[-num_slots:]):
        x0, x1 = (place.x0 + round(step_px * edge) for edge in (slot, slot + 1))
        length_px = max(1, round(reach_px * min(1.0, abs(value) / FULL_NATS)))
        if value >= 0:
            fill(image, Rectangle(x0, middle - length_px, x1 - 2, middle - 1), PERSISTENT)
        else:
            fill(image, Rectangle(x0, middle + 1, x1 - 2, middle + length_px), TRANSIENT)
