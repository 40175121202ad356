"""A detection network from an ONNX file, run by ONNX Runtime where it is installed and by OpenCV otherwise."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Float, Int, UInt8

from perdure.detectors.coco import COCO_NAMES
from perdure.detectors.layouts import Feed, Fit, Raw, Size, layout_of
from perdure.detectors.onnx_file import OnnxInfo
from perdure.types import Detections

_FREE_SIZE = 640
"""Side of the input of a network that takes any, in pixels: what most are trained at."""
_GREY = 114
"""Borders, as YOLO fills them in training."""
_MAX_OVERLAP = 0.45
"""IoU above which of two boxes the better one stays, of whatever classes: one object is one track."""
_OVERLAP_OF_TILES = 0.2
"""Share of a tile that its neighbour sees as well, so that objects at a border are whole in one of them."""

Run = Callable[[dict[str, np.ndarray]], list[np.ndarray]]


class OnnxDetector:
    """Boxes of a detection network, of every family that `layouts` knows.

    Args:
        path: ONNX file.
        min_score: boxes below it are left out; low, since deciding on weak boxes is what the gate is for.
        classes: names or numbers of classes to keep; all by default.
        tiles: cuts each frame into so many overlapping parts a side, for small objects; each costs as a frame does.
        max_detections: at most this many a frame, the best ones.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is no ONNX file, is of no family that is known, or has no class of that name.
    """

    def __init__(
        self,
        path: Path,
        *,
        min_score: float = 0.1,
        classes: Sequence[str] = (),
        tiles: int = 1,
        max_detections: int = 300,
    ) -> None:
        if not 0 <= min_score < 1 or tiles < 1 or max_detections < 1:
            raise ValueError(
                f"detector: got min_score {min_score}, tiles {tiles} and max_detections {max_detections}, "
                "expected 0 to 1, at least 1 and at least 1"
            )
        info = OnnxInfo.read(path)
        self._pictures, self._sizes = _inputs(info, path)
        self.size = _size_of(info.inputs[self._pictures], path)
        self._run = _opened(path)
        grey = self._outputs(np.full((*self.size, 3), _GREY, dtype=np.uint8), Feed())
        self.layout = layout_of(grey, self.size)
        self.class_names = info.class_names
        if not self.class_names and self.layout.decode(grey, self.size).num_classes == len(COCO_NAMES):
            self.class_names = dict(enumerate(COCO_NAMES))
        self._kept = None if not classes else np.array([self._number(one) for one in classes])
        self._min_score, self._tiles, self._max_detections = min_score, tiles, max_detections

    def detect(self, frame: UInt8[np.ndarray, "h w 3"]) -> Detections:
        """Returns what is found in one frame (RGB), best first; boxes in pixels of the frame."""
        parts = [
            self._found(frame[top:bottom, left:right], left, top) for left, top, right, bottom in self._cuts(frame)
        ]
        boxes, score, class_id = (
            np.concatenate(columns) for columns in zip(*(part[:3] for part in parts), strict=True)
        )
        if self.layout.needs_suppression or self._tiles > 1:
            kept = _suppressed(boxes, score)
            boxes, score, class_id = boxes[kept], score[kept], class_id[kept]
        best = np.argsort(-score, kind="stable")[: self._max_detections]
        return Detections(xyxy_px=boxes[best], score=score[best], class_id=class_id[best])

    def _number(self, name: str) -> int:
        if name.isdigit():
            return int(name)
        for number, known in self.class_names.items():
            if known == name:
                return number
        if not self.class_names:
            raise ValueError(f"classes: got '{name}', expected a number, since this network names no classes")
        listed = ", ".join(list(self.class_names.values())[:8])
        raise ValueError(f"classes: got '{name}', expected a number or one of {listed}, ...")

    def _cuts(self, frame: np.ndarray) -> list[tuple[int, int, int, int]]:
        """Returns the corners of the tiles of a frame."""
        height, width = frame.shape[:2]
        lefts, tops = (_edges(length, self._tiles) for length in (width, height))
        return [(left, top, right, bottom) for top, bottom in tops for left, right in lefts]

    def _found(self, part: np.ndarray, left: int, top: int) -> Raw:
        """Returns the boxes of a tile, in pixels of the frame."""
        raw = self.layout.decode(self._outputs(part, self.layout.feed), self.size)
        is_kept = raw.score >= self._min_score
        if self._kept is not None:
            is_kept &= np.isin(raw.class_id, self._kept)
        boxes = _placed_back(raw.xyxy_px[is_kept], part.shape[:2], self.size, self.layout.feed.fit)
        return Raw(boxes + np.array([left, top, left, top]), raw.score[is_kept], raw.class_id[is_kept])

    def _outputs(self, part: np.ndarray, feed: Feed) -> list[np.ndarray]:
        fed = {self._pictures: prepared(part, self.size, feed)}
        if self._sizes is not None:  # RT-DETR and D-FINE ask for the size that boxes are wanted in
            fed[self._sizes] = np.array([[self.size[1], self.size[0]]], dtype=np.int64)
        return self._run(fed)


def prepared(picture: UInt8[np.ndarray, "h w 3"], size: Size, feed: Feed) -> Float[np.ndarray, "1 3 rows columns"]:
    """Returns a picture (RGB) as a network wants it."""
    height, width = size
    if feed.fit == "stretch":
        fitted = cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)
    else:
        ratio, left, top = _placing(picture.shape[:2], size, feed.fit)
        inner = (round(picture.shape[1] * ratio), round(picture.shape[0] * ratio))
        fitted = np.full((height, width, 3), _GREY, dtype=np.uint8)
        fitted[top : top + inner[1], left : left + inner[0]] = cv2.resize(picture, inner)
    channels = fitted if feed.is_rgb else fitted[:, :, ::-1]
    scaled = channels * (feed.scale / 255)
    scaled = ((scaled - np.array(feed.mean)) / np.array(feed.deviation)).astype(np.float32)
    return np.ascontiguousarray(scaled.transpose(2, 0, 1)[None])


def _placing(picture: tuple[int, int], size: Size, fit: Fit) -> tuple[float, int, int]:
    """Returns the factor of a picture, and where its corner comes to lie."""
    ratio = min(size[0] / picture[0], size[1] / picture[1])
    if fit == "corner":
        return ratio, 0, 0
    return ratio, (size[1] - round(picture[1] * ratio)) // 2, (size[0] - round(picture[0] * ratio)) // 2


def _placed_back(boxes: np.ndarray, picture: tuple[int, int], size: Size, fit: Fit) -> np.ndarray:
    if fit == "stretch":
        return np.asarray(boxes * np.array([picture[1] / size[1], picture[0] / size[0]] * 2))
    ratio, left, top = _placing(picture, size, fit)
    return np.asarray((boxes - np.array([left, top, left, top])) / ratio)


def _edges(length: int, num: int) -> list[tuple[int, int]]:
    """Returns first pixel and end of `num` overlapping parts.

    >>> _edges(100, 1), _edges(100, 2)
    ([(0, 100)], [(0, 56), (44, 100)])
    """
    part = -(-length // (num - (num - 1) * _OVERLAP_OF_TILES)) if num > 1 else length
    starts = np.linspace(0, length - part, num).round().astype(int).tolist()
    return [(start, start + int(part)) for start in starts]


def _suppressed(boxes: Float[np.ndarray, "n 4"], score: Float[np.ndarray, " n"]) -> Int[np.ndarray, " m"]:
    """Returns the rows that stay when of overlapping boxes the best one is kept."""
    if not len(boxes):
        return np.zeros(0, dtype=np.int64)
    corners = np.concatenate([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]], axis=1)
    kept = cv2.dnn.NMSBoxes(corners.tolist(), score.tolist(), 0.0, _MAX_OVERLAP)
    return np.asarray(kept, dtype=np.int64).reshape(-1)


def _inputs(info: OnnxInfo, path: Path) -> tuple[str, str | None]:
    """Returns the names of the input for pictures, and of that for their size."""
    pictures = [name for name, shape in info.inputs.items() if len(shape) == 4]
    others = [name for name, shape in info.inputs.items() if len(shape) == 2]
    if len(pictures) != 1 or len(pictures) + len(others) != len(info.inputs) or len(others) > 1:
        raise ValueError(f"detector: {path} has inputs {info.inputs}, expected one of pictures (1, 3, height, width)")
    return pictures[0], others[0] if others else None


def _size_of(shape: tuple[int | None, ...], path: Path) -> Size:
    batch, channels, height, width = shape
    if channels not in (3, None) or batch not in (1, None):
        raise ValueError(f"detector: {path} takes {shape}, expected one picture of 3 channels at a time")
    return height or _FREE_SIZE, width or _FREE_SIZE


def _opened(path: Path) -> Run:
    """Returns what runs the network.

    Raises:
        ValueError: it cannot be loaded.
    """
    try:
        return _by_onnx_runtime(path) if importlib.util.find_spec("onnxruntime") is not None else _by_opencv(path)
    except (RuntimeError, cv2.error) as error:
        reason = " ".join(str(error).split())[:200]
        hint = "" if importlib.util.find_spec("onnxruntime") else "; pip install 'perdure[detector]' for ONNX Runtime"
        raise ValueError(f"detector: {path} cannot be loaded ({reason}){hint}") from error


def _by_onnx_runtime(path: Path) -> Run:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    return lambda fed: [np.asarray(one) for one in session.run(None, fed)]


def _by_opencv(path: Path) -> Run:
    network = cv2.dnn.readNetFromONNX(str(path))
    names = network.getUnconnectedOutLayersNames()

    def run(fed: dict[str, np.ndarray]) -> list[np.ndarray]:
        for name, values in fed.items():
            network.setInput(values, name)
        return [np.asarray(one) for one in network.forward(names)]

    return run
