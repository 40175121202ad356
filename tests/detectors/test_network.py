"""A real network of 1 MB against its recorded detections, and the way of boxes from frame to network and back."""

from __future__ import annotations

import os
from itertools import islice, pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest

from perdure.detectors import network
from perdure.detectors.layouts import Feed, Fit
from perdure.detectors.network import OnnxDetector, _edges, _placed_back, prepared
from perdure.geometry import iou_matrix
from perdure.video.mot import read_mot_detections
from perdure.video.reader import open_video


@pytest.fixture(scope="module")
def fastestdet() -> OnnxDetector:
    return OnnxDetector(weights())


def weights() -> Path:
    path = Path(os.environ.get("PERDURE_DATA", "/nowhere")) / "detectors" / "FastestDet.onnx"
    if not path.is_file():
        pytest.skip("PERDURE_DATA names no folder with detectors/FastestDet.onnx")
    return path


def test_recorded_detections_are_found_again(real_data: Path, fastestdet: OnnxDetector) -> None:
    folder = real_data / "video" / "PETS09-S2L1"
    recorded = read_mot_detections(folder / "det" / "det_fastestdet.txt")
    assert (fastestdet.layout.family, fastestdet.size) == ("FastestDet", (352, 352))
    with open_video(folder / "vtest.avi") as reader:
        for item in islice(reader, 3):
            found, wanted = fastestdet.detect(item.frame), recorded.at(item.frame_index)
            assert len(found) == len(wanted) > 50
            pairs = iou_matrix(wanted.xyxy_px, found.xyxy_px)
            assert pairs.max(axis=1).min() > 0.98
            best = pairs.argmax(axis=1)
            np.testing.assert_allclose(found.score[best], wanted.score, atol=1e-3)
            assert (found.class_id[best] == wanted.class_id).all()


def test_classes_and_scores_are_chosen_by_the_user(real_data: Path, fastestdet: OnnxDetector) -> None:
    with open_video(real_data / "video" / "PETS09-S2L1" / "vtest.avi") as reader:
        frame = next(iter(reader)).frame
    people = OnnxDetector(weights(), classes=["person"], min_score=0.3).detect(frame)
    everything = fastestdet.detect(frame)
    assert 0 < len(people) < (everything.class_id == 0).sum() and (people.class_id == 0).all()
    assert people.score.min() >= 0.3
    tiled = OnnxDetector(weights(), tiles=2, classes=["0"]).detect(frame)
    smallest = [boxes.xyxy_px[:, 3].max() for boxes in (tiled, people)]
    assert len(tiled) > 0 and max(smallest) <= 1.1 * frame.shape[0]
    with pytest.raises(ValueError, match="classes: got 'persn', expected a number or one of person, bicycle"):
        OnnxDetector(weights(), classes=["persn"])


@pytest.mark.parametrize("fit", ["letterbox", "corner", "stretch"])
def test_a_spot_goes_into_the_network_and_its_box_comes_back(fit: Fit) -> None:
    picture = np.zeros((300, 500, 3), dtype=np.uint8)
    picture[120:180, 50:150] = (255, 0, 0)
    fed = prepared(picture, (320, 320), Feed(fit=fit))
    assert fed.shape == (1, 3, 320, 320) and fed.dtype == np.float32
    rows, columns = np.nonzero((fed[0, 0] > 0.7) & (fed[0, 1] < 0.3))
    box = np.array([[columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]], dtype=float)
    np.testing.assert_allclose(_placed_back(box, (300, 500), (320, 320), fit), [[50, 120, 150, 180]], atol=2.5)
    blue_first = prepared(picture, (320, 320), Feed(fit=fit, is_rgb=False, scale=255.0))
    assert blue_first[0, 2].max() == 255 and blue_first[0, 0].min() == 0


@pytest.mark.parametrize(("length", "num"), [(100, 1), (100, 2), (481, 3), (7, 3)])
def test_tiles_cover_a_frame_and_overlap(length: int, num: int) -> None:
    edges = _edges(length, num)
    assert len(edges) == num and edges[0][0] == 0 and edges[-1][1] == length
    assert len({end - start for start, end in edges}) == 1
    assert all(next_start < end for (_, end), (next_start, _) in pairwise(edges))


def test_both_engines_give_the_same_numbers() -> None:
    pytest.importorskip("onnxruntime", reason="ONNX Runtime is not installed")
    fed = {"input.1": np.random.default_rng(0).random((1, 3, 352, 352), dtype=np.float32)}
    first, second = (make(weights())(fed) for make in (network._by_onnx_runtime, network._by_opencv))
    np.testing.assert_allclose(first[0], second[0], atol=1e-3)


@pytest.mark.parametrize(("num_classes", "said"), [(80, None), (91, "names no classes"), (5, "names no classes")])
def test_names_of_coco_are_taken_for_nothing_but_80_classes(
    num_classes: int, said: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """RF-DETR numbers its 91 classes from 1 with gaps: "person" would have been its class 0, which is none."""
    outputs = [np.full((1, 300, 4), 0.5), np.full((1, 300, num_classes), -5.0)]
    monkeypatch.setattr(network, "_opened", lambda path: lambda fed: outputs)
    if said is None:
        assert OnnxDetector(weights(), classes=["person"]).class_names[0] == "person"
        return
    with pytest.raises(ValueError, match=said):
        OnnxDetector(weights(), classes=["person"])
    assert OnnxDetector(weights(), classes=["1"]).class_names == {}


def test_a_network_that_cannot_be_loaded_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(path: Path) -> network.Run:
        raise cv2.error("no such\n layer")

    monkeypatch.setattr(network, "_by_opencv", fails)
    monkeypatch.setattr(network, "_by_onnx_runtime", fails)
    with pytest.raises(ValueError, match=r"FastestDet.onnx cannot be loaded \(no such layer\)"):
        OnnxDetector(weights())
