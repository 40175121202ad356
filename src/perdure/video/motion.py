"""A detector of things that move, for fixed cameras, so that a video can be watched without a trained detector.

Mixture-of-Gaussians background subtraction (Zivkovic, "Improved adaptive Gaussian mixture model for background
subtraction", ICPR 2004, as in OpenCV's MOG2), cleaned up and cut into boxes. All sizes are shares of the frame, so that
the same settings serve people in a 768x576 picture and specks of a few pixels in a 320x256 thermal one.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Float, UInt8
from scipy.sparse.csgraph import connected_components

from perdure.types import Detections

EARLY_SLOWNESS = 5
"""After n frames the background is learned at a rate of 1 / (this n), until that of the whole history is reached.
OpenCV's own 2 makes slow objects fade into the background within 3 frames at the start of a video: on ten thermal clips
it found 94 % of the targets (first 60 frames: 71 %), this value 97 % (86 %) at the same false boxes."""


@dataclass(frozen=True, kw_only=True, slots=True)
class MotionConfig:
    """Settings of the motion detector; their defaults were chosen on PETS09-S2L1 and on thermal clips of drones."""

    history_frames: int = 200
    """Frames over which the background is learned; what stands still for a tenth of them becomes background."""
    variance_threshold: float = 20.0
    """Squared distance from the background, in variances, above which a pixel is foreground."""
    warmup_frames: int = 5
    """First frames that yield nothing, since there is no background yet."""
    max_width_px: int = 512
    """Wider frames are shrunk by a whole number until they fit: four times fewer pixels cost four times less."""
    blur_px: float = 0.8
    """Standard deviation of the blur before subtraction: single noisy pixels must not count; 0 switches it off."""
    min_area_share: float = 6e-5
    """Least foreground area of an object, as a share of the frame (5 pixels of 320x256)."""
    min_area_px: int = 4
    """Least foreground area in pixels, at the size that is worked on, however small the frame."""
    closing_height_share: float = 0.0156
    """Gaps up to this share of the frame's height are closed: head and legs belong together."""
    closing_width_share: float = 0.004
    """As `closing_height_share` for the width, kept small so that neighbours stay apart."""
    merge_gap_share: float = 0.02
    """Boxes one above the other with a gap of up to this share of the frame's height are joined: pieces of a person."""
    min_merge_overlap: float = 0.6
    """One above the other means: they share at least this part of the narrower one's width."""
    max_foreground_share: float = 0.5
    """If more than this share of the frame changes (moved camera, light switched on), nothing is reported."""
    max_detections: int = 100
    """At most this many objects a frame, the ones of highest contrast."""

    def __post_init__(self) -> None:
        for name, least in (("history_frames", 2), ("warmup_frames", 1), ("max_width_px", 32), ("max_detections", 1),
                            ("min_area_px", 1)):  # fmt: skip
            if not getattr(self, name) >= least:
                raise ValueError(f"{name}: got {getattr(self, name)}, expected at least {least}")
        for name in ("min_area_share", "closing_height_share", "closing_width_share", "merge_gap_share",
                     "min_merge_overlap", "max_foreground_share"):  # fmt: skip
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name}: got {getattr(self, name)}, expected a share from 0 to 1")
        if not self.variance_threshold > 0 or not self.blur_px >= 0:
            raise ValueError("variance_threshold, blur_px: expected above 0, and at least 0")


class MotionDetector:
    """Boxes around what moves; sees the frames of one video in order."""

    def __init__(self, config: MotionConfig | None = None) -> None:
        self.config = config or MotionConfig()
        self.num_frames = 0
        self.num_flooded = 0
        """Frames given up since too much of the picture changed."""
        self._subtractor: cv2.BackgroundSubtractorMOG2 | None = None
        self._shape: tuple[int, ...] = ()
        self._factor, self._is_grey = 1, False

    def detect(self, frame: UInt8[np.ndarray, "h w 3"]) -> Detections:
        """Returns what moves in the next frame; score = mean contrast to the background in [0, 1].

        Raises:
            ValueError: the frame has another size than the first.
        """
        if self._subtractor is None:
            self._start(frame)
        if frame.shape != self._shape:
            raise ValueError(f"frame {self.num_frames}: got shape {frame.shape}, expected {self._shape} as the first")
        small = self._prepared(frame)
        self.num_frames += 1
        foreground = self._subtractor.apply(small, learningRate=self._learning_rate()) == 255  # type: ignore[union-attr]
        if self.num_frames <= self.config.warmup_frames:
            return Detections.empty()
        if foreground.mean() > self.config.max_foreground_share:
            self.num_flooded += 1
            return Detections.empty()
        return self._detections(foreground, self._contrast(small))

    def _start(self, frame: UInt8[np.ndarray, "h w 3"]) -> None:
        self._shape = frame.shape
        self._factor = -(-frame.shape[1] // self.config.max_width_px)
        spread = frame.max(axis=2).astype(np.int16) - frame.min(axis=2)
        # A thermal or black-and-white picture: one channel does, and darker is not shadow but cold.
        self._is_grey = bool(spread.mean() < 3)
        self._subtractor = cv2.createBackgroundSubtractorMOG2(
            history=self.config.history_frames,
            varThreshold=self.config.variance_threshold,
            detectShadows=not self._is_grey,
        )

    def _learning_rate(self) -> float:
        """Returns the weight of the next frame in the background; -1 leaves it to OpenCV while warming up."""
        if self.num_frames <= self.config.warmup_frames:
            return -1.0
        return 1.0 / min(self.config.history_frames, EARLY_SLOWNESS * self.num_frames)

    def _prepared(self, frame: UInt8[np.ndarray, "h w 3"]) -> np.ndarray:
        if self._is_grey:
            frame = frame[:, :, 1]
        if self._factor > 1:
            size = (max(1, frame.shape[1] // self._factor), max(1, frame.shape[0] // self._factor))
            frame = cv2.resize(frame, size, interpolation=cv2.INTER_AREA)
        if self.config.blur_px > 0:
            frame = cv2.GaussianBlur(frame, (3, 3), self.config.blur_px)
        return np.ascontiguousarray(frame)

    def _contrast(self, small: np.ndarray) -> Float[np.ndarray, "h w"]:
        """Returns the distance of every pixel from the background, of the channel where it is largest, in [0, 1]."""
        difference = cv2.absdiff(small, self._subtractor.getBackgroundImage())  # type: ignore[union-attr]
        return (difference if difference.ndim == 2 else difference.max(axis=2)) / np.float32(255)

    def _detections(self, foreground: np.ndarray, contrast: np.ndarray) -> Detections:
        height, width = foreground.shape
        mask = foreground.astype(np.uint8)
        kernel = (
            max(1, round(self.config.closing_width_share * width)),
            max(1, round(self.config.closing_height_share * height)),
        )
        closed = cv2.morphologyEx(mask, cv2.MORPH_CLOSE, cv2.getStructuringElement(cv2.MORPH_RECT, kernel))
        num, labels, stats, _ = cv2.connectedComponentsWithStats(closed, connectivity=8)
        # Areas and contrasts are those of real foreground, not of closed gaps; component 0 is the background.
        inside = labels[foreground]
        area = np.bincount(inside, minlength=num)[1:].astype(np.float64)
        total = np.bincount(inside, weights=contrast[foreground], minlength=num)[1:]
        boxes = stats[1:, :4].astype(np.float64)
        boxes[:, 2:] += boxes[:, :2]
        boxes, area, total = self._merged(boxes, area, total, gap_px=self.config.merge_gap_share * height)
        least = max(self.config.min_area_px, self.config.min_area_share * height * width)
        score = total / np.maximum(area, 1.0)
        rows = np.flatnonzero(area >= least)
        rows = rows[np.argsort(-score[rows], kind="stable")][: self.config.max_detections]
        scale = np.array([self._shape[1] / width, self._shape[0] / height] * 2)
        return Detections(xyxy_px=boxes[rows] * scale, score=score[rows])

    def _merged(
        self, boxes: np.ndarray, area: np.ndarray, total: np.ndarray, *, gap_px: float
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Returns boxes, areas and contrast sums with the pieces of one object joined."""
        if not 1 < len(boxes) <= 10 * self.config.max_detections:
            return boxes, area, total
        reach = np.minimum(boxes[:, None, 2:], boxes[None, :, 2:]) - np.maximum(boxes[:, None, :2], boxes[None, :, :2])
        width = boxes[:, 2] - boxes[:, 0]
        is_stacked = reach[..., 0] >= self.config.min_merge_overlap * np.minimum(width[:, None], width[None, :])
        num, group = connected_components(is_stacked & (reach[..., 1] >= -gap_px), directed=False)
        joined = np.empty((num, 4))
        joined[:, :2], joined[:, 2:] = np.inf, -np.inf
        np.minimum.at(joined[:, :2], group, boxes[:, :2])
        np.maximum.at(joined[:, 2:], group, boxes[:, 2:])
        return joined, np.bincount(group, weights=area), np.bincount(group, weights=total)
