"""The motion detector on scenes whose right answer is known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from perdure.geometry import iou_matrix
from perdure.types import Detections
from perdure.video.motion import MotionConfig, MotionDetector
from perdure.video.reader import open_video
from video.moving_square import HEIGHT, WIDTH, square_frames, square_xyxy


def detect(frames: list[np.ndarray], config: MotionConfig | None = None) -> list[Detections]:
    detector = MotionDetector(config)
    return [detector.detect(frame) for frame in frames]


def test_a_moving_square_is_found_once_on_every_frame() -> None:
    found = detect(square_frames(50, first=20))
    for index, detections in enumerate(found):
        if index < 20:
            assert len(detections) == 0
            continue
        assert len(detections) == 1, index
        assert iou_matrix(detections.xyxy_px, np.array([square_xyxy(index)], dtype=float))[0, 0] > 0.6
        assert 0.2 < detections.score[0] <= 1


def test_a_slow_object_at_the_start_of_a_video_is_not_learned_away() -> None:
    """With OpenCV's own learning rate its inside became background after three frames, and two edges were left."""
    frames = square_frames(12, first=1000) + [np.full((HEIGHT, WIDTH, 3), 90, np.uint8) for _ in range(6)]
    for index, frame in enumerate(frames[12:]):
        frame[30:60, 40 + index : 70 + index] = 200
    for index, detections in enumerate(detect(frames)[12:]):
        box = np.array([[40.0 + index, 30, 70 + index, 60]])
        assert len(detections) == 1 and iou_matrix(detections.xyxy_px, box)[0, 0] > 0.8, index


def test_noise_alone_is_not_motion() -> None:
    assert sum(len(found) for found in detect(square_frames(60, noise=5.0, first=1000))) == 0


def test_a_grey_picture_works_as_well_and_dark_is_not_shadow() -> None:
    """In colour, a darker shade of the background is a shadow; in a thermal picture it is something cold."""
    frames = square_frames(30, first=1000)
    for index, frame in enumerate(frames[10:], start=10):
        x0, y0, x1, y1 = square_xyxy(index)
        frame[y0:y1, x0:x1] = frame[y0:y1, x0:x1] // 10 * 7
    as_colour = [np.clip(frame * np.array([1.3, 1.0, 0.7]), 0, 255).astype(np.uint8) for frame in frames]
    as_grey = [np.repeat(frame[:, :, :1], 3, axis=2) for frame in frames]
    assert sum(len(found) for found in detect(as_colour)[12:]) == 0
    assert [len(found) for found in detect(as_grey)[12:]] == [1] * 18


def test_the_first_frames_yield_nothing() -> None:
    frames = square_frames(12)
    assert [len(found) > 0 for found in detect(frames, MotionConfig(warmup_frames=8))[:9]] == [False] * 8 + [True]


def test_a_target_of_a_few_pixels_is_found_in_a_small_picture() -> None:
    rng = np.random.default_rng(3)
    num_found = 0
    detector = MotionDetector()
    for index in range(40):
        frame = np.clip(rng.normal(100, 2, (256, 320, 1)), 0, 255).astype(np.uint8).repeat(3, axis=2)
        x = 40 + 3 * index
        frame[100:104, x : x + 4] = 200
        found = detector.detect(frame)
        if index >= 5:
            centre = (found.xyxy_px[:, :2] + found.xyxy_px[:, 2:]) / 2
            num_found += bool((np.abs(centre - [x + 2, 102]).max(axis=1) < 3).any()) if len(found) else 0
    assert num_found >= 33


def test_a_large_picture_is_shrunk_and_boxes_come_back_in_its_pixels() -> None:
    frames = [np.kron(frame, np.ones((8, 8, 1), np.uint8)) for frame in square_frames(24, first=20)]
    detector = MotionDetector()
    found = [detector.detect(frame) for frame in frames][-1]
    assert detector._prepared(frames[0]).shape[1] <= 512
    assert iou_matrix(found.xyxy_px, 8.0 * np.array([square_xyxy(23)]))[0, 0] > 0.6
    odd = frames[0][:-3, :-5]
    assert len(MotionDetector().detect(odd)) == 0


def test_head_and_legs_are_one_but_neighbours_are_two() -> None:
    def scene(index: int, *, gap_y: int, gap_x: int) -> np.ndarray:
        frame = np.full((288, 384, 3), 90, np.uint8)
        if index >= 20:
            x = 100 + index
            frame[100:112, x : x + 10] = 200
            frame[112 + gap_y : 130 + gap_y, x : x + 10] = 200
            frame[100:130, x + 10 + gap_x : x + 20 + gap_x] = 200
        return frame

    found = detect([scene(index, gap_y=5, gap_x=8) for index in range(24)])[-1]
    assert len(found) == 2
    assert np.sort(found.xyxy_px[:, 0]).tolist() == pytest.approx([123, 141], abs=2)


@pytest.mark.parametrize(("gap_share", "num"), [(0.0, 2), (0.04, 1)])
def test_pieces_one_above_the_other_are_joined_across_a_small_gap(gap_share: float, num: int) -> None:
    frames = [np.full((288, 384, 3), 90, np.uint8) for _ in range(24)]
    for index in range(20, 24):
        frames[index][100:112, 100 + index : 110 + index] = 200
        frames[index][121:140, 102 + index : 112 + index] = 200
    found = detect(frames, MotionConfig(merge_gap_share=gap_share, closing_height_share=0.0))[-1]
    assert len(found) == num
    assert found.xyxy_px[:, 1].min() == pytest.approx(100, abs=2) and found.xyxy_px[:, 3].max() == pytest.approx(
        140, abs=2
    )


@pytest.mark.parametrize(("share", "num"), [(0.005, 1), (0.05, 0)])
def test_what_is_too_small_is_left_out(share: float, num: int) -> None:
    assert len(detect(square_frames(24, first=20), MotionConfig(min_area_share=share))[-1]) == num


def test_a_light_switched_on_is_not_a_thousand_objects() -> None:
    frames = square_frames(20, first=1000)
    frames[12:] = [np.clip(frame.astype(int) + 80, 0, 255).astype(np.uint8) for frame in frames[12:]]
    detector = MotionDetector()
    found = [len(detector.detect(frame)) for frame in frames]
    assert found == [0] * 20
    assert detector.num_flooded > 0


def test_the_number_of_detections_is_limited_to_the_strongest() -> None:
    frames = [np.full((200, 300, 3), 90, np.uint8) for _ in range(10)]
    for row in range(5):
        for column in range(6):
            frames[-1][20 + 30 * row : 30 + 30 * row, 20 + 40 * column : 30 + 40 * column] = 120 + 4 * (
                6 * row + column
            )
    everything = detect(frames)[-1]
    few = detect(frames, MotionConfig(max_detections=4))[-1]
    assert len(everything) == 30 and len(few) == 4
    assert few.score.tolist() == pytest.approx(np.sort(everything.score)[::-1][:4].tolist())


def test_state_does_not_depend_on_the_number_of_frames() -> None:
    detector = MotionDetector()
    sizes = []
    for frame in square_frames(60):
        detector.detect(frame)
        sizes.append(sum(len(value) for value in vars(detector).values() if isinstance(value, list | dict | tuple)))
    assert sizes[0] == sizes[-1]


def test_wrong_frames_and_settings_are_refused(as_user: None) -> None:
    detector = MotionDetector()
    detector.detect(np.zeros((HEIGHT, WIDTH, 3), np.uint8))
    with pytest.raises(ValueError, match="frame 1: got shape"):
        detector.detect(np.zeros((HEIGHT, WIDTH + 1, 3), np.uint8))
    for field, value in (
        ("warmup_frames", 0),
        ("max_width_px", 8),
        ("min_area_share", 1.5),
        ("variance_threshold", 0.0),
    ):
        with pytest.raises(ValueError, match=field):
            MotionConfig(**{field: value})


@pytest.mark.slow
def test_people_and_drones_are_found_in_recorded_video(real_data: Path) -> None:
    """Guards the defaults: found 90 % of people at 1.3 false boxes a frame, and 98 % of drones at 0.0."""
    for folder, name, min_recall, max_false in (
        ("video/PETS09-S2L1", "vtest.avi", 0.87, 1.6), ("ir_drone/IR_DRONE_078", "IR_DRONE_078.mp4", 0.95, 0.2),
        ("ir_drone/IR_DRONE_014", "IR_DRONE_014.mp4", 0.9, 0.2),
    ):  # fmt: skip
        truth: dict[int, list[list[float]]] = {}
        for line in (real_data / folder / "gt" / "gt.txt").read_text().splitlines():
            frame, _, x, y, width, height, flag = map(float, line.split(",")[:7])
            if flag:
                truth.setdefault(int(frame) - 1, []).append([x, y, x + width, y + height])
        detector, num_found, num_false, num_true = MotionDetector(), 0, 0, 0
        with open_video(real_data / folder / name) as reader:
            for index, _, image in reader:
                found = detector.detect(image)
                boxes = np.array(truth.get(index, [])).reshape(-1, 4)
                is_match = iou_matrix(found.xyxy_px, boxes) >= 0.3
                if folder.startswith("ir"):  # boxes hug the hot core, the truth is loose: a centre inside will do
                    centre = (found.xyxy_px[:, None, :2] + found.xyxy_px[:, None, 2:]) / 2
                    is_match |= ((centre > boxes[:, :2] - 3) & (centre < boxes[:, 2:] + 3)).all(axis=2)
                num_found += int(is_match.any(axis=0).sum())
                num_false += int((~is_match.any(axis=1)).sum())
                num_true += len(boxes)
        assert num_found / num_true > min_recall, name
        assert num_false / detector.num_frames < max_false, name
