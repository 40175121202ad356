"""Detection files: what is read, what is refused and where."""

from __future__ import annotations

from pathlib import Path

import pytest

from perdure.video.mot import MotBox, mot_text, read_mot_detections

GOOD = "1,-1,10,20,30,40,0.9,-1,-1,-1\n"


def written(folder: Path, text: str) -> Path:
    path = folder / "det.txt"
    path.write_text(text)
    return path


def test_frames_count_from_zero_and_boxes_become_corners(tmp_path: Path) -> None:
    found = read_mot_detections(written(tmp_path, GOOD + "\n3,-1,0.5,1.5,2,3,-0.25,-1,-1,-1\n" + GOOD))
    assert sorted(found.by_frame) == [0, 2]
    assert found.at(0).xyxy_px.tolist() == [[10, 20, 40, 60]] * 2
    assert found.at(2).xyxy_px.tolist() == [[0.5, 1.5, 2.5, 4.5]] and found.at(2).score.tolist() == [-0.25]
    assert len(found.at(1)) == 0
    assert (found.num_from(0), found.num_from(1), found.num_from(3), found.num_without_area) == (3, 1, 0, 0)
    assert found.num_from(2) == 1


@pytest.mark.parametrize(
    ("columns", "class_id"),
    [("", -1), (",-1", -1), (",-1,-1,-1", -1), (",0", 0), (",3,0.8", 3), (",7.0", 7), (", 2 ,x", 2), (",", -1),
     (",car", -1), (",1.5", -1), (",-2", -1), (",nan", -1), (",1e99", -1)],
)  # fmt: skip
def test_the_eighth_column_names_the_class(tmp_path: Path, columns: str, class_id: int) -> None:
    """Files of 3D trackers hold coordinates there, and those without classes -1 or nothing."""
    found = read_mot_detections(written(tmp_path, f"1,-1,10,20,30,40,0.9{columns}\n"))
    assert found.at(0).class_id.tolist() == [class_id]


def test_rows_without_area_or_finite_numbers_are_left_out_and_counted(tmp_path: Path) -> None:
    """One NaN of a detector made the whole file unreadable."""
    bad = "1,-1,5,5,0,4,0.9\n2,-1,5,5,-3,4,0.9\n2,-1,5,5,3,0,1\n2,-1,1e8,5,1e-12,4,1\n"
    bad += "2,-1,10,nan,30,40,0.9\n2,-1,10,20,inf,40,0.9\n2,-1,10,20,30,40,nan\n2,-1,10,20,1e100,40,0.9\n"
    found = read_mot_detections(written(tmp_path, GOOD + bad))
    assert (found.num_from(0), found.num_without_area) == (1, 8)


@pytest.mark.parametrize(
    "text",
    [
        "1,-1,10,20,30,40\n",
        "1,-1,10,20,30,40,1,-1,-1\n",
        "1 -1 10 20 30 40 1\n",
        "1\t-1\t10\t20\t30\t40\t1\n",
        "1, -1, 10, 20, 30, 40, 1\n",
        "# remarks\nframe,id,x,y,w,h,conf\n1,-1,10,20,30,40,1,\n",
        "\ufeff1,-1,10,20,30,40,1\n",
        "1,-1,10,20,30,40,1\r\n",
        "0,-1,10,20,30,40,1\n",
        "1.0e+00,-1.0,1.0e+01,20,30,40,1\n",
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_every_usual_way_of_writing_a_box_is_read(tmp_path: Path, text: str, encoding: str) -> None:
    """Tabs, spaces, headers, marks of encoding and missing scores were refused, and frames from 0 too."""
    path = tmp_path / "det.txt"
    path.write_bytes(text.removeprefix("\ufeff" if encoding == "utf-16" else "").encode(encoding))
    found = read_mot_detections(path)
    assert list(found.by_frame) == [0]
    assert found.at(0).xyxy_px.tolist() == [[10, 20, 40, 60]] and found.at(0).score.tolist() == [1]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("1,-1,10,20,30", "got 5 columns, expected at least 6"),
        ("1|-1|10|20|30|40|0.9", "got 1 columns"),
        ("1,0.93,10,20,30,40", "got id 0.93, expected a whole number"),
        ("1,-1,10,20,thirty,40,0.9", "expected numbers"),
        ("-1,-1,10,20,30,40,0.9", "got frame -1, expected a whole number from 1"),
        ("nan,-1,10,20,30,40,0.9", "got frame nan"),
        ("1.5,-1,10,20,30,40,0.9", "got frame 1.5"),
        ("frame,id,x,y,w,h,score", "expected numbers"),
    ],
)
def test_a_bad_line_is_named_with_its_file_and_number(tmp_path: Path, line: str, message: str) -> None:
    path = written(tmp_path, GOOD + "\n" + line + "\n" + GOOD)
    with pytest.raises(ValueError, match=message) as caught:
        read_mot_detections(path)
    assert str(caught.value).startswith(f"detections: {path} line 3: ")
    assert "\n" not in str(caught.value)


def test_a_file_without_detections_says_that_nothing_was_found(tmp_path: Path) -> None:
    """An empty file was refused, though a detector that finds nothing writes one."""
    for text, num_left_out in (("", 0), ("\n\n", 0), ("1,-1,5,5,0,4,0.9\n", 1)):
        found = read_mot_detections(written(tmp_path, text))
        assert (found.num_from(0), found.num_without_area, len(found.at(0))) == (0, num_left_out, 0)


def test_what_is_no_file_of_text_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="does not exist"):
        read_mot_detections(tmp_path / "nothing.txt")
    (tmp_path / "det.txt").write_bytes(b"1,-1,\xff\xfe\x00")
    with pytest.raises(ValueError, match="is not text"):
        read_mot_detections(tmp_path / "det.txt")


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    boxes = [MotBox(0, 4, (1.0, 2.0, 4.5, 8.25), 0.875, class_id=2), MotBox(6, 5, (-3.0, 0.0, 2.0, 1.0), 1.0)]
    found = read_mot_detections(written(tmp_path, mot_text(boxes)))
    for box in boxes:
        assert found.at(box.frame_index).xyxy_px.tolist() == [list(box.xyxy_px)]
        assert found.at(box.frame_index).score.tolist() == [box.score]
        assert found.at(box.frame_index).class_id.tolist() == [box.class_id]


@pytest.mark.slow
def test_every_recorded_detection_file_is_read(real_data: Path) -> None:
    paths = sorted(real_data.glob("*/*/det/*.txt"))
    assert len(paths) > 50
    num_without_area = 0
    for path in paths:
        found = read_mot_detections(path)
        num_lines = sum(bool(line.strip()) for line in path.read_text().splitlines())
        assert found.num_from(0) + found.num_without_area == num_lines
        num_without_area += found.num_without_area
    assert num_without_area == 1  # a car of KITTI-0000 whose projection has no width
