"""MOT folders as people have them: layouts of columns, regions to ignore, missing keys, frames from 0, copies."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from perdure.data.labelled_stream import sequence_stream
from perdure.data.mot_sequence import MotSequence, find_mot_folders, read_mot_sequence, scene_numbers
from perdure.data.track_labels import MatchConfig, match_for
from perdure.tracks.real_data import read_bench_data, read_sequences, sequence_folders
from perdure.tracks.tracks_config import RealData

INFO = "[Sequence]\nname=a\nframeRate=25\nseqLength=40\nimWidth=640\nimHeight=480\n"
NUM_FRAMES = 40


def box(frame: int) -> str:
    return f"{10 + 5 * frame},20,30,40"


def write(folder: Path, *, info: str = INFO, truth: str | None = None, first: int = 1, truth_first: int = 1) -> Path:
    """Writes one object that every frame detects."""
    frames = range(NUM_FRAMES)
    for name, text in (
        ("det", "".join(f"{index + first},-1,{box(index)},0.8\n" for index in frames)),
        ("gt", truth or "".join(f"{index + truth_first},1,{box(index)},1,1,1\n" for index in frames)),
    ):
        (folder / name).mkdir(parents=True)
        (folder / name / f"{name}.txt").write_text(text)
    (folder / "seqinfo.ini").write_text(info)
    return folder


def labels(sequence: MotSequence, match: MatchConfig | None = None) -> list[int]:
    """Returns how many detections of all frames are FALSE, TRUE and IGNORE."""
    stream = sequence_stream(sequence, match or MatchConfig())
    found = np.concatenate([frame.label for frame in stream.frames()])
    return np.bincount(found, minlength=3).tolist()


@pytest.mark.parametrize(
    ("change", "is_same_size"),
    [
        (lambda text: text.replace("[Sequence]", "[sequence]").replace("frameRate", "FRAMERATE"), True),
        (lambda text: text.replace("name=a\n", ""), True),
        (lambda text: text.replace("imWidth=640\nimHeight=480\n", ""), False),
        (lambda text: text.replace("seqLength=40\n", ""), True),
        (lambda text: text.replace("seqLength=40", "seqLength=0"), True),
        (lambda text: text.replace("seqLength=40", "seqLength=40.0").replace("=", " = "), True),
        (lambda text: "\ufeff" + text + "frameRate=25\n", True),
        (lambda text: text.replace("name=a", "name=100%"), True),
    ],
)
def test_what_seqinfo_does_not_say_is_found_out(
    tmp_path: Path, change: Callable[[str], str], is_same_size: bool
) -> None:
    sequence = read_mot_sequence(write(tmp_path / "a", info=change(INFO)))
    assert (sequence.num_frames, sequence.frame_rate_hz) == (NUM_FRAMES, 25)
    assert sequence.image_size == ((640, 480) if is_same_size else (235, 60)), "the reach of the boxes"
    assert labels(sequence) == [0, NUM_FRAMES, 0]


def test_the_name_of_seqinfo_may_be_in_capitals_and_its_text_in_any_encoding(tmp_path: Path) -> None:
    folder = write(tmp_path / "a")
    (folder / "seqinfo.ini").unlink()
    for content in (INFO.encode("utf-16"), INFO.replace("name=a", "name=Stra\u00dfe").encode("latin-1")):
        (folder / "SeqInfo.INI").write_bytes(content)
        assert find_mot_folders(tmp_path) == [folder]
        assert read_mot_sequence(folder).num_frames == NUM_FRAMES


@pytest.mark.parametrize(("first", "truth_first"), [(1, 1), (0, 0), (0, 1), (1, 0)])
def test_frames_that_count_from_0_are_shifted_and_said_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, first: int, truth_first: int
) -> None:
    folder = write(tmp_path / "a", first=first, truth_first=truth_first)
    with caplog.at_level(logging.WARNING):
        assert labels(read_mot_sequence(folder)) == [0, NUM_FRAMES, 0]
        read_mot_sequence(folder)
    said = [record.message for record in caplog.records]
    assert len(said) == (0 if (first, truth_first) == (1, 1) else 1)
    assert all("count from 0" in text for text in said)


def test_a_file_without_a_frame_0_follows_the_folder(tmp_path: Path) -> None:
    """Nothing may be found in the first frame of a file that counts from 0."""
    folder = write(tmp_path / "a", first=0, truth_first=0)
    lines = (folder / "det" / "det.txt").read_text().splitlines()[1:]
    (folder / "det" / "det.txt").write_text("\n".join(lines) + "\n")
    assert labels(read_mot_sequence(folder)) == [0, NUM_FRAMES - 1, 0]


@pytest.mark.parametrize(("name", "expected"), [("det", [0, 0, 0]), ("gt", [NUM_FRAMES, 0, 0])])
def test_an_empty_file_says_that_there_is_nothing(tmp_path: Path, name: str, expected: list[int]) -> None:
    folder = write(tmp_path / "a")
    (folder / name / f"{name}.txt").write_text("")
    assert labels(read_mot_sequence(folder)) == expected


@pytest.mark.parametrize("columns", ["", ",1", ",-1,-1,-1,-1", ",1,-1,-1,-1", ",1,person,1", ",1,1,1", ",1,8.25,3.5,0"])
def test_labelled_boxes_may_have_six_to_ten_columns(tmp_path: Path, columns: str) -> None:
    truth = "".join(f"{index + 1},1,{box(index)}{columns}\n" for index in range(NUM_FRAMES))
    assert labels(read_mot_sequence(write(tmp_path / "a", truth=truth))) == [0, NUM_FRAMES, 0]


@pytest.mark.parametrize(
    "region",
    [
        "0,300,100,300,300,0,0,0,0",
        "-1,300,100,300,300,0,13,-1,0",
        "-1,300,100,300,300,0,13,0",
        "9,300,100,300,300,0,11,0,0",
        "9,300,100,300,300,0,6,-1,0",
        "9,300,100,300,300,0,6,0.5",
        "9,300,100,300,300,0,1,-1,0",
        "9,300,100,300,300,0",
        "1,300,100,300,300,1,-1,-1,-1",
    ],
)
def test_regions_are_ignored_in_every_layout(tmp_path: Path, region: str) -> None:
    """VisDrone, KITTI, MOT20, CVAT's box "ignored", UAVDT: what lies inside was false in most of them."""
    truth = "".join(f"{index + 1},1,{box(index)},1,4,0,0\n{index + 1},{region}\n" for index in range(NUM_FRAMES))
    folder = write(tmp_path / "a", truth=truth)
    with (folder / "det" / "det.txt").open("a") as file:
        file.writelines(f"{index + 1},-1,320,200,50,40,0.6\n" for index in range(NUM_FRAMES))
    sequence = read_mot_sequence(folder)
    assert labels(sequence) == [0, NUM_FRAMES, NUM_FRAMES]
    assert labels(sequence, match_for("points")) == [0, NUM_FRAMES, NUM_FRAMES]


def test_uavdt_names_regions_in_a_file_of_their_own(tmp_path: Path) -> None:
    folder = write(tmp_path / "a", truth="1,1,600,400,20,20,1,-1,-1,-1\n")
    regions = "".join(f"{index + 1},-1,0,0,300,300,1,-1,-1,-1\n" for index in range(NUM_FRAMES))
    (folder / "gt" / "gt_ignore.txt").write_text(regions)
    assert labels(read_mot_sequence(folder)) == [0, 0, NUM_FRAMES]


def test_what_lies_beyond_the_stated_length_is_counted_and_left_out(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = write(tmp_path / "a", info=INFO.replace("40", "30", 1))
    with caplog.at_level(logging.WARNING):
        sequence = read_mot_sequence(folder)
    assert (sequence.num_frames, sequence.detections.num_from(0), max(sequence.truth)) == (30, 30, 29)
    assert f"{folder} has 30 frames; 10 detections and 10 labelled boxes beyond them are left out" in caplog.text


def paint(folder: Path, num: int, *, step_px: int = 0) -> None:
    """Writes pictures of a texture that moves on."""
    texture = np.random.default_rng(0).integers(0, 255, (120, 800, 3), dtype=np.uint8)
    texture = np.repeat(np.repeat(texture[::4, ::4], 4, axis=0), 4, axis=1)
    folder.mkdir()
    for index in range(num):
        left = step_px * index
        Image.fromarray(texture[:, left : left + 160]).save(folder / f"{index + 1:06d}.png")


def test_the_pictures_of_a_sequence_are_its_video_and_their_end_its_end(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Folders img1 were not looked at, and crops beyond the last picture were black."""
    folder = write(tmp_path / "a", info="[Sequence]\nframeRate=25\nseqLength=40\n")
    paint(folder / "img1", 25)
    with caplog.at_level(logging.WARNING):
        sequence = read_mot_sequence(folder, needs_video=True)
    assert (sequence.num_frames, sequence.image_size, sequence.detections.num_from(0)) == (25, (160, 120), 25)
    assert len(list(sequence.pictures())) == 25
    assert "names 40 frames, its video has 25" in caplog.text
    assert read_mot_sequence(folder).num_frames == 40, "without pixels their end does not matter"
    (folder / "img1").rename(folder / "frames")
    (folder / "seqinfo.ini").write_text("[Sequence]\nframeRate=25\nimDir=frames\n")
    assert read_mot_sequence(folder).video == folder / "frames"
    (folder / "seqinfo.ini").write_text(INFO)
    with pytest.raises(ValueError, match="names no video and has no folder of pictures"):
        read_mot_sequence(folder, needs_video=True)


def test_a_camera_is_measured_where_nothing_is_said_of_it(tmp_path: Path) -> None:
    for name, step_px in (("still", 0), ("pans", 4)):
        paint(write(tmp_path / name) / "img1", 60, step_px=step_px)
    (write(tmp_path / "said") / "seqinfo.ini").write_text(INFO + "camera=static\n")
    taken = sequence_folders(RealData(camera="static"), tmp_path)
    assert [folder.name for folder in taken] == ["said", "still"]
    write(tmp_path / "unknown")
    with pytest.raises(ValueError, match="says nothing of its camera and has no pictures"):
        sequence_folders(RealData(camera="static"), tmp_path)


def test_folders_with_the_same_truth_are_one_scene(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """MOT17 comes with every sequence three times, once a detector: copies stood on both sides of a split."""
    from data.street import write_street

    for scene in (1, 2, 3):
        for detector in ("DPM", "FRCNN"):
            write_street(tmp_path / f"M-{scene}-{detector}", seed=scene)
    with caplog.at_level(logging.WARNING):
        data = read_bench_data(RealData(folds=6), leave_one_out=tmp_path)
    assert "6 folders hold the ground truth of 3 scenes" in caplog.text
    assert data.table.scene == (0, 0, 1, 1, 2, 2)
    assert len(data.folds) == 3
    for fold in data.folds:
        assert not set(data.table.unit[fold.train]) & set(data.table.unit[fold.test])
    table, sequences = read_sequences(RealData(), tmp_path)
    assert table.take(table.unit == 1).group.tolist() == sorted(table.group[np.isin(table.group, (2, 3))].tolist())
    empty = write(tmp_path / "e")
    (empty / "gt" / "gt.txt").write_text("")
    assert scene_numbers([*sequences, read_mot_sequence(empty), read_mot_sequence(empty)])[-2:] == [3, 4]
