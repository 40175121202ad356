"""The inner loops of evidence from detections, for `perdure.compiled`.

Each does what the code in arrays beside its caller does, number by number and in the same order of operations.
"""

from __future__ import annotations

import math

import numpy as np

from perdure.compiled import compiled

_LOG2_E, _LN_2, _LN_2_REST = 1.4426950408889634, 0.693145751953125, 1.4286068203094172e-6
"""The logarithm of two in two parts, of which the first has so few digits that small multiples of it are exact."""
_F = tuple(1.0 / math.factorial(power) for power in range(13))
"""The coefficients of the exponential."""
_TO_WHOLE = 6755399441055744.0
"""Added to a small number, it rounds it, and leaves the whole number in the lowest bits."""
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


@compiled(f"void({_BOXES}, {_BOXES}, int64, {_BOXES}, float64, float64[:,:,::1])")
def sum_kernels(
    own: np.ndarray, rows: np.ndarray, num_lived: int, weights: np.ndarray, least: float, sums: np.ndarray
) -> None:
    """Fills in the sums of Gaussian kernels that `FeatureStream` wants, exact to 15 digits.

    The exponential is a power of two, made from the bits of its exponent, times a polynomial on what is left: loops
    that a compiler can do four numbers at a time, which it cannot with a call.

    Args:
        own: descriptions of the tracks asked about, a column each.
        rows: descriptions that are remembered, a column each.
        num_lived: how many of these, at the start, lived long.
        weights: of squared differences, a row a kernel; the last one is on what lived long alone.
        least: exponents are cut here.
        sums: for each kernel over what lived and over what flickered; for the last one over ones, widths and heights.
    """
    num, num_kernels = rows.shape[1], weights.shape[0]
    squares, alike, scale, ones = np.empty((5, num)), np.empty(num), np.empty(num), np.ones(num)
    bits = scale.view(np.int64)
    for q in range(own.shape[1]):
        for c in range(5):
            for j in range(num):
                squares[c, j] = (own[c, q] - rows[c, j]) * (own[c, q] - rows[c, j])
        for b in range(num_kernels):
            last = num if b + 1 < num_kernels else num_lived
            across, down, wide, high, score = weights[b]
            for j in range(last):
                square = across * squares[0, j] + down * squares[1, j] + wide * squares[2, j]
                alike[j] = max(-0.5 * (square + high * squares[3, j] + score * squares[4, j]), least)
                scale[j] = alike[j] * _LOG2_E + _TO_WHOLE
            for j in range(last):
                r = alike[j] - (scale[j] - _TO_WHOLE) * _LN_2 - (scale[j] - _TO_WHOLE) * _LN_2_REST
                p = ((_F[12] * r + _F[11]) * r + _F[10]) * r + _F[9]
                p = (((p * r + _F[8]) * r + _F[7]) * r + _F[6]) * r + _F[5]
                alike[j] = ((((p * r + _F[4]) * r + _F[3]) * r + _F[2]) * r + 1.0) * r + 1.0
            for j in range(last):
                bits[j] = (bits[j] + 1023) << 52
            for j in range(last):
                alike[j] *= scale[j]
            for which in range(2 if b + 1 < num_kernels else 3):
                first, end = (num_lived, num) if b + 1 < num_kernels and which else (0, num_lived)
                told = rows[which + 2] if b + 1 == num_kernels and which else ones
                even, odd, middle = 0.0, 0.0, first + (end - first) // 2 * 2
                for j in range(first, middle, 2):
                    even += alike[j] * told[j]
                    odd += alike[j + 1] * told[j + 1]
                for j in range(middle, end):
                    even += alike[j] * told[j]
                sums[b, which, q] = even + odd
