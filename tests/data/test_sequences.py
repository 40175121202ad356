"""Labelled real sequences: what lies on an object, and what a folder must hold."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from data.mot_folder import NUM_FRAMES, left_of_square, write_sequence
from perdure.data.sequences import find_sequences, read_sequence
from perdure.types import Detections


def found(*boxes: tuple[float, float, float, float]) -> Detections:
    return Detections(xyxy_px=np.array(boxes, dtype=float), score=np.ones(len(boxes)))


def test_a_detection_is_judged_by_overlap_or_by_its_centre(tmp_path: Path) -> None:
    sequence = read_sequence(write_sequence(tmp_path / "a"))
    left = left_of_square(7)
    exact, hot_core = (left, 20, left + 10, 30), (left + 4, 24, left + 6, 26)
    beside, far = (left + 14, 20, left + 24, 30), (70, 48, 80, 58)
    on = sequence.is_on_object(7, found(exact, hot_core, beside, far))
    assert on.tolist() == [True, True, False, False]


def test_frames_are_those_of_the_video(tmp_path: Path) -> None:
    sequence = read_sequence(write_sequence(tmp_path / "a"))
    frames = list(sequence.frames())
    assert len(frames) == NUM_FRAMES
    assert frames[9].frame[25, left_of_square(9) + 5].mean() > 200


@pytest.mark.parametrize("name", ["det/det.txt", "gt/gt.txt", "seqinfo.ini"])
def test_a_missing_file_is_named(tmp_path: Path, name: str) -> None:
    folder = write_sequence(tmp_path / "a")
    (folder / name).unlink()
    with pytest.raises(FileNotFoundError, match=name.split("/")[-1]):
        read_sequence(folder)


def test_a_sequence_without_pixels_is_refused(tmp_path: Path) -> None:
    folder = write_sequence(tmp_path / "a")
    (folder / "seqinfo.ini").write_text("[Sequence]\nname=a\nframeRate=25\n")
    with pytest.raises(ValueError, match="names no video"):
        read_sequence(folder)


def test_folders_are_found_by_name(tmp_path: Path) -> None:
    for name in ("b", "a"):
        write_sequence(tmp_path / name)
    assert [path.name for path in find_sequences(tmp_path)] == ["a", "b"]
    assert find_sequences(tmp_path / "a") == [tmp_path / "a"]
    with pytest.raises(FileNotFoundError, match="no folder with a seqinfo"):
        find_sequences(tmp_path / "a" / "det")
