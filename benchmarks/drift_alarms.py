"""Measures alarms of drift on simulated streams: how often without a change, and how late after one.

usage: python benchmarks/drift_alarms.py [--days 1000] [--runs 100] [--gauges NAME ...] [--json FILE]

A stream of 30 frames a second: four confirmed tracks hit on 90 % of frames, 20 frames of places a second with clutter
on 5 % (one number in three seconds), five detections a frame, two births a second whose scores and sizes are normal.
Every number is made and bet on by the code of the gate (`perdure.gate.gauge`), many streams side by side; the first
minute is learnt from, as where no site was calibrated. Beside it, on hits: the average of the whole stream so far with
its 99 % interval, which is what the gate did before. Takes about ten minutes.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from perdure.gate.drift import GAUGES, MIN_PLACE_FRAMES, MOST_DAYS
from perdure.gate.gauge import NUM_REFERENCE, STAKES, Gauge, bet
from perdure.metrics.intervals import binomial_interval

MINUTE, DAY, WEEK = 60, 86_400, 7 * 86_400
NUM_HITS, NUM_PLACES, NUM_BIRTHS, RATE = 120, 20, 2, 30
MOST_DELAY = 7200
GRID = np.linspace(-5.0, 6.0, 1101)
SHARES = {"confirmed": (0.9, 0.8, NUM_HITS), "places": (0.05, 0.1, NUM_PLACES)}
"""Mean before and after a change, and values a second, of what is a share."""
Draw = Callable[[np.random.Generator, int, bool], np.ndarray]
"""Returns values of one block of several streams, one row a stream, before or after a change."""


@dataclass(frozen=True)
class World:
    """One number of a simulated stream: its name, what changes, its values, and seconds that make a block."""

    gauge: str
    change: str
    draw: Draw
    block_s: int = 1


def _hits(rng: np.random.Generator, num: int, changed: bool) -> np.ndarray:
    return rng.binomial(NUM_HITS, 0.8 if changed else 0.9, (num, 1)) / NUM_HITS


def _places(rng: np.random.Generator, num: int, changed: bool) -> np.ndarray:
    return rng.binomial(MIN_PLACE_FRAMES, 0.1 if changed else 0.05, (num, 1)) / MIN_PLACE_FRAMES


def _scores(rng: np.random.Generator, num: int, changed: bool) -> np.ndarray:
    return rng.normal(0.5 if changed else 0.0, 1.0, (num, NUM_BIRTHS))


def _sizes(rng: np.random.Generator, num: int, changed: bool) -> np.ndarray:
    return rng.normal(1.0 if changed else 0.0, 1.0, (num, NUM_BIRTHS))


def _births(rng: np.random.Generator, num: int, changed: bool) -> np.ndarray:
    return rng.poisson(NUM_BIRTHS * (10 if changed else 1), (num, 1)) / RATE


def _detections(rng: np.random.Generator, num: int, changed: bool) -> np.ndarray:
    return rng.poisson(5 * RATE * (10 if changed else 1), (num, 1)) / RATE


WORLDS = (
    World("confirmed", "Pd 0.9 to 0.8", _hits),
    World("places", "Pfa 0.05 to 0.1", _places, block_s=MIN_PLACE_FRAMES // NUM_PLACES),
    World("scores", "scores up by half a standard deviation", _scores),
    World("sizes", "sizes up by one standard deviation", _sizes),
    World("births", "ten times the births", _births),
    World("detections", "ten times the detections", _detections),
)


class Streams:
    """Many streams side by side, after the first minute of each."""

    def __init__(self, world: World, num: int, rng: np.random.Generator) -> None:
        self.world, self.rng = world, rng
        self.gauges = [self._learnt() for _ in range(num)]
        self.low, self.high, self.usual = (
            np.array([getattr(gauge, name) for gauge in self.gauges])[:, None] for name in ("low", "high", "usual")
        )
        self.wealth = np.zeros((num, 2, len(STAKES)))
        # Ranks are looked up: each stream has a scale of its own.
        is_rank = self.gauges[0].kind == "rank"
        self.ranks = np.array([[gauge.number(GRID[[k]]) for k in range(len(GRID))] for gauge in self.gauges * is_rank])

    def _learnt(self) -> Gauge:
        gauge = GAUGES[self.world.gauge]
        for _ in range(NUM_REFERENCE):
            gauge = gauge.after(self.world.draw(self.rng, 1, False)[0], most_days=MOST_DAYS)
        return gauge

    def _numbers(self, changed: bool) -> np.ndarray:
        values = self.world.draw(self.rng, len(self.gauges), changed)
        if self.gauges[0].kind == "share":
            return values[:, 0]
        if self.gauges[0].kind == "count":
            return values[:, 0] / (values + self.usual)[:, 0]
        place = np.clip(np.round((values - GRID[0]) / (GRID[1] - GRID[0])), 0, len(GRID) - 1).astype(np.int64)
        return self.ranks[np.arange(len(values))[:, None], place].mean(axis=1)

    def told(self, changed: bool) -> np.ndarray:
        """Returns which streams tell a change after one more block; their wealth begins anew."""
        self.wealth = bet(self.wealth, self._numbers(changed), self.low, self.high)
        is_told = self.wealth.mean(axis=(1, 2)) >= MOST_DAYS
        self.wealth[is_told] = 0.0
        return is_told


def false_alarms(world: World, num_days: int) -> int:
    """Returns the alarms on so many days without a change, each a stream of its own."""
    streams = Streams(world, num_days, np.random.default_rng([1, num_days]))
    return sum(int(streams.told(changed=False).sum()) for _ in range(DAY // world.block_s))


def delays_s(world: World, calm_s: int, num_runs: int) -> np.ndarray:
    """Returns how many seconds after a change each stream tells it, if it was calm for so long after its first minute.

    Those that have told one during the calm are left out: they would need their time to begin anew.
    """
    streams = Streams(world, num_runs, np.random.default_rng([2, calm_s]))
    is_calm = np.ones(num_runs, bool)
    for _ in range(calm_s // world.block_s):
        is_calm &= ~streams.told(changed=False)
    found = np.full(num_runs, np.inf)
    for number in range(1, MOST_DELAY // world.block_s + 1):
        is_new = streams.told(changed=True) & np.isinf(found)
        found[is_new] = number * world.block_s
        if np.isfinite(found).all():
            break
    return found[is_calm]


def average_delay_s(mean: float, changed: float, per_s: int, tolerance: float, calm_s: int) -> int:
    """Returns when the average of the whole stream has left the usual one, if what comes is as it is on average."""

    def is_told(second: int) -> bool:
        hits, num = (calm_s * mean + second * changed) * per_s, (calm_s + second) * per_s
        low, high = binomial_interval(round(hits), num, confidence=0.99)
        return low > mean + tolerance or high < mean - tolerance

    low, high = 0, 10 * WEEK
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if is_told(middle) else (middle, high)
    return high


def others(world: World) -> dict[str, Any]:
    """Returns delays of an average, where the number is a share."""
    if world.gauge not in SHARES:
        return {}
    mean, changed, per_s = SHARES[world.gauge]
    found: dict[str, Any] = {
        f"average_after_{name}_s": average_delay_s(mean, changed, per_s, GAUGES[world.gauge].tolerance, calm_s)
        for name, calm_s in (("minute", MINUTE), ("week", WEEK))
    }
    return found


def row_of(world: World, num_days: int, num_runs: int) -> dict[str, Any]:
    """Returns figures of one number."""
    early, late = delays_s(world, MINUTE, num_runs), delays_s(world, WEEK, num_runs)
    slowest = max(np.quantile(delays, 0.95, method="lower") for delays in (early, late))
    return {
        "gauge": world.gauge,
        "change": world.change,
        "num_days": num_days,
        "false_alarms": false_alarms(world, num_days),
        "num_runs": num_runs,
        "delay_after_minute_s": float(np.median(early)),
        "delay_after_week_s": float(np.median(late)),
        "slowest_95_s": float(slowest) if np.isfinite(slowest) else None,
        "not_told": int(np.isinf(early).sum() + np.isinf(late).sum()),
        **others(world),
    }


def main() -> None:
    """Measures, prints and stores; rows of other gauges that are stored already stay."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--days", type=int, default=1000)
    parser.add_argument("--runs", type=int, default=100)
    parser.add_argument("--gauges", nargs="+", default=[world.gauge for world in WORLDS])
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    is_stored = given.json is not None and given.json.exists()
    rows = {row["gauge"]: row for row in (json.loads(given.json.read_text())["rows"] if is_stored else [])}
    for world in (world for world in WORLDS if world.gauge in given.gauges):
        rows[world.gauge] = row_of(world, given.days, given.runs)
        sys.stdout.write(f"{rows[world.gauge]}\n")
        sys.stdout.flush()
        if given.json is not None:
            kept = [rows[world.gauge] for world in WORLDS if world.gauge in rows]
            given.json.write_text(json.dumps({"bench": "alarms", "rows": kept}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
