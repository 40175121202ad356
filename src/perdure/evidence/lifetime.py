"""Closed-form evidence of hits and misses alone: does this track die as flickers do, or does it go on?

A live object is hit with probability `hit_alive` per frame; a transient one lives L frames, L drawn from `pmf`, and
after that its track is hit with probability `hit_dead`. Given the hit at birth (age 1),

    evidence_t = log P(d_2..d_t | persistent) - log sum_L pmf[L] P(d_2..d_t | lifetime L).

Knows hits and ages only; pixels, boxes and cues are the business of the learned residual.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int

from perdure.evidence.slot_rows import SlotRows

MIN_TRACKS = 10
"""Tracks of each class below which no lifetime law is fitted."""
MAX_ROUNDS = 1000
"""Rounds of expectation maximisation after which the fit is taken as it is."""


@dataclass(frozen=True, slots=True)
class LifetimeModel:
    """The law of hits and misses of both classes.

    Args:
        hit_alive: probability of a hit on a frame on which the object exists, above 0 and below 1.
        hit_dead: probability of a hit in the track's gate after the object's end, above 0 and below 1.
        pmf: probability that a transient object lives 1, 2, ... frames; sums to 1.

    Raises:
        ValueError: a probability is out of range, or the lifetimes do not sum to 1.
    """

    hit_alive: float
    hit_dead: float
    pmf: tuple[float, ...]

    def __post_init__(self) -> None:
        for name in ("hit_alive", "hit_dead"):
            if not 0 < getattr(self, name) < 1:
                raise ValueError(f"LifetimeModel.{name}: got {getattr(self, name)}, expected above 0 and below 1")
        if not self.pmf or min(self.pmf) < 0 or not abs(sum(self.pmf) - 1) <= 1e-6:
            raise ValueError(f"LifetimeModel.pmf: got {self.pmf}, expected probabilities that sum to 1")

    def evidence(self, is_hit: Bool[np.ndarray, "n l"]) -> Float[np.ndarray, "n l"]:
        """Returns the evidence in nats at every age of whole tracks; column 0 is birth and always 0.

        >>> model = LifetimeModel(hit_alive=0.9, hit_dead=0.1, pmf=(0.5, 0.5))
        >>> model.evidence(np.array([[True, True, True]])).round(3).tolist()
        [[0.0, 0.588, 2.785]]
        """
        state, every, columns = self.init_state(len(is_hit)), np.arange(len(is_hit)), []
        for age in range(is_hit.shape[1]):
            evidence, state = self.step(state, every, is_hit[:, age])
            columns.append(evidence)
        return np.stack(columns, axis=1) if columns else np.zeros(is_hit.shape)

    def init_state(self, num: int) -> LifetimeState:
        """Returns the state of `num` tracks before their birth."""
        return LifetimeState(log_ratio=np.zeros((num, len(self.pmf))), age=np.zeros(num, dtype=np.int64))

    def step(
        self, state: LifetimeState, rows: Int[np.ndarray, " n"], is_hit: Bool[np.ndarray, " n"]
    ) -> tuple[Float[np.ndarray, " n"], LifetimeState]:
        """Returns the evidence of the given slots after one more frame, and the new state; other slots stay as is."""
        age = state.age[rows] + 1
        hit_ratio, miss_ratio, log_pmf = _logs_of(self)
        ratio = np.where(is_hit, hit_ratio, miss_ratio)
        # Birth is given, so age 1 is no news; after it only lifetimes that are over speak against "persistent".
        is_dead = (age[:, None] > np.arange(1, len(self.pmf) + 1)) & (age > 1)[:, None]
        log_ratio = state.log_ratio[rows] + np.where(is_dead, ratio[:, None], 0.0)
        evidence = -np.logaddexp.reduce(log_pmf + log_ratio, axis=1)
        # The pmf sums to 1 only up to rounding; at birth the evidence is 0 by definition.
        return np.where(age == 1, 0.0, evidence), state.put(rows, log_ratio=log_ratio, age=age)

    def to_dict(self) -> dict[str, Any]:
        """Returns plain values, ready for JSON."""
        return {"hit_alive": self.hit_alive, "hit_dead": self.hit_dead, "pmf": list(self.pmf)}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> LifetimeModel:
        """Returns the model that `to_dict` described.

        Raises:
            ValueError: a value is missing or out of range.
        """
        try:
            pmf = tuple(float(value) for value in values["pmf"])
            return cls(hit_alive=float(values["hit_alive"]), hit_dead=float(values["hit_dead"]), pmf=pmf)
        except KeyError as error:
            raise ValueError(f"lifetime: got no {error}, expected hit_alive, hit_dead and pmf") from error
        except TypeError as error:
            raise ValueError(f"lifetime: got no numbers, expected hit_alive, hit_dead and pmf ({error})") from error


@cache
def _logs_of(law: LifetimeModel) -> tuple[float, float, Float[np.ndarray, " lifetime"]]:
    """Returns what a hit and a miss say once an object has ended, and the logarithms of its lifetimes."""
    hit_ratio = np.log(law.hit_dead) - np.log(law.hit_alive)
    miss_ratio = np.log1p(-law.hit_dead) - np.log1p(-law.hit_alive)
    with np.errstate(divide="ignore"):
        return hit_ratio, miss_ratio, np.log(np.array(law.pmf))


@dataclass(frozen=True, slots=True)
class LifetimeState(SlotRows):
    """What has been seen of each slot.

    Args:
        log_ratio: log P(hits and misses | lifetime) - log P(... | persistent) for each lifetime.
        age: frames since birth, 0 before birth.
    """

    log_ratio: Float[np.ndarray, "slot lifetime"]
    age: Int[np.ndarray, " slot"]


def fit_lifetime(
    is_hit: Bool[np.ndarray, "n l"],
    is_valid: Bool[np.ndarray, "n l"],
    is_persistent: Bool[np.ndarray, " n"],
    *,
    max_lifetime: int = 8,
    smoothing: float = 1.0,
) -> LifetimeModel:
    """Returns the lifetime model that labelled training tracks make most likely.

    `hit_alive` is the hit rate of persistent tracks after birth; `pmf` and `hit_dead` come from expectation
    maximisation over the unknown lifetimes of transient ones. Transients that live longer than `max_lifetime`, or
    longer than they are watched, count at their last possible lifetime, which is exact up to that age.

    Args:
        is_hit: whether the track was hit at each age.
        is_valid: whether the track exists at that age; tracks that the tracker deleted get back the miss on which
            it did so.
        is_persistent: truth.
        max_lifetime: largest lifetime in frames that gets a probability of its own; at least the horizon where
            transients live long.
        smoothing: pseudo-tracks spread evenly over the lifetimes, so that none is impossible.

    Raises:
        ValueError: there are fewer than `MIN_TRACKS` tracks of a class, or `max_lifetime` is not positive.
    """
    if max_lifetime < 1:
        raise ValueError(f"max_lifetime: got {max_lifetime}, expected at least 1 frame")
    for name, num in (("persistent", int(is_persistent.sum())), ("transient", int((~is_persistent).sum()))):
        if num < MIN_TRACKS:
            raise ValueError(f"lifetime fit: got {num} {name} tracks, need at least {MIN_TRACKS}; add training clips")
    after_birth = _with_deletion(is_hit, is_valid)[:, 1:]
    hit, miss = is_hit[:, 1:] & after_birth, ~is_hit[:, 1:] & after_birth
    # One pseudo-hit and one pseudo-miss keep every probability inside (0, 1).
    hit_alive = _share(float(hit[is_persistent].sum()), float(miss[is_persistent].sum()))
    return _maximise(hit[~is_persistent], miss[~is_persistent], hit_alive, max_lifetime, smoothing)


def _with_deletion(is_hit: Bool[np.ndarray, "n l"], is_valid: Bool[np.ndarray, "n l"]) -> Bool[np.ndarray, "n l"]:
    """Returns validity with the frame of deletion included.

    A tracker deletes a track on its last allowed miss and leaves no row for that frame; without it every ended track
    would lack one miss and `hit_dead` would come out too large. Tracks that end with fewer misses than the longest
    such run were cut off by the end of their clip.
    """
    num_seen = is_valid.sum(axis=1)
    ends = num_seen < is_valid.shape[1]
    last_hit = np.where(is_hit & is_valid, np.arange(1, is_valid.shape[1] + 1), 0).max(axis=1, initial=0)
    misses = num_seen - last_hit
    is_deleted = ends & (misses == misses[ends].max(initial=0))
    result = is_valid.copy()
    result[is_deleted, num_seen[is_deleted]] = True
    return result


def _share(hits: float, misses: float) -> float:
    return (hits + 1) / (hits + misses + 2)


def _up_to(counted: Bool[np.ndarray, "n l"], max_lifetime: int) -> Float[np.ndarray, "n lifetime"]:
    """Returns how many frames are counted from age 2 to age L, for L = 1 .. max_lifetime (column 0 is age 2)."""
    total = np.concatenate([np.zeros((len(counted), 1)), np.cumsum(counted, axis=1)], axis=1)
    return total[:, np.minimum(np.arange(max_lifetime), counted.shape[1])]


def _maximise(
    hit: Bool[np.ndarray, "n l"], miss: Bool[np.ndarray, "n l"], hit_alive: float, max_lifetime: int, smoothing: float
) -> LifetimeModel:
    """Returns the fit of pmf and hit_dead by expectation maximisation; columns are ages from 2 on."""
    dead_hits = hit.sum(axis=1, keepdims=True) - _up_to(hit, max_lifetime)
    dead_misses = miss.sum(axis=1, keepdims=True) - _up_to(miss, max_lifetime)
    pmf = np.full(max_lifetime, 1 / max_lifetime)
    hit_dead = 0.1 * hit_alive
    for _ in range(MAX_ROUNDS):
        hit_ratio = np.log(hit_dead) - np.log(hit_alive)
        miss_ratio = np.log1p(-hit_dead) - np.log1p(-hit_alive)
        joint = np.log(pmf) + dead_hits * hit_ratio + dead_misses * miss_ratio
        weight = np.exp(joint - np.logaddexp.reduce(joint, axis=1, keepdims=True))
        new_pmf = (weight.sum(axis=0) + smoothing / max_lifetime) / (len(hit) + smoothing)
        hit_dead = _share(float((weight * dead_hits).sum()), float((weight * dead_misses).sum()))
        change, pmf = np.abs(new_pmf - pmf).max(), new_pmf
        if change < 1e-9:
            break
    return LifetimeModel(hit_alive=hit_alive, hit_dead=hit_dead, pmf=tuple((pmf / pmf.sum()).tolist()))
