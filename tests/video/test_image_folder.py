"""Folders of images as videos."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from perdure.video.reader import open_video


def save(folder: Path, name: str, grey: int, *, size: tuple[int, int] = (8, 6)) -> None:
    Image.new("RGB", size, (grey, 0, 0)).save(folder / name)


def test_images_come_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    for number in (10, 9, 2, 100):
        save(tmp_path, f"frame_{number}.png", number)
    (tmp_path / "notes.txt").write_text("no image")
    with open_video(tmp_path, frame_rate_hz=4.0) as reader:
        assert (reader.width, reader.height, reader.num_frames, reader.frame_rate_hz) == (8, 6, 4, 4.0)
        items = list(reader)
    assert [int(item.frame[0, 0, 0]) for item in items] == [2, 9, 10, 100]
    assert [item.time_s for item in items] == [0.0, 0.25, 0.5, 0.75]
    assert reader.problem is None


def test_grey_images_become_rgb(tmp_path: Path) -> None:
    Image.new("L", (5, 4), 70).save(tmp_path / "1.png")
    with open_video(tmp_path) as reader:
        frame = next(iter(reader)).frame
    assert frame.shape == (4, 5, 3) and np.unique(frame).tolist() == [70]


@pytest.mark.parametrize("kind", ["damaged", "size"])
def test_reading_stops_at_the_first_bad_image(tmp_path: Path, kind: str) -> None:
    save(tmp_path, "1.png", 1)
    save(tmp_path, "2.png", 2)
    save(tmp_path, "4.png", 4)
    if kind == "damaged":
        (tmp_path / "3.png").write_bytes((tmp_path / "2.png").read_bytes()[:40])
    else:
        save(tmp_path, "3.png", 3, size=(9, 6))
    with open_video(tmp_path) as reader:
        assert [int(item.frame[0, 0, 0]) for item in reader] == [1, 2]
    assert reader.problem is not None and "3.png" in reader.problem and "\n" not in reader.problem


def test_folders_that_hold_nothing_readable_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="holds no images"):
        open_video(tmp_path)
    (tmp_path / "1.jpg").write_text("text")
    with pytest.raises(ValueError, match=r"1\.jpg cannot be read as an image"):
        open_video(tmp_path)
    save(tmp_path, "1.jpg", 3)
    with pytest.raises(ValueError, match="frame_rate_hz: got -1"):
        open_video(tmp_path, frame_rate_hz=-1.0)
