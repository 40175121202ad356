"""Whether the boxes of a stream can be boxes of its picture: in pixels, by corners, and of this size.

Everything downstream would go on without an error on boxes in another unit, and decide nonsense.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from perdure.rewind import Rewindable
from perdure.types import Detections

NUM_BOXES = 30
"""Boxes that are looked at before anything is said."""
MOST_OUTSIDE = 0.2
"""Share of boxes with their centre outside of the picture, or far out of it, that is still taken for its own."""
FAR_OUT = 0.1
"""Far out is this share of the picture's side."""


@dataclass(slots=True)
class BoxCheck(Rewindable):
    """Looks at the first boxes of a stream, and keeps what is wrong with them.

    Args:
        problem: one line, None while nothing is known to be wrong.
        num_boxes: valid boxes seen, up to `NUM_BOXES`.
        num_rows: the same with rows that can be no detection.
        num_unit: boxes that lie within the unit square.
        num_outside: boxes that are not in the picture.
        num_corners: boxes that would be in the picture if their width and height were the other corner.
    """

    problem: str | None = None
    num_boxes: int = 0
    num_rows: int = 0
    num_unit: int = 0
    num_outside: int = 0
    num_corners: int = 0

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
        is_corner = (sides >= boxes[:, :2]).all(axis=1) & (sides <= size * (1 + FAR_OUT)).all(axis=1)
        self.num_corners += int(np.count_nonzero(is_corner))
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
                f"picture, {width} x {height}"
            )
        if self.num_outside <= MOST_OUTSIDE * self.num_boxes:
            return None
        if self.num_corners >= 0.9 * self.num_boxes:
            return (
                f"detections: {self.num_outside} {of} reach out of the picture of {width} x {height}; their width and "
                "height look like the other corner, expected width and height"
            )
        return (
            f"detections: {self.num_outside} {of} lie outside the picture of {width} x {height}; they look like those "
            "of a picture of another size, expected pixels of this one"
        )


def _is_outside(xyxy_px: Float[np.ndarray, "n 4"], size: Float[np.ndarray, " 2"]) -> np.ndarray:
    """Returns whether the centre of each box lies outside of the picture, or a corner far outside."""
    centre = (xyxy_px[:, :2] + xyxy_px[:, 2:]) / 2
    is_centre_out = ((centre < 0) | (centre > size)).any(axis=1)
    return is_centre_out | (xyxy_px[:, 2:] > size * (1 + FAR_OUT)).any(axis=1)
