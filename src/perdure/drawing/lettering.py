"""Small, smooth text on frames, in the typeface that Pillow carries.

OpenCV's own letters are made of strokes and hard to read below 15 pixels.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image, ImageDraw, ImageFont

Colour = tuple[int, int, int]
"""Red, green, blue, 0 to 255."""
OVERSAMPLING = 4
"""Letters are drawn this much larger and averaged: at their real size they would stand on whole pixels, unevenly."""


@lru_cache(maxsize=16)
def _font(size_px: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size=size_px)


@lru_cache(maxsize=256)
def text_mask(text: str, size_px: int) -> Float[np.ndarray, "h w 1"]:
    """Returns the ink of a line of text in [0, 1]; its height depends on the size alone."""
    font = _font(size_px * OVERSAMPLING)
    # Room for the deepest and the highest letters, so that labels of one size stand on one line.
    top, bottom = (int(font.getbbox("Apg|")[index]) for index in (1, 3))
    width, height = (-(-int(size) // OVERSAMPLING) for size in (font.getlength(text) + 1, bottom - top))
    image = Image.new("L", (width * OVERSAMPLING, height * OVERSAMPLING))
    ImageDraw.Draw(image).text((0, -top), text, fill=255, font=font)
    large = np.asarray(image, dtype=np.float32).reshape(height, OVERSAMPLING, width, OVERSAMPLING)
    mask = large.mean(axis=(1, 3))[:, :, None] / np.float32(255)
    mask.setflags(write=False)  # it is shared by all who ask for this text
    return mask


def text_size(text: str, size_px: int) -> tuple[int, int]:
    """Returns width and height of a line of text in pixels."""
    height, width, _ = text_mask(text, size_px).shape
    return width, height


def draw_text(
    image: UInt8[np.ndarray, "h w 3"], text: str, *, corner: tuple[int, int], size_px: int, colour: Colour
) -> None:
    """Writes a line of text into an image; what lies outside is cut off.

    Args:
        image: changed in place.
        text: one line.
        corner: x and y of the upper left corner.
        size_px: height of the letters.
        colour: of the ink.
    """
    mask = text_mask(text, size_px)
    x, y = corner
    left, top = max(0, -x), max(0, -y)
    ink = mask[top : max(0, image.shape[0] - y), left : max(0, image.shape[1] - x)]
    if ink.size == 0:
        return
    target = image[y + top : y + top + ink.shape[0], x + left : x + left + ink.shape[1]]
    target[:] = np.rint(target + (np.array(colour, dtype=np.float32) - target) * ink).astype(np.uint8)
