"""MOT folders without pixels: detections, ground truth with ignore flags, camera motion where it is given.

Knows files of one sequence. Does not know tracks, nor what a label is used for.
"""

from __future__ import annotations

import configparser
import fnmatch
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float

from perdure.geometry import xyxy_from_xywh
from perdure.types import Detections
from perdure.video.mot import MotDetections, read_mot_detections

IGNORED_CLASSES = (2, 7, 8, 12)
"""Classes of boxes with flag 0 that are neither right nor wrong: in MOT17 person on vehicle, static person, distractor
and reflection; in KITTI labels class 8 holds the look-alikes of the class that counts."""
NO_ID = -1
"""Id of a region in which nothing is labelled (KITTI's DontCare)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameTruth:
    """Labelled boxes of one frame.

    Args:
        xyxy_px: corners.
        counts: objects that a detector should find.
        is_ignored: objects that it may find or not.
        is_region: areas in which nothing is labelled.
    """

    xyxy_px: Float[np.ndarray, "n 4"]
    counts: Bool[np.ndarray, " n"]
    is_ignored: Bool[np.ndarray, " n"]
    is_region: Bool[np.ndarray, " n"]


@dataclass(frozen=True, slots=True, kw_only=True)
class MotSequence:
    """One sequence.

    Args:
        name: of its folder.
        num_frames: frames from 0.
        frame_rate_hz: frames per second.
        image_size: width and height in pixels.
        detections: what a detector found.
        truth: labelled boxes by 0-based frame index; a frame without any has no entry.
        camera_motion: affine map from the frame before to each frame, 2 x 3 in pixels; empty where it is not given.
        video: file with the pixels; None where there is none.
        known_scores: of the same detector, known before the sequence begins; None where there are none.
    """

    name: str
    num_frames: int
    frame_rate_hz: float
    image_size: tuple[int, int]
    detections: MotDetections
    truth: dict[int, FrameTruth]
    camera_motion: dict[int, Float[np.ndarray, "2 3"]]
    video: Path | None = None
    known_scores: Float[np.ndarray, " k"] | None = None

    def detections_at(self, frame_index: int, min_score: float | None = None) -> Detections:
        """Returns the detections of a frame that are scored high enough."""
        found = self.detections.at(frame_index)
        if min_score is None:
            return found
        kept = found.score >= min_score
        return Detections(xyxy_px=found.xyxy_px[kept], score=found.score[kept], class_id=found.class_id[kept])


def read_mot_sequence(folder: Path, *, detections: str = "det.txt", has_truth: bool = True) -> MotSequence:
    """Returns the sequence in a folder with `seqinfo.ini`, `det/*.txt` and `gt/gt.txt`.

    Args:
        folder: the MOT folder; a `gmc.txt` in it is read as camera motion.
        detections: file name in `det`.
        has_truth: whether `gt/gt.txt` must be there.

    Raises:
        FileNotFoundError: a file is missing.
        ValueError: a file is malformed.
    """
    info_path = folder / "seqinfo.ini"
    if not info_path.is_file():
        raise FileNotFoundError(f"sequence: {info_path} does not exist; expected a MOT folder")
    parser = configparser.ConfigParser()
    try:
        parser.read(info_path, encoding="utf-8")
        section = parser["Sequence"]
        size = (int(section["imWidth"]), int(section["imHeight"]))
        rate_hz, num_frames = float(section["frameRate"]), int(section["seqLength"])
    except (configparser.Error, KeyError, ValueError) as error:
        raise ValueError(f"sequence: {info_path} is not a MOT sequence file ({error})") from error
    video = section.get("video")
    motion = folder / "gmc.txt"
    return MotSequence(
        name=folder.name,
        num_frames=num_frames,
        frame_rate_hz=rate_hz,
        image_size=size,
        detections=read_mot_detections(folder / "det" / detections),
        truth=read_truth(folder / "gt" / "gt.txt") if has_truth else {},
        camera_motion=read_camera_motion(motion) if motion.is_file() else {},
        video=folder / video if video else None,
    )


def find_mot_folders(root: Path, *, only: str = "*") -> list[Path]:
    """Returns the MOT folders in a folder whose names match a pattern, by name; the folder itself if it is one.

    Raises:
        FileNotFoundError: there is none.
    """
    places = [root] if (root / "seqinfo.ini").is_file() else [path.parent for path in root.glob("*/seqinfo.ini")]
    found = sorted(path for path in places if fnmatch.fnmatch(path.name, only))
    if not found:
        raise FileNotFoundError(f"sequences: {root} holds no folder '{only}' with a seqinfo.ini; give a MOT data set")
    return found


def read_truth(path: Path) -> dict[int, FrameTruth]:
    """Returns the labelled boxes of `frame,id,x,y,width,height,flag,class,...` by 0-based frame index.

    Flag 1 counts. Flag 0 is ignored for `IGNORED_CLASSES`, a region for id -1, and otherwise nothing at all.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: a line is not a box.
    """
    table = _table(path, least_columns=7)
    if table.shape[1] < 8:
        table = np.column_stack([table, np.full(len(table), -1.0)])
    found: dict[int, FrameTruth] = {}
    for frame in np.unique(table[:, 0]):
        rows = table[table[:, 0] == frame]
        counts, is_region = rows[:, 6] != 0, (rows[:, 6] == 0) & (rows[:, 1] == NO_ID)
        found[int(frame) - 1] = FrameTruth(
            xyxy_px=xyxy_from_xywh(rows[:, 2:6]),
            counts=counts,
            is_ignored=~counts & ~is_region & np.isin(rows[:, 7], IGNORED_CLASSES),
            is_region=is_region,
        )
    return found


def read_camera_motion(path: Path) -> dict[int, Float[np.ndarray, "2 3"]]:
    """Returns the affine map from the frame before by 0-based frame index, of lines `frame a b c d e f`, frame from 0.

    Raises:
        ValueError: a line has no seven numbers.
    """
    table = _table(path, least_columns=7, separator=None)
    return {int(row[0]): row[1:7].reshape(2, 3) for row in table}


def _table(path: Path, *, least_columns: int, separator: str | None = ",") -> Float[np.ndarray, "n c"]:
    """Returns the numbers of a text file, cut to the columns that all lines have."""
    if not path.is_file():
        raise FileNotFoundError(f"sequence: {path} does not exist")
    rows = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        if not line.strip():
            continue
        try:
            rows.append([float(value) for value in line.strip().split(separator)])
        except ValueError:
            raise ValueError(f"sequence: {path} line {number}: got {line[:60]!r}, expected numbers") from None
        if len(rows[-1]) < least_columns or not np.isfinite(rows[-1]).all():
            raise ValueError(
                f"sequence: {path} line {number}: got {line[:60]!r}, expected at least {least_columns} finite numbers"
            )
    width = min((len(row) for row in rows), default=least_columns)
    return np.array([row[:width] for row in rows], dtype=np.float64).reshape(-1, width)
