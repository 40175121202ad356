"""The same boxes in every layout that people have them in; what is malformed is named with its place."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from perdure.data.detection_files import read_detection_files, read_scores
from perdure.data.stored_detections import DetectionFiles
from perdure.types import NO_OWNER

BOX = [10.0, 20.0, 50.0, 100.0]
"""Corners, in a picture of 200 x 200; on frames 0 and 2."""


def mot(folder: Path) -> Path:
    path = folder / "det.txt"
    path.write_text("1,7,10,20,40,80,0.9,2\n3,7,10,20,40,80,0.8,2\n3,8,10,20,0,80,0.8,2\n")
    return path


def kitti(folder: Path) -> Path:
    path = folder / "0001.txt"
    row = "{frame} {own} {kind} 0 0 -1.5 10 20 50 100 1.5 1.6 3.9 2 1 20 -1.6{score}\n"
    lines = [
        row.format(frame=0, own=7, kind="Car", score=" 0.9"),
        row.format(frame=0, own=-1, kind="DontCare", score=""),
        row.format(frame=2, own=7, kind="Car", score=" 0.8"),
    ]
    path.write_text("".join(lines))
    return path


def yolo(folder: Path) -> Path:
    labels = folder / "labels"
    labels.mkdir()
    for number, text in ((9, "2 0.15 0.3 0.2 0.4 0.9\n"), (10, ""), (11, "2 0.15 0.3 0.2 0.4 0.8\n")):
        (labels / f"frame_{number}.txt").write_text(text)
    return labels


def coco(folder: Path) -> Path:
    path = folder / "results.json"
    box = {"bbox": [10, 20, 40, 80], "category_id": 2}
    content = {
        "images": [{"id": number, "width": 200, "height": 200} for number in (5, 6, 7)],
        "annotations": [box | {"image_id": 5, "score": 0.9}, box | {"image_id": 7, "score": 0.8}],
    }
    path.write_text(json.dumps(content))
    return path


CVAT = """<?xml version="1.0" encoding="utf-8"?>
<annotations><version>1.1</version><meta><task><size>3</size>{meta}
<labels><label><name>bus</name></label><label><name>tram</name></label><label><name>car</name></label></labels>
</task></meta>{body}</annotations>"""
CORNERS = 'xtl="10.0" ytl="20.0" xbr="50.0" ybr="100.0"'


def cvat_video(folder: Path) -> Path:
    path = folder / "annotations.xml"
    boxes = "".join(
        f'<box frame="{frame}" outside="{outside}" occluded="0" keyframe="1" {CORNERS}>{score}</box>'
        for frame, outside, score in (
            (0, 0, '<attribute name="score">0.9</attribute>'),
            (1, 1, ""),
            (2, 0, '<attribute name="Confidence">0.8</attribute>'),
        )
    )
    size = "<original_size><width>200</width><height>200</height></original_size>"
    path.write_text(CVAT.format(meta=size, body=f'<track id="7" label="car" source="manual">{boxes}</track>'))
    return path


def cvat_images(folder: Path) -> Path:
    path = folder / "annotations.xml"
    box = '<box label="car" occluded="0" {corners}><attribute name="score">{score}</attribute></box>'
    images = "".join(
        f'<image id="{number}" name="{number}.png" width="200" height="200">'
        + (box.format(corners=CORNERS, score=score) if score else "")
        + "</image>"
        for number, score in ((0, 0.9), (1, 0), (2, 0.8))
    )
    path.write_text(CVAT.format(meta="", body=images))
    return path


@pytest.mark.parametrize("layout", [mot, kitti, yolo, coco, cvat_video, cvat_images])
def test_every_layout_gives_the_same_boxes(layout: object, tmp_path: Path) -> None:
    found = read_detection_files(layout(tmp_path), image_size=(200, 200))  # type: ignore[operator]
    assert found.num_frames == 3 and sorted(found.by_frame) == [0, 2]
    for frame, score in ((0, 0.9), (2, 0.8)):
        assert found.at(frame).xyxy_px == pytest.approx(np.array([BOX]))
        assert found.at(frame).score.tolist() == [score]
    assert len(found.at(1)) == 0


def test_ids_and_sizes_come_with_the_layouts_that_have_them(tmp_path: Path) -> None:
    by_layout = {
        make.__name__: read_detection_files(make(tmp_path), image_size=(200, 200)) for make in (mot, kitti, yolo)
    }
    assert {name: found.ids_at(2).tolist() for name, found in by_layout.items()} == {
        "mot": [7], "kitti": [7], "yolo": [NO_OWNER],
    }  # fmt: skip
    assert by_layout["mot"].num_left_out == 1, "a box without width"
    assert by_layout["mot"].reach_px() == (50, 100)
    assert read_detection_files(coco(tmp_path)).image_size == (200, 200)
    video = read_detection_files(cvat_video(tmp_path))
    assert (video.image_size, video.ids_at(2).tolist(), video.at(2).class_id.tolist()) == ((200, 200), [7], [2])
    images = read_detection_files(cvat_images(tmp_path))
    assert (images.image_size, images.ids_at(2).tolist(), images.layout) == ((200, 200), [NO_OWNER], "XML of CVAT")


def test_frame_10_comes_after_frame_9(tmp_path: Path) -> None:
    found = read_detection_files(yolo(tmp_path), image_size=(200, 200))
    assert [found.at(frame).score.tolist() for frame in range(3)] == [[0.9], [], [0.8]]


def test_numbers_count_from_the_start_of_the_video_that_they_belong_to(tmp_path: Path) -> None:
    """The first frame on which something was found was taken for the first of the video, whatever its number."""
    labels = yolo(tmp_path)  # frames 9 to 11
    results = tmp_path / "results.json"
    box = {"bbox": [10, 20, 40, 80], "category_id": 2, "score": 0.9}
    results.write_text(json.dumps([box | {"image_id": number} for number in (9, 11)]))
    for path in (labels, results):
        assert sorted(read_detection_files(path, image_size=(200, 200)).by_frame) == [0, 2]
        inside = read_detection_files(path, image_size=(200, 200), num_frames=12)
        assert sorted(inside.by_frame) == [8, 10], "frames count from 1"
        assert sorted(read_detection_files(path, image_size=(200, 200), num_frames=5).by_frame) == [0, 2]
    (labels / "frame_0.txt").write_text("2 0.15 0.3 0.2 0.4 0.7\n")
    assert sorted(read_detection_files(labels, image_size=(200, 200), num_frames=12).by_frame) == [0, 9, 11]


def test_ids_of_pictures_that_lie_far_apart_are_no_frames(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    path.write_text(json.dumps([{"image_id": number, "bbox": [10, 20, 40, 80]} for number in (139, 397133)]))
    assert sorted(read_detection_files(path).by_frame) == [0, 1]


@pytest.mark.parametrize("layout", [mot, kitti, yolo, coco, cvat_video, cvat_images])
def test_scores_are_read_from_every_layout(layout: object, tmp_path: Path) -> None:
    """Known scores were read from MOT text alone."""
    assert read_scores(layout(tmp_path)).tolist() == [0.9, 0.8]  # type: ignore[operator]


def test_frames_that_count_from_0_are_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "det.txt").write_text("0,-1,10,20,40,80,0.9\n")
    assert sorted(read_detection_files(tmp_path / "det.txt").by_frame) == [0]
    assert "count from 0, taken so" in caplog.text


@pytest.mark.parametrize("text", ['[{"image_id": 1, "bbox": [1, 2, 3, 4]}]', "<annotations/>", '{"images": []}'])
def test_json_under_another_name_is_no_file_without_detections(tmp_path: Path, text: str) -> None:
    """A file in one line passed for a header, and nothing was found in the whole video."""
    (tmp_path / "det.txt").write_text(text)
    with pytest.raises(ValueError, match=r"det\.txt looks like JSON or XML, expected rows of numbers"):
        read_detection_files(tmp_path / "det.txt")


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.json", "{", r"a\.json is not JSON"),
        ("a.json", "[1]", r"a\.json holds no COCO results"),
        ("a.json", '[{"image_id": 1}]', r"a\.json is no COCO JSON \(KeyError: 'bbox'\)"),
        ("a.json", '[{"image_id": 1, "bbox": [1, 2, "x", 4]}]', r"a\.json box 0: got .*expected numbers"),
        ("a.xml", "<annotations><track", r"a\.xml is not XML \("),
        ("a.xml", "<html/>", r"a\.xml begins with <html>, expected <annotations> as CVAT writes it"),
        ("a.xml", "<!DOCTYPE a><annotations/>", r"a\.xml declares a document type, which no export of CVAT does"),
        (
            "a.xml",
            CVAT.format(meta="", body='<image id="0"><box label="a" xtl="1"/></image>'),
            r"CVAT \(KeyError: 'ytl'\)",
        ),
        (
            "a.xml",
            CVAT.format(meta="", body=f'<track id="1" label="a"><box frame="-2" {CORNERS}/></track>'),
            "frame -2",
        ),
        ("a.txt", "0 1 Car 0 0 0 a b c d 0 0 0 0 0 0 0\n", r"a\.txt line 1: got '0 1 a b c d', expected numbers"),
    ],
)
def test_what_is_malformed_is_named_with_its_place(tmp_path: Path, name: str, text: str, message: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(ValueError, match=message):
        read_detection_files(tmp_path / name)


def test_what_is_missing_is_said(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="nowhere does not exist"):
        read_detection_files(tmp_path / "nowhere")
    with pytest.raises(ValueError, match="YOLO labels, which are shares of the picture; give its width and height"):
        read_detection_files(yolo(tmp_path))
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match=r"holds neither seqinfo\.ini nor label files"):
        read_detection_files(tmp_path / "empty")


def test_an_empty_stream_has_a_picture_of_one_pixel() -> None:
    assert DetectionFiles(layout="MOT text", by_frame={}, ids={}, num_frames=0).reach_px() == (1, 1)


def test_a_stamp_is_no_frame(tmp_path: Path) -> None:
    """One row with a frame of 99,999,999 kept the gate busy with empty frames for hours."""
    (tmp_path / "det.txt").write_text("1,-1,10,20,30,40,0.9\n99999999,-1,10,20,30,40,0.9\n", encoding="utf-8")
    with pytest.raises(
        ValueError, match=r"got a box in frame 99,999,999, expected at most 10,000,000 frames .MOT text"
    ):
        read_detection_files(tmp_path / "det.txt")
    labels = tmp_path / "labels"
    labels.mkdir()
    for stamp in (1700000000123, 1700000000163, 1700000000203):
        (labels / f"{stamp}.txt").write_text("0 0.5 0.5 0.1 0.1\n", encoding="utf-8")
    assert sorted(read_detection_files(labels, image_size=(100, 100)).by_frame) == [0, 1, 2]


def test_what_is_no_label_is_not_asked_for_its_size(tmp_path: Path) -> None:
    (tmp_path / "det.txt").write_text("1,-1,10,20,30,40,0.9\n", encoding="utf-8")
    (tmp_path / "det.csv").write_text("1,-1,10,20,30,40,0.9\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"holds no seqinfo\.ini, and det\.txt is no YOLO label .*; give one file"):
        read_detection_files(tmp_path)
    (tmp_path / "street.mp4").write_bytes(b"\x00")
    with pytest.raises(ValueError, match="is a video, expected what a detector found in it"):
        read_detection_files(tmp_path / "street.mp4")


@pytest.mark.parametrize(("row", "has_scores"), [("1,-1,10,20,30,40", False), ("1,-1,10,20,30,40,0.9", True)])
def test_missing_scores_are_known(row: str, has_scores: bool, tmp_path: Path) -> None:
    (tmp_path / "det.txt").write_text(row + "\n", encoding="utf-8")
    assert read_detection_files(tmp_path / "det.txt").has_scores is has_scores
    result = {"image_id": 1, "bbox": [1, 2, 3, 4]} | ({"score": 0.9} if has_scores else {})
    (tmp_path / "det.json").write_text(json.dumps([result]), encoding="utf-8")
    assert read_detection_files(tmp_path / "det.json").has_scores is has_scores
    (tmp_path / "labels").mkdir()
    label = "0 0.5 0.5 0.1 0.1" + " 0.9" * has_scores
    (tmp_path / "labels" / "1.txt").write_text(label + "\n", encoding="utf-8")
    assert read_detection_files(tmp_path / "labels", image_size=(100, 100)).has_scores is has_scores
