"""MOT folders without pixels: what is read from them, and what is refused with which words."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from data.street import HEIGHT, NUM_FRAMES, WIDTH, write_street
from perdure.data.mot_sequence import find_mot_folders, read_camera_motion, read_mot_sequence
from perdure.data.mot_truth import truth_of
from perdure.video.mot import read_mot_table


def test_a_folder_is_read_as_it_is(tmp_path: Path) -> None:
    sequence = read_mot_sequence(write_street(tmp_path / "a", seed=0))
    assert (sequence.name, sequence.num_frames, sequence.image_size) == ("a", NUM_FRAMES, (WIDTH, HEIGHT))
    assert sequence.video is None
    assert sequence.camera_motion == {}


def test_low_scores_are_left_out(tmp_path: Path) -> None:
    sequence = read_mot_sequence(write_street(tmp_path / "a", seed=0))
    kept = [sequence.detections_at(index, 0.5).score for index in range(NUM_FRAMES)]
    everything = [sequence.detections_at(index).score for index in range(NUM_FRAMES)]
    assert min(scores.min(initial=1) for scores in kept) >= 0.5
    assert sum(map(len, kept)) == sum((scores >= 0.5).sum() for scores in everything)


def test_flags_classes_and_ids_say_what_counts(tmp_path: Path) -> None:
    path = tmp_path / "gt.txt"
    lines = ["1,1,0,0,9,9,1,1,1", "1,2,0,0,9,9,0,7,1", "1,3,0,0,9,9,0,3,1", "1,-1,0,0,9,9,0,13,1"]
    path.write_text("\n".join(lines) + "\n")
    truth = truth_of(read_mot_table(path), counts_from=1)[0]
    assert truth.counts.tolist() == [True, False, False, False]
    assert truth.is_ignored.tolist() == [False, True, False, False]  # class 3 with flag 0 is nothing at all
    assert truth.is_region.tolist() == [False, False, False, True]


def test_camera_motion_is_an_affine_map_per_frame(tmp_path: Path) -> None:
    path = tmp_path / "gmc.txt"
    path.write_text("0\t1\t0\t0\t0\t1\t0\t\n3\t1\t0\t2.5\t0\t1\t-1\t\n")
    motion = read_camera_motion(path)
    assert np.array_equal(motion[3], [[1, 0, 2.5], [0, 1, -1]])


def test_folders_are_found_by_pattern(tmp_path: Path) -> None:
    for name in ("A-Car", "B-Car", "B-Cyclist"):
        write_street(tmp_path / name, seed=0)
    assert [path.name for path in find_mot_folders(tmp_path, only="*-Car")] == ["A-Car", "B-Car"]
    assert find_mot_folders(tmp_path / "A-Car") == [tmp_path / "A-Car"]
    with pytest.raises(FileNotFoundError, match=r"holds no folder '\*-Dog'"):
        find_mot_folders(tmp_path, only="*-Dog")


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("gt/gt.txt", "1,1,0,0,9,9,1\n1,x,0,0,9,9,1\n", r"gt\.txt line 2: got '1,x.*expected numbers"),
        ("gt/gt.txt", "1,1,0,0\n", r"gt\.txt line 1: .*expected at least 6"),
        ("seqinfo.ini", "name=a\n", r"seqinfo\.ini is not a MOT sequence file"),
        ("seqinfo.ini", "[Sequence]\nname=a\n", r"seqinfo\.ini names no frameRate"),
        ("seqinfo.ini", "[Sequence]\nframeRate=x\n", r"seqinfo\.ini is not a MOT sequence file"),
    ],
)
def test_a_damaged_file_is_named_with_its_line(tmp_path: Path, name: str, text: str, message: str) -> None:
    folder = write_street(tmp_path / "a", seed=0)
    (folder / name).write_text(text)
    with pytest.raises(ValueError, match=message):
        read_mot_sequence(folder)
