"""A folder of numbered images as a video."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from perdure.video.frames import IMAGE_SUFFIXES, MAX_PIXELS, VideoFrame, VideoReader
from perdure.video.shades import NUM_FIRST, Shades


class ImageFolderReader(VideoReader):
    """The images of a folder in the order of the numbers in their names.

    Args:
        folder: with the images.
        frame_rate_hz: frames per second.
        grey_range: values that become black and white where grey images have more than 8 bits; None takes them from
            the first ones.

    Raises:
        ValueError: the folder holds no image, or the first one cannot be read.
    """

    def __init__(self, folder: Path, *, frame_rate_hz: float, grey_range: tuple[float, float] | None = None) -> None:
        if not frame_rate_hz > 0:
            raise ValueError(f"frame_rate_hz: got {frame_rate_hz}, expected above 0")
        self._paths = sorted(
            (path for path in folder.iterdir() if path.suffix.lower() in IMAGE_SUFFIXES and path.is_file()),
            key=_by_number,
        )  # no pipe: opening one waits for whoever writes into it
        if not self._paths:
            raise ValueError(f"video: {folder} holds no images ({', '.join(IMAGE_SUFFIXES)})")
        self._shades = Shades(grey_range)
        try:
            first = _read(self._paths[0])
            if first.ndim == 2:
                self._shades.learn([first, *self._more_of_the_first()])
            height, width = first.shape[:2]
        except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
            raise ValueError(f"video: {self._paths[0]} cannot be read as an image ({error})") from error
        super().__init__(frame_rate_hz=frame_rate_hz, width=width, height=height, num_frames=len(self._paths))
        self.grey_range = self._shades.range

    def _more_of_the_first(self) -> Iterator[np.ndarray]:
        """Yields the images after the first that the range of grey is chosen from, up to one that cannot be read."""
        with suppress(OSError, ValueError, SyntaxError, Image.DecompressionBombError):
            for path in self._paths[1:NUM_FIRST]:
                image = _read(path)
                if image.ndim == 2:
                    yield image

    def _frames(self) -> Iterator[VideoFrame]:
        for frame_index, path in enumerate(self._paths):
            try:
                image = self._shown(_read(path))
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

    def _shown(self, image: np.ndarray) -> UInt8[np.ndarray, "h w 3"]:
        """Returns the pixels as they are to be shown; a first deep image among others says the range late."""
        if image.ndim == 3:
            return image
        if self._shades.range is None:
            self._shades.learn([image])
            self.grey_range = self._shades.range
        return self._shades.shown(image)

    def close(self) -> None:
        """Does nothing: images are open only while they are read."""


def _by_number(path: Path) -> tuple[list[tuple[int, str]], str]:
    """Returns a key that puts frame_2 before frame_10."""
    parts = re.split(r"(\d+)", path.stem)
    return [(int(part), "") if part.isdigit() else (-1, part) for part in parts], path.name


def _read(path: Path) -> np.ndarray:
    """Returns RGB of 8 bits, or the values [height, width] of a grey image of more."""
    with Image.open(path) as image:
        if image.width * image.height > MAX_PIXELS:  # known before anything is decoded
            raise ValueError(f"{image.width}x{image.height} pixels, expected at most 8K")
        return np.array(image if image.mode.startswith(("I", "F")) else image.convert("RGB"))
