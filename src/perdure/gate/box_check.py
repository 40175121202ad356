"""Whether the boxes of a stream can be boxes of its picture: in pixels, by corners, and of this size.

Everything downstream would go on without an error on boxes in another unit, and decide nonsense.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from perdure.geometry import area_px
from perdure.rewind import Rewindable
from perdure.types import Detections

NUM_BOXES = 30
"""Boxes that are looked at before anything is said."""
MOST_OUTSIDE = 0.2
"""Share of boxes that lie outside of the picture, by more than half, that is still taken for its own."""
FAR_OUT = 0.1
"""Share of the picture's side by which a corner may lie out of it."""


@dataclass(slots=True)
class BoxCheck(Rewindable):
    """Looks at the first boxes of a stream, and keeps what is wrong with them.

    Args:
        problem: one line, None while nothing is known to be wrong.
        num_boxes: valid boxes seen, up to `NUM_BOXES`.
        num_rows: the same with rows that can be no detection.
        num_unit: boxes that lie within the unit square.
        num_outside: boxes that are not in the picture.
        num_far_out: boxes with a corner far out of the picture.
        num_nested: boxes that are at least as wide and as high as they lie away from the corner of the picture.
        away_px: sum of how far boxes lie away from there.
        excess_px: sum of how much wider and higher they are than that.
    """

    problem: str | None = None
    num_boxes: int = 0
    num_rows: int = 0
    num_unit: int = 0
    num_outside: int = 0
    num_far_out: int = 0
    num_nested: int = 0
    away_px: float = 0.0
    excess_px: float = 0.0

    def see(self, detections: Detections, image_size: tuple[int, int]) -> str | None:
        """Takes in the boxes of one frame; returns what is wrong when that is first known."""
        if self.num_rows >= NUM_BOXES or not len(detections):
            return None
        boxes = detections.xyxy_px[detections.is_valid]
        size = np.array(image_size, np.float64)
        self.num_rows += len(detections)
        self.num_boxes += len(boxes)
        self.num_unit += int(np.count_nonzero((boxes >= -0.5).all(axis=1) & (boxes <= 1.5).all(axis=1)))
        is_outside = _is_outside(boxes, size)
        self.num_outside += int(np.count_nonzero(is_outside))
        sides = boxes[:, 2:] - boxes[:, :2]
        self.num_far_out += int(np.count_nonzero((boxes[:, 2:] > size * (1 + FAR_OUT)).any(axis=1)))
        self.num_nested += int(np.count_nonzero((sides >= boxes[:, :2]).all(axis=1)))
        self.away_px += float(boxes[:, :2].sum())
        self.excess_px += float((sides - boxes[:, :2]).sum())
        if self.num_rows >= NUM_BOXES:
            self.problem = self._found(image_size)
        return self.problem

    def _found(self, image_size: tuple[int, int]) -> str | None:
        width, height = image_size
        of = f"of the first {self.num_boxes} boxes"
        if self.num_rows > 2 * self.num_boxes:
            num = self.num_rows - self.num_boxes
            return (
                f"detections: {num} of the first {self.num_rows} boxes have no area; they look like x, y, width, "
                "height, expected corners (x_min, y_min, x_max, y_max)"
            )
        if self.num_unit > self.num_boxes / 2:
            return (
                f"detections: {self.num_unit} {of} lie between 0 and 1, expected pixels; multiply by the size of the "
                f"picture{'' if max(image_size) <= 2 else f', {width} x {height}'}"
            )
        # Of boxes all over a picture hardly one is as wide and as high as it lies away from the corner, let alone all.
        # Where the size is not known it is the reach of the boxes, and none lies far out.
        is_far_out = self.num_far_out > MOST_OUTSIDE * self.num_boxes
        if self.num_nested == self.num_boxes and (is_far_out or self.away_px > 2 * self.excess_px):
            return (
                f"detections: all {of} are as wide and as high as they lie away from the corner of the picture; their "
                "width and height look like the other corner, expected width and height"
            )
        if self.num_outside <= MOST_OUTSIDE * self.num_boxes:
            return None
        return (
            f"detections: {self.num_outside} {of} lie outside the picture of {width} x {height}; they look like those "
            "of a picture of another size, expected pixels of this one"
        )


def _is_outside(xyxy_px: Float[np.ndarray, "n 4"], size: Float[np.ndarray, " 2"]) -> np.ndarray:
    """Returns whether less than half of each box is in the picture; networks complete what its edge cuts off."""
    inside = np.clip(xyxy_px, 0, [*size, *size])
    return area_px(inside) < 0.5 * area_px(xyxy_px)
