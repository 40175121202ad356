"""A folder of numbered images as a video."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from perdure.video.frames import VideoFrame, VideoReader

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp")
"""Files of a folder that are frames."""


class ImageFolderReader(VideoReader):
    """The images of a folder in the order of the numbers in their names.

    Raises:
        ValueError: the folder holds no image, or the first one cannot be read.
    """

    def __init__(self, folder: Path, *, frame_rate_hz: float) -> None:
        if not frame_rate_hz > 0:
            raise ValueError(f"frame_rate_hz: got {frame_rate_hz}, expected above 0")
        self._paths = sorted(
            (path for path in folder.iterdir() if path.suffix.lower() in IMAGE_SUFFIXES), key=_by_number
        )
        if not self._paths:
            raise ValueError(f"video: {folder} holds no images ({', '.join(IMAGE_SUFFIXES)})")
        try:
            height, width, _ = _read_rgb(self._paths[0]).shape
        except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
            raise ValueError(f"video: {self._paths[0]} cannot be read as an image ({error})") from error
        super().__init__(frame_rate_hz=frame_rate_hz, width=width, height=height, num_frames=len(self._paths))

    def _frames(self) -> Iterator[VideoFrame]:
        for frame_index, path in enumerate(self._paths):
            try:
                image = _read_rgb(path)
            except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
                self.problem = f"video: {path} cannot be read as an image ({error}); read up to there"
                return
            if image.shape != (self.height, self.width, 3):
                self.problem = (
                    f"video: {path} is {image.shape[1]}x{image.shape[0]}, expected {self.width}x{self.height} as the "
                    "first image; read up to there"
                )
                return
            yield VideoFrame(frame_index, frame_index / self.frame_rate_hz, image)

    def close(self) -> None:
        """Does nothing: images are open only while they are read."""


def _by_number(path: Path) -> tuple[list[tuple[int, str]], str]:
    """Returns a key that puts frame_2 before frame_10."""
    parts = re.split(r"(\d+)", path.stem)
    return [(int(part), "") if part.isdigit() else (-1, part) for part in parts], path.name


def _read_rgb(path: Path) -> UInt8[np.ndarray, "h w 3"]:
    with Image.open(path) as image:
        return np.array(image.convert("RGB"))
