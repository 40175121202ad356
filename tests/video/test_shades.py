"""Pictures of more than 8 bits: a range that is chosen once, from the first frames or by the user."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from perdure.video.reader import open_video


def thermal(num_frames: int = 12, *, target_from: int = 0) -> list[np.ndarray]:
    """Returns frames of 14 bits: a background about 7400 and a target that is 250 warmer."""
    rng = np.random.default_rng(0)
    frames = []
    for index in range(num_frames):
        frame = rng.normal(7400, 8, (48, 64))
        if index >= target_from:
            frame[20:28, 10 + index : 18 + index] += 250
        frames.append(frame)
    return frames


def folder_of(path: Path, frames: list[np.ndarray], dtype: type, suffix: str) -> Path:
    path.mkdir()
    for index, frame in enumerate(frames):
        Image.fromarray(frame.astype(dtype)).save(path / f"{index:03d}{suffix}")
    return path


def video_of(path: Path, frames: list[np.ndarray]) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=Fraction(25))
        stream.width, stream.height, stream.pix_fmt = 64, 48, "gray16le"
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame.astype(np.uint16), format="gray16le")))
        container.mux(stream.encode(None))
    return path


def made(kind: str, path: Path, frames: list[np.ndarray]) -> Path:
    if kind == "video":
        return video_of(path / "a.mkv", frames)
    return folder_of(path / "a", frames, *{"png": (np.uint16, ".png"), "tif": (np.float32, ".tif")}[kind])


@pytest.mark.parametrize("kind", ["video", "png", "tif"])
def test_fourteen_bits_are_neither_white_nor_two_shades(kind: str, tmp_path: Path) -> None:
    """The usual conversion keeps the upper 8 of 16 bits, or cuts off at 255."""
    with open_video(made(kind, tmp_path, thermal())) as reader:
        frames = [item.frame for item in reader]
    assert reader.problem is None and len(frames) == 12
    assert reader.grey_range is not None and reader.grey_range[0] < 7370 and reader.grey_range[1] > 7650
    assert len(np.unique(frames[5])) > 20
    target, background = frames[5][21:27, 16:22].mean(), np.median(frames[5])
    assert 20 < background < 120 and target - background > 80


@pytest.mark.parametrize("kind", ["video", "png", "tif"])
def test_the_range_is_kept_and_can_be_stated(kind: str, tmp_path: Path) -> None:
    source = made(kind, tmp_path, thermal(20, target_from=12))
    with open_video(source) as reader:
        frames = [item.frame for item in reader]
    assert abs(frames[0][:18].mean() - frames[15][:18].mean()) < 2
    assert frames[15][21:27, 26:32].min() == 255  # warmer than anything at first
    with open_video(source, grey_range=(7000, 8000)) as reader:
        frames = [item.frame for item in reader]
    assert reader.grey_range == (7000, 8000)
    assert np.median(frames[0]) == pytest.approx(102, abs=1)
    assert frames[15][21:27, 26:32].mean() == pytest.approx(166, abs=3)


def test_eight_bits_stored_in_sixteen_stay_as_they_are(tmp_path: Path) -> None:
    frame = np.tile(np.arange(64, dtype=np.uint16), (48, 1))
    with open_video(folder_of(tmp_path / "a", [frame] * 2, np.uint16, ".png")) as reader:
        assert (next(iter(reader)).frame[:, :, 0] == frame).all()


def test_ordinary_pictures_have_no_range(tmp_path: Path) -> None:
    with open_video(folder_of(tmp_path / "a", [np.zeros((48, 64))], np.uint8, ".png")) as reader:
        assert reader.grey_range is None
