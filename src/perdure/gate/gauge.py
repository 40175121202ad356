"""One number of a stream, second by second, and bets that its mean has left where it was.

Whoever bets against a mean that has not left its band wins nothing in the long run, so that great wealth says that it
has. Every second a little new wealth joins in, as much as the day has passed, and each stake of it is bet anew: what
there is grows from whenever the change is, be it after a minute or after a week of calm, and exceeds any number of
days at most that part of a day often in which nothing changed, whenever one looks (e-detectors of Shiryaev and Roberts:
Shin, Ramdas and Rinaldo, New England Journal of Statistics in Data Science, 2023; bets on bounded means: Waudby-Smith
and Ramdas, JRSS B, 2024). A second counts as one number, so that what is alike within it proves nothing. Knows no
tracks.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from typing import Literal

import numpy as np
from jaxtyping import Float

DAY_S = 86_400.0
BLOCK_S = 1.0
"""Seconds that are one number: detections of neighbouring frames are alike."""
NUM_REFERENCE = 60
"""Blocks that say how a stream is, where nobody has said it before."""
MOST_OF_A_BLOCK = 8
"""Values of one block that are kept as a scale for later ones."""
SURE = 2.0
"""Standard errors of a learnt mean that the band is wider by."""
STAKES = np.array([0.05, 0.1, 0.2, 0.4, 0.8])
"""Shares of the wealth that are put at risk, all of them side by side: one suits small changes, another large ones."""
NUM_RECENT = 20
"""Blocks over which the number that is shown is averaged."""
LEAST_COUNT = 0.05
"""A mean count below it is taken for it."""
Kind = Literal["share", "count", "rank"]


def bet(
    wealth: Float[np.ndarray, "*n 2 stake"],
    number: Float[np.ndarray, "*n"],
    low: float | Float[np.ndarray, "*n 1"],
    high: float | Float[np.ndarray, "*n 1"],
) -> Float[np.ndarray, "*n 2 stake"]:
    """Returns the wealth after a block: a little has joined in, and all of it was bet.

    Each stake multiplies by at most 1 on average as long as the mean lies in the band.

    Args:
        wealth: in days, of bets on a rise and on a fall.
        number: of the block, from 0 to 1.
        low: least mean of the band; minus infinity bets on no fall.
        high: largest one.

    >>> bet(np.zeros((2, 5)), np.array(1.0), 0.4, 0.5)[:, -1] * DAY_S
    array([1.8, 0.2])
    """
    share = number[..., None] / np.clip(high, 1e-6, 1.0)
    missing = (1 - number[..., None]) / np.maximum(1 - np.asarray(low), 1e-6)
    gain = 1 + np.stack([STAKES * (share - 1), STAKES * (missing - 1)], axis=-2)
    return np.asarray((wealth + BLOCK_S / DAY_S) * gain)


@dataclass(frozen=True, slots=True, kw_only=True)
class Gauge:
    """What is known of one number; a value, so that each block makes a new one.

    Args:
        kind: how the values of a block become one number from 0 to 1: their mean; that of counts over itself plus the
            usual one, so that twice as many are 2/3, and fewer are no drift; or their mean rank among the usual ones.
        tolerance: how far the mean may leave what it was.
        sample: values of the first blocks: all that is learnt from; empty where the mean is `known`.
        num_blocks: blocks learnt from.
        low: least mean that is no drift; NaN while it is being learnt.
        high: largest one.
        usual: mean of calibration, or of the first blocks, in the unit of the values.
        now: that of the latest blocks.
        wealth: of each stake, in days: bets on a rise, then on a fall.
        is_drifted: whether the mean has left the band, as far as one can be sure.
        num_since: blocks since that was told.
        mean_since: mean number of these blocks.
    """

    kind: Kind
    tolerance: float
    sample: Float[np.ndarray, " n"] = field(default_factory=lambda: np.zeros(0))
    num_blocks: int = 0
    low: float = float("nan")
    high: float = float("nan")
    usual: float = float("nan")
    now: float = float("nan")
    wealth: Float[np.ndarray, "2 stake"] = field(default_factory=lambda: np.zeros((2, len(STAKES))))
    is_drifted: bool = False
    num_since: int = 0
    mean_since: float = 0.0

    def known(self, mean: float) -> Gauge:
        """Returns the gauge of a share whose mean was calibrated."""
        return replace(self, low=mean - self.tolerance, high=mean + self.tolerance, usual=mean)

    @property
    def is_learning(self) -> bool:
        """Whether the first blocks still say how the stream is."""
        return bool(np.isnan(self.low))

    def after(self, values: Float[np.ndarray, " n"], *, most_days: float) -> Gauge:
        """Returns the gauge after one more block.

        Args:
            values: of the block; a block without any says nothing.
            most_days: wealth that proves a change.
        """
        if not len(values):
            return self
        if self.is_learning:
            return self._learnt(values)
        number, shown = self.number(values), self._shown(values)
        now = shown if np.isnan(self.now) else self.now + (shown - self.now) / NUM_RECENT
        if self.is_drifted:
            return self._since(number, now)
        wealth = bet(self.wealth, np.array(number), self.low, self.high)
        if wealth.sum() < most_days * wealth.size:
            return replace(self, now=now, wealth=wealth)
        return replace(self, now=now, wealth=np.zeros_like(wealth), is_drifted=True, num_since=0, mean_since=0.0)

    def _since(self, number: float, now: float) -> Gauge:
        """Returns the gauge after a block during drift, which ends when as many blocks as say how a stream is say so.

        What is bet on begins anew then.
        """
        num = self.num_since + 1
        mean = self.mean_since + (number - self.mean_since) / min(num, NUM_REFERENCE)
        is_back = num >= NUM_REFERENCE and self.low <= mean <= self.high
        return replace(self, now=now, is_drifted=not is_back, num_since=num, mean_since=mean)

    def _learnt(self, values: Float[np.ndarray, " n"]) -> Gauge:
        """Returns the gauge after one of the first blocks."""
        if self.kind == "rank":
            kept = np.linspace(0, len(values) - 1, min(len(values), MOST_OF_A_BLOCK)).round().astype(np.int64)
            taken = values[kept]
        else:
            taken = np.array([values.mean()])
        sample, num = np.concatenate([self.sample, taken]), self.num_blocks + 1
        if num < NUM_REFERENCE:
            return replace(self, sample=sample, num_blocks=num)
        learnt = replace(self, sample=np.sort(sample), num_blocks=num, usual=float(sample.mean()))
        numbers = np.array([learnt.number(np.array([value])) for value in sample])
        mean, far = float(numbers.mean()), self.tolerance + SURE * float(numbers.std()) / np.sqrt(len(numbers))
        low = -np.inf if self.kind == "count" else mean - far
        return replace(learnt, low=low, high=mean + far, usual=mean if self.kind == "rank" else learnt.usual)

    def number(self, values: Float[np.ndarray, " n"]) -> float:
        """Returns the one number of a block, from 0 to 1."""
        if self.kind == "share":
            return float(values.mean())
        if self.kind == "count":
            mean = float(values.mean())
            return mean / (mean + max(self.usual, LEAST_COUNT))
        below = np.searchsorted(self.sample, values, "left") + np.searchsorted(self.sample, values, "right")
        return float(below.mean()) / (2 * len(self.sample))

    def _shown(self, values: Float[np.ndarray, " n"]) -> float:
        return self.number(values) if self.kind == "rank" else float(values.mean())

    def to_arrays(self) -> dict[str, np.ndarray]:
        """Returns all that changes by name, ready to be stored."""
        numbers = [float(getattr(self, name)) for name in _NUMBERS]
        return {"sample": self.sample, "wealth": self.wealth, "numbers": np.array(numbers)}

    def filled(self, arrays: dict[str, np.ndarray]) -> Gauge:
        """Returns the gauge that `to_arrays` of one of the same kind described."""
        values = dict(zip(_NUMBERS, arrays["numbers"].tolist(), strict=True))
        whole = {name: int(values[name]) for name in ("num_blocks", "num_since")}
        drifted = bool(values["is_drifted"])
        kept = {name: arrays[name].astype(np.float64) for name in ("sample", "wealth")}
        return replace(self, **(values | whole | kept | {"is_drifted": drifted}))


_NUMBERS = tuple(item.name for item in fields(Gauge) if item.name not in ("kind", "tolerance", "sample", "wealth"))
