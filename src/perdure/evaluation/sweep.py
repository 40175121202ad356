"""What a sequential test on given evidence can reach when both bounds are swept: mean frame against total error."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

NUM_BOUNDS = 48
"""Levels tried as bounds, half of them above 0; the curve changes by less than 0.01 frame with more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorCurve:
    """Lower hull of all reachable points (randomising between two rules is allowed).

    Args:
        total_error: mean of false-confirm and miss rate, ascending.
        mean_decision_frame: mean of the mean ages at decision of the two classes, descending.
    """

    total_error: Float[np.ndarray, " k"]
    mean_decision_frame: Float[np.ndarray, " k"]

    def frame_at(self, total_error: float) -> float:
        """Returns the mean decision frame at an error; NaN where no bounds reach it."""
        if total_error < self.total_error[0]:
            return float("nan")
        return float(np.interp(total_error, self.total_error, self.mean_decision_frame))

    def to_rows(self) -> list[dict[str, float]]:
        """Returns the points as rows for JSON."""
        pairs = zip(self.total_error.tolist(), self.mean_decision_frame.tolist(), strict=True)
        return [{"total_error": error, "mean_decision_frame": frame} for error, frame in pairs]


def sweep_bounds(
    evidence: Float[np.ndarray, "n l"],
    is_persistent: Bool[np.ndarray, " n"],
    *,
    horizon: int,
    is_timeout_persistent: bool,
) -> ErrorCurve:
    """Returns the error curve of the two-bound test on evidence sequences.

    Args:
        evidence: nats per age, NaN after a track's end (an undecided track that ends is called transient there).
        is_persistent: truth.
        horizon: age at which a decision is forced.
        is_timeout_persistent: what a forced decision says.
    """
    scores = evidence[:, :horizon]
    num_seen = (~np.isnan(scores)).sum(axis=1)
    ends_early = num_seen < scores.shape[1]
    levels = _levels(scores)
    first_up = _first_crossings(scores, levels, num_seen)
    first_down = _first_crossings(-scores, -levels, num_seen)
    points = []
    for up in range(len(levels)):
        for down in range(up):
            rise, fall = first_up[:, up], first_down[:, down]
            is_open = (rise > num_seen) & (fall > num_seen)
            is_confirmed = (rise < fall) | (is_open & ~ends_early & is_timeout_persistent)
            age = np.minimum(np.minimum(rise, fall), np.where(ends_early, num_seen + 1, num_seen))
            points.append((_total_error(is_confirmed, is_persistent), _balanced_mean(age, is_persistent)))
    return _lower_hull(np.array(points))


def _levels(scores: Float[np.ndarray, "n l"]) -> Float[np.ndarray, " k"]:
    """Returns bounds to try: dense where evidence is small, out to where errors of 0.1 % are decided."""
    grid = np.linspace(0.0, 1.0, NUM_BOUNDS // 2 + 1)[1:]
    side = 0.2 + 9.8 * grid**1.5
    return np.concatenate([-side[::-1], side])


def _first_crossings(
    scores: Float[np.ndarray, "n l"], levels: Float[np.ndarray, " k"], num_seen: Int[np.ndarray, " n"]
) -> Int[np.ndarray, "n k"]:
    """Returns the age at which each track first reaches each level, beyond its last age + 1 where it never does."""
    running = np.maximum.accumulate(np.where(np.isnan(scores), -np.inf, scores), axis=1)
    age = (running[:, :, None] < levels).sum(axis=1) + 1
    never = age > num_seen[:, None]
    return np.where(never, num_seen[:, None] + 2, age)


def _total_error(is_confirmed: Bool[np.ndarray, " n"], is_persistent: Bool[np.ndarray, " n"]) -> float:
    return float((is_confirmed[~is_persistent].mean() + (~is_confirmed[is_persistent]).mean()) / 2)


def _balanced_mean(age: Int[np.ndarray, " n"], is_persistent: Bool[np.ndarray, " n"]) -> float:
    return float((age[is_persistent].mean() + age[~is_persistent].mean()) / 2)


def _lower_hull(points: Float[np.ndarray, "m 2"]) -> ErrorCurve:
    """Returns the lower convex hull of (error, frame) points, down to the point with the fewest frames."""
    hull: list[tuple[float, float]] = []
    for x, y in sorted(map(tuple, points.tolist())):
        while len(hull) >= 2 and _is_above(hull[-2], hull[-1], (x, y)):
            hull.pop()
        if not hull or y < hull[-1][1]:
            hull.append((x, y))
    errors, frames = zip(*hull, strict=True)
    return ErrorCurve(total_error=np.array(errors), mean_decision_frame=np.array(frames))


def _is_above(first: tuple[float, float], middle: tuple[float, float], last: tuple[float, float]) -> bool:
    """Returns whether the middle point lies on or above the line from first to last."""
    across = (middle[0] - first[0]) * (last[1] - first[1])
    return (middle[1] - first[1]) * (last[0] - first[0]) >= across
