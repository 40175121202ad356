"""Labelled boxes of `gt.txt`: what counts, what may be found or not, and where nothing is labelled, in every layout.

A flag of 0 says "do not evaluate". In MOT16 and MOT17 that holds for vehicles and occluders too, which a detector of
people should not report all the same; everywhere else what lies there is neither right nor wrong.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from perdure.geometry import xyxy_from_xywh
from perdure.video.mot import MotTable, read_mot_table

IGNORED_CLASSES = (2, 7, 8, 12)
"""Classes of boxes with flag 0 that are neither right nor wrong: in MOT17 person on vehicle, static person, distractor
and reflection; in KITTI labels class 8 holds the look-alikes of the class that counts."""
OTHER_CLASSES = (3, 4, 5, 9, 10, 11)
"""Classes of MOT16, MOT17 and MOT20 that are nothing to a detector of people: vehicles and occluders."""
NON_MOTOR_VEHICLE = 6
"""Another one of MOT16 and MOT17; in MOT20 it is to be ignored, so elsewhere it is too."""
VISDRONE_OTHERS, VISDRONE_REGION = 11, 0
"""VisDrone's classes of what is to be ignored, whatever the flag says."""
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
        object_id: number of the object, `NO_ID` of a region of another file.
    """

    xyxy_px: Float[np.ndarray, "n 4"]
    counts: Bool[np.ndarray, " n"]
    is_ignored: Bool[np.ndarray, " n"]
    is_region: Bool[np.ndarray, " n"]
    object_id: Int[np.ndarray, " n"]


def truth_of(table: MotTable, *, counts_from: int, name: str = "") -> dict[int, FrameTruth]:
    """Returns the labelled boxes of a table by 0-based frame index."""
    index, xyxy_px = table.frame - counts_from, xyxy_from_xywh(table.values[:, 2:6])
    object_id = table.values[:, 1].astype(np.int64)
    is_ignored, is_region = _kinds(table, name)
    beside = table.path.with_name("gt_ignore.txt")
    if beside.is_file():
        regions = read_mot_table(beside, what="sequence")
        index = np.append(index, regions.frame - counts_from)
        xyxy_px = np.concatenate([xyxy_px, xyxy_from_xywh(regions.values[:, 2:6])])
        object_id = np.append(object_id, np.full(len(regions), NO_ID))
        is_region = np.append(is_region, np.ones(len(regions), dtype=bool))
        is_ignored = np.append(is_ignored, np.zeros(len(regions), dtype=bool))
    counts = ~is_ignored & ~is_region
    counts[: len(table)] &= table.values[:, 6] != 0
    found = {}
    for frame in np.unique(index).tolist():
        rows = index == frame
        found[frame] = FrameTruth(
            xyxy_px=xyxy_px[rows], counts=counts[rows], is_ignored=is_ignored[rows], is_region=is_region[rows],
            object_id=object_id[rows],
        )  # fmt: skip
    return found


def _kinds(table: MotTable, name: str) -> tuple[Bool[np.ndarray, " n"], Bool[np.ndarray, " n"]]:
    """Returns which boxes may be found or not, and which are areas without labels."""
    values, class_id = table.values, table.class_id
    is_off, has_ten = values[:, 6] == 0, ~np.isnan(values[:, 9])
    is_older = name.upper().startswith(("MOT16", "MOT17"))
    others = (*OTHER_CLASSES, NON_MOTOR_VEHICLE) if is_older else OTHER_CLASSES
    # Nine columns are MOT's own layout, whose classes say what a flag of 0 means; VisDrone and others have ten.
    is_ignored = is_off & ~has_ten & np.isin(class_id, IGNORED_CLASSES) & (values[:, 1] != NO_ID)
    is_nothing = is_off & ~has_ten & np.isin(class_id, others) & (values[:, 1] != NO_ID)
    is_region = is_off & ~is_ignored & ~is_nothing
    if _is_visdrone(values, class_id):
        is_region |= np.isin(class_id, (VISDRONE_REGION, VISDRONE_OTHERS))
    # UAVDT's regions, appended to a file whose other rows have classes: flag 1, and -1 in all that follows.
    is_bare = has_ten & (values[:, 7:10] == -1).all(axis=1)
    if is_bare.any() and (class_id[~is_bare] >= 0).all() and not is_bare.all():
        is_region |= is_bare
    return is_ignored & ~is_region, is_region


def _is_visdrone(values: Float[np.ndarray, "n 10"], class_id: np.ndarray) -> bool:
    """Returns whether all rows have truncation and occlusion, and some are regions by class."""
    has_both = np.isin(values[:, 8], (-1, 0, 1)) & np.isin(values[:, 9], (-1, 0, 1, 2))
    is_listed = (class_id >= 0) & (class_id <= VISDRONE_OTHERS)
    return bool(len(values) and has_both.all() and is_listed.all() and (class_id == VISDRONE_REGION).any())
