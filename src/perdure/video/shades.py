"""Grey pictures of more than 8 bits, as thermal cameras give them, as pictures that can be looked at.

Their values fill a small part of what their type can hold, so that the usual conversion shows them all white, or in
two shades of grey. A range is chosen once and kept: shades that follow each frame would make everything flicker.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Num, UInt8

NUM_FIRST = 8
"""Frames that the range is chosen from, since the first ones of a camera may be blank."""
MARGIN = 0.5
"""Room on either side of the first values, as a share of their span: what comes later may be warmer or colder."""
TAIL_PERCENT = 0.01
"""Values in each tail that may fall outside: dead pixels."""


class Shades:
    """Values of one source as shades of grey.

    Args:
        given: values that become black and white; None leaves it to the first frames.
    """

    def __init__(self, given: tuple[float, float] | None = None) -> None:
        self._given = given
        self.range: tuple[float, float] | None = None
        """Values that become black and white; None before the first deep frame."""

    def learn(self, frames: Sequence[Num[np.ndarray, "h w"]]) -> None:
        """Chooses the range, if it was not given.

        Values that fit into 8 bits stay as they are, though stored in more.
        """
        if self._given is not None:
            self.range = self._given
            return
        parts = [frame[np.isfinite(frame)].ravel() for frame in frames]
        values = np.concatenate([np.zeros(0), *parts])
        if not len(values):
            self.range = (0.0, 255.0)
            return
        low, high = np.percentile(values, [TAIL_PERCENT, 100 - TAIL_PERCENT])
        if frames[0].dtype.kind in "iu" and values.min() >= 0 and values.max() <= 255:
            self.range = (0.0, 255.0)
            return
        room = MARGIN * (high - low) or 1.0
        self.range = (float(low - room), float(high + room))

    def shown(self, values: Num[np.ndarray, "h w"]) -> UInt8[np.ndarray, "h w 3"]:
        """Returns the picture; what is outside the range is black or white, what is no number black."""
        low, high = self.range or (0.0, 255.0)
        share = (np.nan_to_num(values.astype(np.float64), nan=low, posinf=high, neginf=low) - low) / (high - low)
        grey = np.clip(np.rint(255 * share), 0, 255).astype(np.uint8)
        return np.repeat(grey[:, :, None], 3, axis=2)


def is_deep(frame: Any) -> bool:
    """Returns whether a decoded frame is grey and of more than 8 bits."""
    name: str = frame.format.name
    return name.startswith("gray") and name not in ("gray", "gray8", "gray8a")


def values_of(frame: Any) -> Num[np.ndarray, "h w"]:
    """Returns the values of a deep grey frame."""
    is_float = frame.format.name.startswith("grayf")
    values: np.ndarray = frame.to_ndarray(format="grayf32le" if is_float else "gray16le")
    return values
