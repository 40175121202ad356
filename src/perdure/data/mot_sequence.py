"""MOT folders: detections, ground truth, camera motion where it is given, and the pixels where there are any.

Knows files of one sequence. Does not know tracks, nor what a label is used for.
"""

from __future__ import annotations

import fnmatch
import hashlib
import logging
import math
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from jaxtyping import Float

from perdure.data.mot_truth import FrameTruth, truth_of
from perdure.data.sequence_info import INFO_NAME, SequenceInfo, info_file, read_info
from perdure.types import Detections
from perdure.video.frames import VideoReader
from perdure.video.mot import MotDetections, MotTable, read_mot_table
from perdure.video.text_rows import text_rows

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class MotSequence:
    """One sequence.

    Args:
        name: of its folder.
        num_frames: frames from 0; nothing lies beyond them.
        frame_rate_hz: frames per second.
        image_size: width and height in pixels.
        detections: what a detector found.
        truth: labelled boxes by 0-based frame index; a frame without any has no entry.
        camera_motion: affine map from the frame before to each frame, 2 x 3 in pixels; empty where it is not given.
        video: file or folder with the pixels; None where there is none.
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

    def pictures(self, *, has_pixels: bool = True) -> Iterator[tuple[int, np.ndarray | None]]:
        """Yields every frame's index and pixels; with `has_pixels` false None, and no video is opened.

        A video that ends early ends the sequence, which is said.

        Raises:
            FileNotFoundError: the video is not there.
            ValueError: there is none, or none that can be decoded.
        """
        if not has_pixels:
            yield from ((index, None) for index in range(self.num_frames))
            return
        num_read = 0
        with self.opened() as reader:
            for index, _, picture in reader:
                if index >= self.num_frames:
                    return
                yield index, picture
                num_read = index + 1
        if num_read < self.num_frames:
            _say(f"sequence: the video of {self.name} ends after {num_read} of {self.num_frames} frames; "
                 f"{self.detections.num_from(num_read)} detections beyond it are left out")  # fmt: skip

    def opened(self) -> VideoReader:
        """Returns a reader of the pixels.

        Raises:
            FileNotFoundError: the video is not there.
            ValueError: there is none, or none that can be decoded.
        """
        if self.video is None:
            raise ValueError(f"sequence: {self.name} names no video and has no pictures; pixels are needed here")
        from perdure.video.reader import open_video  # here, since tables alone need no decoder

        return open_video(self.video, frame_rate_hz=self.frame_rate_hz)

    @property
    def truth_key(self) -> str:
        """A hash of the labelled boxes; empty where there are none."""
        if not self.truth:
            return ""
        digest = hashlib.sha256()
        for index, found in sorted(self.truth.items()):
            order = np.lexsort(found.xyxy_px.T)
            digest.update(np.int64(index).tobytes() + found.xyxy_px[order].tobytes() + found.counts[order].tobytes())
        return digest.hexdigest()


def scene_numbers(sequences: Sequence[MotSequence]) -> list[int]:
    """Returns the number of the scene of each sequence.

    Sequences with the same labelled boxes are one scene, which is said: one video with several detectors, of which none
    is evidence that is independent of the others.
    """
    first: dict[str, int] = {}
    numbers = [first.setdefault(one.truth_key or f"#{place}", place) for place, one in enumerate(sequences)]
    dense = {number: place for place, number in enumerate(dict.fromkeys(numbers))}
    if len(dense) < len(sequences):
        _say(
            f"sequences: {len(sequences)} folders hold the ground truth of {len(dense)} scenes; "
            "folders with the same one count as one scene"
        )
    return [dense[number] for number in numbers]


def read_mot_sequence(
    folder: Path, *, detections: str | None = "det.txt", has_truth: bool = True, needs_video: bool = False
) -> MotSequence:
    """Returns the sequence in a folder with `seqinfo.ini`, `det/*.txt` and `gt/gt.txt`.

    What `seqinfo.ini` does not say is taken from the pictures or the video, else from the files. Frames that count from
    0 are recognised and shifted; what lies beyond the last frame is left out. Both are said.

    Args:
        folder: the MOT folder; a `gmc.txt` in it is read as camera motion.
        detections: file name in `det`; None for a sequence that is read for its truth alone.
        has_truth: whether `gt/gt.txt` must be there.
        needs_video: whether pixels will be read; a video that ends earlier than stated cuts the sequence then.

    Raises:
        FileNotFoundError: a file is missing.
        ValueError: a file is malformed, or the frame rate is said nowhere.
    """
    info = read_info(folder)
    found = MotTable.empty(folder) if detections is None else read_mot_table(folder / "det" / detections)
    labelled = read_mot_table(folder / "gt" / "gt.txt", what="sequence") if has_truth else None
    info = _completed(info, folder, [table for table in (found, labelled) if table is not None], needs_video)
    num_frames = info.num_frames or 0
    first = _counts_from(folder, [table for table in (found, labelled) if table is not None], num_frames)
    given = found.detections(first[0])
    truth = {} if labelled is None else truth_of(labelled, counts_from=first[1], name=info.name)
    late = given.num_from(num_frames), sum(len(one.xyxy_px) for index, one in truth.items() if index >= num_frames)
    if any(late):
        _say(
            f"sequence: {folder} has {num_frames} frames; {late[0]} detections and {late[1]} labelled boxes "
            "beyond them are left out"
        )
    motion = folder / "gmc.txt"
    return MotSequence(
        name=folder.name,
        num_frames=num_frames,
        frame_rate_hz=info.frame_rate_hz or 0.0,
        image_size=info.image_size or (1, 1),
        detections=given.before(num_frames),
        truth={index: one for index, one in truth.items() if index < num_frames},
        camera_motion=read_camera_motion(motion) if motion.is_file() else {},
        video=info.video,
    )


def _completed(info: SequenceInfo, folder: Path, tables: list[MotTable], needs_video: bool) -> SequenceInfo:
    """Returns what is known of a sequence with length, size and rate, from pictures or else from the boxes."""
    num_frames, size, rate_hz = info.num_frames, info.image_size, info.frame_rate_hz
    if info.video is None and needs_video:
        raise ValueError(f"sequence: {folder} names no video and has no folder of pictures; pixels are needed here")
    is_complete = num_frames is not None and size is not None and rate_hz is not None
    if info.video is not None and (needs_video or (not is_complete and info.video.exists())):
        from perdure.video.reader import open_video

        with open_video(info.video, frame_rate_hz=rate_hz) as reader:
            size = size or (reader.width, reader.height)
            rate_hz = rate_hz or (None if info.video.is_dir() else reader.frame_rate_hz)
            num_frames = (
                _shorter(num_frames, reader.num_frames, folder) if needs_video else num_frames or reader.num_frames
            )
    if rate_hz is None:
        raise ValueError(f"sequence: {folder / INFO_NAME} names no frameRate; expected one, or a video that states it")
    if num_frames is None:
        num_frames = max((int(table.frame.max()) - table.counts_from + 1 for table in tables if len(table)), default=0)
        _say(f"sequence: {folder} names no length; taken to end with its last box, after {num_frames} frames")
    if size is None:
        corners = np.concatenate(
            [table.values[:, 2:4] + table.values[:, 4:6] for table in tables] or [np.zeros((0, 2))]
        )
        width, height = (max(1, math.ceil(corners[:, axis].max(initial=1.0))) for axis in (0, 1))
        size = (width, height)
        _say(f"sequence: {folder} names no picture size; taken as {width}x{height}, the reach of its boxes")
    return SequenceInfo(
        name=info.name, frame_rate_hz=rate_hz, num_frames=num_frames, image_size=size, video=info.video,
        camera=info.camera,
    )  # fmt: skip


def _shorter(stated: int | None, pictures: int | None, folder: Path) -> int | None:
    """Returns the number of frames that there are pictures of."""
    if stated is None or pictures is None or pictures >= stated:
        return stated or pictures
    _say(f"sequence: {folder} names {stated} frames, its video has {pictures}; taken to end there")
    return pictures


def _counts_from(folder: Path, tables: list[MotTable], num_frames: int) -> list[int]:
    """Returns the number of the first frame in each file.

    A file with a frame 0 counts from 0. One without follows the others of its folder, unless it has a frame that there
    would not be then.
    """
    is_from_zero = any(table.counts_from == 0 for table in tables)
    first = [
        0 if table.counts_from == 0 or (is_from_zero and len(table) and table.frame.max() < num_frames) else 1
        for table in tables
    ]
    if is_from_zero:
        names = " and ".join(table.path.name for table, one in zip(tables, first, strict=True) if one == 0)
        _say(f"sequence: frames of {names} in {folder} count from 0, taken so")
    return first


def find_mot_folders(root: Path, *, only: str = "*") -> list[Path]:
    """Returns the MOT folders in a folder whose names match a pattern, by name; the folder itself if it is one.

    Raises:
        FileNotFoundError: there is none.
    """
    inside = sorted(root.iterdir()) if root.is_dir() else []
    places = [root] if info_file(root) else [path for path in inside if info_file(path)]
    found = [path for path in places if fnmatch.fnmatch(path.name, only)]
    if not found:
        deeper = next((path for path in inside if path.is_dir() and any(map(info_file, path.iterdir()))), None)
        above = next((path for path in root.absolute().parents[:2] if info_file(path)), None)
        hint = "give a MOT folder, or one of such" if deeper is None else f"there are some in {deeper}"
        hint = hint if above is None else f"{above} is one"
        named = "" if only == "*" else f" '{only}'"
        raise FileNotFoundError(f"sequences: {root} holds no folder{named} with a {INFO_NAME}; {hint}")
    return found


def mot_folders_below(root: Path) -> list[Path]:
    """Returns the MOT folders at any depth below a folder, itself included, by path; links to folders are followed."""
    found, entered = [], set()
    for place, folders, _ in os.walk(root, followlinks=True):
        here = Path(place)
        folders[:] = sorted(
            name for name in folders if (here / name).resolve() not in entered
        )  # links may run in rings
        entered |= {(here / name).resolve() for name in folders}
        if info_file(here):
            found.append(here)
    return sorted(found)


def read_camera_motion(path: Path) -> dict[int, Float[np.ndarray, "2 3"]]:
    """Returns the affine map from the frame before by 0-based frame index, of lines `frame a b c d e f`, frame from 0.

    Raises:
        ValueError: a line has no seven numbers.
    """
    found = {}
    for number, columns in text_rows(path, what="sequence"):
        try:
            values = [float(value) for value in columns[:7]]
        except ValueError:
            values = []
        if len(values) < 7 or not np.isfinite(values).all():
            raise ValueError(f"sequence: {path} line {number}: got {' '.join(columns)[:60]!r}, expected seven numbers")
        found[int(values[0])] = np.array(values[1:7]).reshape(2, 3)
    return found


@cache
def _say(text: str) -> None:
    """Warns once: a sequence is read by several stages."""
    logger.warning(text)
