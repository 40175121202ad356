"""Where a label stands, and the evidence in it. Knows boxes and letters, and nothing of tracks."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from perdure.drawing.marks import DARK, Image, Rectangle, sparkline

GAP_PX = 3
"""Distance of a label from its box."""
GROUND_OPACITY = 0.85
"""Of the ground behind a sparkline."""


def percent(probability: float) -> str:
    """Returns a probability in at most three signs, and never 0 or 100 %, which would claim certainty.

    >>> percent(0.9996), percent(0.5)
    ('99%', '50%')
    """
    return f"{min(99, max(1, round(100 * probability)))}%"


def evidence_size(num_slots: int, font_px: int) -> tuple[int, int]:
    """Returns width and height of a sparkline and its ground; higher than a line of text, so that bars can differ."""
    return num_slots * max(4, round(font_px / 2.6)) + 5, round(1.8 * font_px) | 1


def draw_evidence(
    picture: Image, plate: Rectangle, evidence: Sequence[float], *, num_slots: int, opacity: float = 1.0
) -> None:
    """Draws a sparkline on a dark ground.

    Args:
        picture: changed in place.
        plate: of the size that `evidence_size` returns; what lies outside the picture is cut off.
        evidence: in nats, the oldest first.
        num_slots: bars that there is room for.
        opacity: 0 is invisible.
    """
    x0, y0 = max(0, plate.x0), max(0, plate.y0)
    target = picture[y0 : max(0, plate.y1 + 1), x0 : max(0, plate.x1 + 1)]
    if target.size == 0:
        return
    panel = np.full_like(target, DARK)
    inner = Rectangle(plate.x0 - x0 + 3, plate.y0 - y0 + 1, plate.x1 - x0 - 2, plate.y1 - y0 - 1)
    sparkline(panel, inner, evidence, num_slots=num_slots)
    share = GROUND_OPACITY * opacity
    target[:] = cv2.addWeighted(panel, share, target.copy(), 1.0 - share, 0.0)


def free_plate(
    size: tuple[int, int],
    place: Rectangle,
    taken: Sequence[Rectangle],
    picture_size: tuple[int, int],
    *,
    must_draw: bool = False,
) -> Rectangle | None:
    """Returns where a label fits: above, below, right or left of its box, the first that is free, None if none is.

    Args:
        size: width and height of the label.
        place: the box.
        taken: where other labels stand.
        picture_size: width and height.
        must_draw: stand above the box, inside the picture, if no place is free.
    """
    (width, height), (picture_width, picture_height) = size, picture_size
    x = place.x0 - 1
    if place.x1 >= 0 and place.x0 < picture_width:  # at the edge it moves in, as long as its box is seen
        x = max(0, min(x, picture_width - width))
    corners = (
        (x, place.y0 - height - GAP_PX), (x, place.y1 + GAP_PX),
        (place.x1 + GAP_PX, place.y0), (place.x0 - width - GAP_PX, place.y0),
    )  # fmt: skip
    plates = [Rectangle(x, y, x + width - 1, y + height - 1) for x, y in corners]
    for plate in plates:
        if plate.inside(picture_width, picture_height) and not any(plate.overlaps(other) for other in taken):
            return plate
    if not must_draw:
        return None
    x0 = min(max(0, plates[0].x0), max(0, picture_width - width))
    y0 = min(max(0, plates[0].y0), max(0, picture_height - height))
    return Rectangle(x0, y0, x0 + width - 1, y0 + height - 1)
