"""Detectors by name: files, and functions of the user in the folder where perdure runs."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from perdure.detectors.load import FunctionDetector, load_detector
from perdure.types import Detections

FRAME = np.zeros((20, 30, 3), dtype=np.uint8)


def test_a_function_in_this_folder_is_a_detector(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mine_of_this_test.py").write_text("def find(frame):\n    return [[1, 2, 11, 12, 0.5, 3]]\n")
    monkeypatch.chdir(tmp_path)
    found = load_detector("mine_of_this_test:find").detect(FRAME)
    assert found.xyxy_px.tolist() == [[1, 2, 11, 12]] and found.score.tolist() == [0.5]
    assert found.class_id.tolist() == [3]
    with pytest.raises(ValueError, match="module 'mine_of_this_test' has no function 'fnd'"):
        load_detector("mine_of_this_test:fnd")
    with pytest.raises(ValueError, match="there is no module 'mine_of_that_test'"):
        load_detector("mine_of_that_test:find")


def test_a_function_may_give_detections_of_any_kind() -> None:
    own = Detections(xyxy_px=np.array([[0.0, 0, 5, 5]]), score=np.array([0.9]))
    alike = SimpleNamespace(xyxy=np.array([[0.0, 0, 5, 5]]), confidence=np.array([0.9]), class_id=np.array([2]))
    assert FunctionDetector(lambda frame: own, name="a:b").detect(FRAME) is own
    assert FunctionDetector(lambda frame: alike, name="a:b").detect(FRAME).class_id.tolist() == [2]
    assert len(FunctionDetector(lambda frame: [], name="a:b").detect(FRAME)) == 0
    five = FunctionDetector(lambda frame: np.ones((2, 5)), name="a:b").detect(FRAME)
    assert five.class_id.tolist() == [-1, -1]
    with pytest.raises(ValueError, match=r"a:b gave an array of shape \(2, 4\), expected rows of"):
        FunctionDetector(lambda frame: np.ones((2, 4)), name="a:b").detect(FRAME)


@pytest.mark.parametrize("name", ["yolo", "model.pt", "C:thing/x y", ":find", ""])
def test_what_is_neither_is_said(name: str) -> None:
    with pytest.raises(ValueError, match=r"expected FILE.onnx or module:function|no module"):
        load_detector(name)
