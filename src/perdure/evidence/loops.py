"""The inner loops of evidence from detections, for `perdure.compiled`.

Each does what the code in arrays beside its caller does, number by number and in the same order of operations.
"""

from __future__ import annotations

import math

import numpy as np

from perdure.compiled import compiled

_TINY = 2.2250738585072014e-308
"""Least union of two boxes."""
_BOXES, _NUMBERS, _WHOLE, _FLAGS = "float64[:,::1]", "float64[::1]", "int64[::1]", "boolean[::1]"


@compiled("void(float32[:,::1], int32[:,::1], float32[:,::1], int32[::1], int32[:,::1])")
def find_leaves(
    values: np.ndarray, nodes: np.ndarray, thresholds: np.ndarray, root: np.ndarray, leaves: np.ndarray
) -> None:
    """Fills in the leaf that each row comes to in each tree.

    Args:
        values: of the rows.
        nodes: feature, nothing, and the nodes to the right and to the left of each; what is asked of a node lies
            together, since waiting for memory is all that this costs.
        thresholds: the same memory read as numbers; its second column.
        root: of each tree.
        leaves: one row a row.
    """
    for row in range(values.shape[0]):
        for tree in range(root.shape[0]):
            node = root[tree]
            while nodes[node, 0] >= 0:
                node = nodes[node, 3 if values[row, nodes[node, 0]] <= thresholds[node, 1] else 2]
            leaves[row, tree] = node


@compiled(f"void({_BOXES}, {_NUMBERS}, {_WHOLE}, {_BOXES}, {_WHOLE}, float64, float64, {_BOXES}, {_NUMBERS})")
def look_around_dead(
    own: np.ndarray,
    sides: np.ndarray,
    birth: np.ndarray,
    dead: np.ndarray,
    pairs: np.ndarray,
    flicker_hits: float,
    near: float,
    found: np.ndarray,
    nearest: np.ndarray,
) -> None:
    """Fills in what `around_dead` looks for: the nearest that had lived and its distance, and flickers that are near.

    Args:
        own: centres of the tracks asked about.
        sides: of their boxes.
        birth: their first frames.
        dead: centres, hits and frame of death, a row each.
        pairs: as in `look_around_tracks`.
        flicker_hits: most hits of a flicker.
        near: distance of what is near.
        found: distances in row 0, numbers of flickers in row 3.
        nearest: number of the nearest.
    """
    num, num_dead = own.shape[1], dead.shape[1]
    for q in range(num):
        first, last = (0, num_dead) if pairs.shape[0] == 0 else (pairs[q], pairs[q + 1])
        for place in range(first, last):
            k = place if pairs.shape[0] == 0 else pairs[num + 1 + place]
            if dead[3, k] <= birth[q]:
                across, down = own[0, q] - dead[0, k], own[1, q] - dead[1, k]
                apart = math.sqrt(across * across + down * down) / sides[q]
                if dead[2, k] > flicker_hits:
                    if apart < found[0, q] or (apart == found[0, q] and k < nearest[q]):
                        found[0, q], nearest[q] = apart, k
                elif apart < near:
                    found[3, q] += 1


@compiled(
    f"void({_BOXES}, {_BOXES}, {_WHOLE}, {_WHOLE}, {_BOXES}, {_BOXES}, {_WHOLE}, {_FLAGS}, {_WHOLE}, int64,"
    f" float64, float64, {_BOXES})"
)
def look_around_tracks(
    own: np.ndarray,
    own_numbers: np.ndarray,
    rows: np.ndarray,
    own_age: np.ndarray,
    every: np.ndarray,
    numbers: np.ndarray,
    age: np.ndarray,
    is_hit: np.ndarray,
    pairs: np.ndarray,
    veteran_hits: int,
    touching: float,
    near: float,
    found: np.ndarray,
) -> None:
    """Fills in what `around_tracks` looks for.

    Args:
        own: corners of the tracks asked about, a row a corner.
        own_numbers: their centres, area, side and latest score, a row each.
        rows: their numbers among all tracks.
        own_age: their ages.
        every: corners of all tracks.
        numbers: their centres, area, hits and score.
        age: of all tracks.
        is_hit: whether they are.
        pairs: where the candidates of each begin and end, then candidates; empty where all are candidates of all.
        veteran_hits: hits of what lives.
        touching: overlap of what touches.
        near: distance of what is near.
        found: 12 rows, as `around_tracks` returns them.
    """
    num, num_every = own.shape[1], every.shape[1]
    for q in range(num):
        first, last = (0, num_every) if pairs.shape[0] == 0 else (pairs[q], pairs[q + 1])
        for place in range(first, last):
            k = place if pairs.shape[0] == 0 else pairs[num + 1 + place]
            wide = min(own[2, q], every[2, k]) - max(own[0, q], every[0, k])
            high = min(own[3, q], every[3, k]) - max(own[1, q], every[1, k])
            shared = max(wide, 0.0) * max(high, 0.0)
            overlap = shared / max(own_numbers[2, q] + numbers[2, k] - shared, _TINY)
            across, down = own_numbers[0, q] - numbers[0, k], own_numbers[1, q] - numbers[1, k]
            apart = math.sqrt(across * across + down * down) / own_numbers[3, q]
            is_older = age[k] > own_age[q]
            if is_hit[k] and k != rows[q]:
                found[0, q] = max(found[0, q], overlap)
                found[2, q] = max(found[2, q], shared)
                found[6, q] = min(found[6, q], apart)
                if numbers[4, k] > own_numbers[4, q]:
                    found[1, q] = max(found[1, q], overlap)
            if is_older:
                found[7, q] = max(found[7, q], overlap)
                if overlap > touching:
                    found[8, q] = max(found[8, q], numbers[3, k])
                if numbers[3, k] >= veteran_hits:
                    found[9, q] = min(found[9, q], apart)
                if not is_hit[k]:
                    found[10, q] = min(found[10, q], apart)
                    if apart < near:
                        found[11, q] = max(found[11, q], numbers[3, k])
