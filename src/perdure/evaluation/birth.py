"""What is known of a track on its first frame, as groups of numbers; nothing later is looked at."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, UInt8

from perdure.tracking.crops import crop_tracks
from perdure.types import Clip, ClipTruth
from perdure.world.config import WorldConfig
from perdure.world.rendering import read_cue_variable

CROP_PX = 32
"""Side of the crop, as the gate sees it."""
HIDDEN_GREY = 128
"""Paint over a disc that shows the cue."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BirthRecord:
    """One track at birth.

    Args:
        is_persistent: its label.
        features: values by name of their group; equally many for every track.
    """

    is_persistent: bool
    features: dict[str, Float[np.ndarray, " d"]]


def birth_record(clip: Clip, track: int, *, world: WorldConfig | None = None) -> BirthRecord:
    """Returns what is known of an object of a clip with ground truth on the frame of its birth.

    Args:
        clip: a clip with ground truth.
        track: index of the object.
        world: where the clip comes from; if it has a cue, the disc that shows it is painted over and reported as a
            group of its own, `cue`. None = nothing is painted over.

    Raises:
        ValueError: the clip has no ground truth, or the object was not detected at birth.
    """
    truth = clip.truth
    if truth is None:
        raise ValueError(f"clip {clip.clip_id}: got no ground truth, expected it for an audit")
    birth = int(truth.birth_frame[track])
    rows = np.flatnonzero(truth.detection_owner[birth] == track)
    if not len(rows):
        raise ValueError(f"clip {clip.clip_id}: object {track} has no detection on frame {birth}, where it is born")
    row = int(rows[0])
    xyxy_px = clip.detections[birth].xyxy_px
    frame = np.array(clip.frames[birth])
    features: dict[str, np.ndarray] = {}
    if world is not None and world.cue_strength > 0:
        disc = _disc(frame, truth.xyxy_px[track, birth], world.disc_share)
        features["cue"] = np.array([read_cue_variable(float(frame[disc < -0.5].mean()), world.cue_range)])
        frame[disc < 1.0] = HIDDEN_GREY
    features |= _picture_features(frame, xyxy_px[row])
    features |= _box_features(clip, truth, birth, row)
    return BirthRecord(is_persistent=bool(truth.is_persistent[track]), features=features)


def _disc(
    frame: UInt8[np.ndarray, "h w 3"], xyxy_px: Float[np.ndarray, " 4"], disc_share: float
) -> Float[np.ndarray, "h w"]:
    """Returns the distance of each pixel from the edge of the disc, negative inside."""
    row, column = np.mgrid[: frame.shape[0], : frame.shape[1]] + 0.5
    x, y = (xyxy_px[:2] + xyxy_px[2:]) / 2
    distance: np.ndarray = np.hypot(column - x, row - y) - disc_share * (xyxy_px[2] - xyxy_px[0]) / 2
    return distance


def _picture_features(frame: UInt8[np.ndarray, "h w 3"], xyxy_px: Float[np.ndarray, " 4"]) -> dict[str, np.ndarray]:
    """Returns the crop, and the colour and brightness of the object and of what is around it."""
    crop = crop_tracks(frame, xyxy_px[None], size_px=CROP_PX)[0].astype(np.float32)
    # The window is 2.5 box sides wide: the box covers the middle 0.4 of it.
    low, high = round(CROP_PX * 0.3), round(CROP_PX * 0.7)
    inner = crop[low:high, low:high].reshape(-1, 3)
    is_outer = np.ones(crop.shape[:2], dtype=bool)
    is_outer[low:high, low:high] = False
    outer = crop[is_outer]
    grey = inner.mean(axis=1)
    return {
        "crop": crop.ravel(),
        "colour": np.concatenate([inner.mean(axis=0), inner.std(axis=0), outer.mean(axis=0)]),
        "brightness": np.array([grey.mean(), grey.min(), grey.max(), outer.mean(), grey.mean() - outer.mean()]),
    }


def _box_features(clip: Clip, truth: ClipTruth, birth: int, row: int) -> dict[str, np.ndarray]:
    """Returns size, place, time, company and score."""
    found = clip.detections[birth]
    x_min, y_min, x_max, y_max = found.xyxy_px[row]
    centre = (found.xyxy_px[:, :2] + found.xyxy_px[:, 2:]) / 2
    distance = np.abs(np.delete(centre, row, axis=0) - centre[row]).max(axis=1, initial=0.0)
    alone = float(max(clip.frames.shape[1:3]))
    company = [len(found), np.sum(truth.birth_frame == birth), np.sum(truth.birth_frame < birth)]
    return {
        "size": np.array([x_max - x_min, y_max - y_min, max(x_max - x_min, y_max - y_min)]),
        "position": centre[row],
        "birth_frame": np.array([float(birth)]),
        "companions": np.array([*company, distance.min(initial=alone)], dtype=np.float64),
        "score": found.score[row : row + 1],
    }
