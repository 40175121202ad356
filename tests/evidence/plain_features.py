"""What `AROUND` means, pair by pair and as slow as it reads: what the fast code is compared with."""

from __future__ import annotations

import math

import numpy as np

from perdure.evidence.box_pairs import FAR
from perdure.evidence.neighbourhood import FLICKER_HITS, NEAR, RECENT_FRAMES, TOUCHING, VETERAN_HITS
from perdure.geometry import iou_matrix
from perdure.types import TrackFrame


def _side(box: np.ndarray) -> float:
    return math.sqrt(max((box[2] - box[0]) * (box[3] - box[1]), 1.0))


def _apart(box: np.ndarray, other: np.ndarray) -> float:
    return math.dist((box[:2] + box[2:]) / 2, (other[:2] + other[2:]) / 2) / _side(box)


def _covered(box: np.ndarray, other: np.ndarray) -> float:
    sides = np.maximum(np.minimum(box[2:], other[2:]) - np.maximum(box[:2], other[:2]), 0.0)
    return float(sides.prod() / max((box[2] - box[0]) * (box[3] - box[1]), 1e-9))


def plain_around_tracks(tracks: TrackFrame, row: int, last_score: float) -> list[float]:
    """Returns what `around_tracks` says of one track."""
    box, every = tracks.xyxy_px[row], tracks.xyxy_px
    overlap = iou_matrix(box[None], every)[0]
    apart = [_apart(box, other) for other in every]
    found = [one for one in np.flatnonzero(tracks.is_hit).tolist() if one != row]
    better = [one for one in np.flatnonzero(tracks.is_hit).tolist() if tracks.score[one] > last_score]
    older = [one for one in range(len(tracks)) if tracks.age[one] > tracks.age[row]]
    missing = [one for one in older if not tracks.is_hit[one]]
    return [
        max((overlap[one] for one in found), default=0.0),
        max((overlap[one] for one in better), default=0.0),
        max((_covered(box, every[one]) for one in found), default=0.0),
        len(better) / max(int(tracks.is_hit.sum()), 1),
        math.log1p(int(tracks.is_hit.sum())),
        math.log1p(len(better)),
        min((FAR, *(apart[one] for one in found))),
        max((overlap[one] for one in older), default=0.0),
        math.log1p(max((int(tracks.num_hits[one]) for one in older if overlap[one] > TOUCHING), default=0)),
        min((FAR, *(apart[one] for one in older if tracks.num_hits[one] >= VETERAN_HITS))),
        min((FAR, *(apart[one] for one in missing))),
        math.log1p(max((int(tracks.num_hits[one]) for one in missing if apart[one] < NEAR), default=0)),
    ]


def plain_around_dead(box: np.ndarray, birth: int, dead: np.ndarray) -> list[float]:
    """Returns what `around_dead` says of one track."""
    before = [row for row in dead if row[5] <= birth]
    lived = [row for row in before if row[4] > FLICKER_HITS]
    near = [row for row in before if row[4] <= FLICKER_HITS and _apart(box, row[:4]) < NEAR]
    if not lived:
        return [FAR, 0.0, RECENT_FRAMES, math.log1p(len(near))]
    nearest = min(lived, key=lambda row: _apart(box, row[:4]))
    return [_apart(box, nearest[:4]), math.log1p(nearest[4]), birth - nearest[5], math.log1p(len(near))]


def plain_kernel(query: np.ndarray, row: np.ndarray, bandwidth: np.ndarray) -> float:
    """Returns what `Kernels` say of one query, one row and one bandwidth."""
    return math.exp(-0.5 * min(float((((query - row) / bandwidth) ** 2).sum()), 60.0))
