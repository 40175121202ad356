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


@dataclass(frozen=True, slots=True, kw_only=True)
class SweptDecisions:
    """What each rule of a family decides about each track.

    Args:
        age: decision frames.
        is_confirmed: whether the label is persistent.
    """

    age: Int[np.ndarray, "rule n"]
    is_confirmed: Bool[np.ndarray, "rule n"]

    def points(
        self, is_persistent: Bool[np.ndarray, " n"], balance: Float[np.ndarray, "... n"]
    ) -> tuple[Float[np.ndarray, "rule ..."], Float[np.ndarray, "rule ..."]]:
        """Returns total error and mean decision frame of each rule, for each set of weights from `class_balance`."""
        is_wrong = self.is_confirmed != is_persistent
        return is_wrong @ balance.T, self.age @ balance.T


def class_balance(
    is_persistent: Bool[np.ndarray, " n"], count: Float[np.ndarray, "... n"] | None = None
) -> Float[np.ndarray, "... n"]:
    """Returns weights of tracks that sum to a half over each class, so that both classes count alike.

    Args:
        is_persistent: truth.
        count: how often each track counts, in each of several resamples; once by default.
    """
    counts = np.ones(len(is_persistent)) if count is None else count
    persistent, transient = counts * is_persistent, counts * ~is_persistent
    return (persistent / persistent.sum(-1, keepdims=True) + transient / transient.sum(-1, keepdims=True)) / 2


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
    swept = swept_bounds(evidence, horizon=horizon, is_timeout_persistent=is_timeout_persistent)
    errors, frames = swept.points(is_persistent, class_balance(is_persistent))
    return lower_hull(errors, frames)


def swept_bounds(evidence: Float[np.ndarray, "n l"], *, horizon: int, is_timeout_persistent: bool) -> SweptDecisions:
    """Returns what the two-bound test decides for every pair of bounds; arguments as in `sweep_bounds`."""
    scores = evidence[:, :horizon]
    num_seen = (~np.isnan(scores)).sum(axis=1)
    ends_early = num_seen < scores.shape[1]
    levels = _levels(scores)
    first_up = _first_crossings(scores, levels, num_seen)
    first_down = _first_crossings(-scores, -levels, num_seen)
    ages, confirmed = [], []
    for up in range(len(levels)):
        for down in range(up):
            rise, fall = first_up[:, up], first_down[:, down]
            is_open = (rise > num_seen) & (fall > num_seen)
            confirmed.append((rise < fall) | (is_open & ~ends_early & is_timeout_persistent))
            ages.append(np.minimum(np.minimum(rise, fall), np.where(ends_early, num_seen + 1, num_seen)))
    return SweptDecisions(age=np.array(ages), is_confirmed=np.array(confirmed))


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


def lower_hull(errors: Float[np.ndarray, " m"], frames: Float[np.ndarray, " m"]) -> ErrorCurve:
    """Returns the lower convex hull of (error, frame) points, down to the point with the fewest frames."""
    order = np.lexsort((frames, errors))
    earlier = np.minimum.accumulate(frames[order])
    is_faster = np.r_[True, earlier[1:] < earlier[:-1]]
    hull: list[tuple[float, float]] = []
    for x, y in zip(errors[order][is_faster].tolist(), frames[order][is_faster].tolist(), strict=True):
        while len(hull) >= 2 and _is_above(hull[-2], hull[-1], (x, y)):
            hull.pop()
        hull.append((x, y))
    corners = np.array(hull)
    return ErrorCurve(total_error=corners[:, 0], mean_decision_frame=corners[:, 1])


def _is_above(first: tuple[float, float], middle: tuple[float, float], last: tuple[float, float]) -> bool:
    """Returns whether the middle point lies on or above the line from first to last."""
    across = (middle[0] - first[0]) * (last[1] - first[1])
    return (middle[1] - first[1]) * (last[0] - first[0]) >= across
