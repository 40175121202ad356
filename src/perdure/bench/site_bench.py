"""What recalibration on a new sequence of real detections is worth: leave one sequence out, false confirms alone.

Evidence is closed-form: lifetimes and detector scores, fitted on all other sequences. Bounds come from those sequences,
from blocks of time drawn from the new one (with replacement, so that its own rate is the true one), or from the first
half of the new one, to be used on its second half. One sequence is not exchangeable with another, nor its first half
with its second, so all this is a finding; only the draws test a promise.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool

from perdure.bench.site_evidence import ScoreEvidence, found_tracks
from perdure.calibration.site import site_rule
from perdure.data.mot_sequence import find_mot_folders, read_mot_sequence, scene_numbers
from perdure.data.track_labels import Targets
from perdure.stopping.hand_rule import confirm_cost
from perdure.stopping.rules import StoppingRule
from perdure.stopping.sequences import run_rule
from perdure.track_table import TrackTable
from perdure.tracks.tracks_config import HORIZON


@dataclass(frozen=True, kw_only=True, slots=True)
class SiteBench:
    """What is asked and how hard it is tried."""

    alpha: float = 0.05
    """Largest share of transient tracks called persistent."""
    delta: float = 0.05
    """Largest share of calibrations that may exceed it."""
    num_tracks: int = 300
    """Labelled tracks of the new sequence that are drawn, one of each class from a block."""
    num_draws: int = 200
    """Random choices of tracks per sequence."""
    block_s: float = 0.5
    """Seconds of a sequence that count as one unit."""
    seed: int = 0
    """Seed of all choices."""
    targets: Targets = "boxes"
    """Boxes are matched with objects by overlap; targets of a few pixels by their centre as well."""

    def __post_init__(self) -> None:
        for name in ("alpha", "delta"):
            if not 0 < getattr(self, name) < 1:
                raise ValueError(f"{name}: got {getattr(self, name)}, expected above 0 and below 1")
        for name in ("num_tracks", "num_draws"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}: got {getattr(self, name)}, expected at least 1")
        if not self.block_s > 0:
            raise ValueError(f"block_s: got {self.block_s}, expected above 0 seconds")


def sequence_of(folder: Path) -> str:
    """Returns the sequence that a folder belongs to: folders of one sequence differ in the class of their objects.

    >>> sequence_of(Path("kitti/KITTI-0009-Car"))
    'KITTI-0009'
    """
    return "-".join(folder.name.split("-")[:2])


def site_bench_rows(root: Path, bench: SiteBench) -> Iterator[dict[str, Any]]:
    """Yields one row for each sequence and each place that bounds come from.

    Raises:
        FileNotFoundError: there are no sequences.
        ValueError: there is only one sequence, or a file is malformed.
    """
    folders: dict[str, list[Path]] = {}
    places = find_mot_folders(root)
    scenes = scene_numbers([read_mot_sequence(place) for place in places])
    name_of_scene: dict[int, str] = {}
    for folder, scene in zip(places, scenes, strict=True):
        name = name_of_scene.setdefault(scene, sequence_of(folder))
        folders.setdefault(name, []).append(folder)
    if len(folders) < 2:
        raise ValueError(f"data: {root} holds one sequence, need at least two; each is left out in turn")
    tracks = {name: found_tracks(paths, bench.block_s, bench.targets) for name, paths in folders.items()}
    for number, name in enumerate(tracks):
        others = [part for other, (part, _) in tracks.items() if other != name]
        evidence = ScoreEvidence.fit(others)
        (found, is_early), rng = tracks[name], np.random.default_rng([bench.seed, number])
        new = found.with_columns(evidence=evidence.of(found))
        elsewhere = TrackTable.join([part.with_columns(evidence=evidence.of(part)) for part in others])
        for place, calibrations, judged in _cases(new, elsewhere, is_early, bench, rng):
            yield _row(name, place, calibrations, judged, bench)


def _rule_of(tracks: TrackTable, bench: SiteBench, *, seed: int) -> StoppingRule | None:
    """Returns bounds that are proven on these tracks; None where they are too few."""
    try:
        return site_rule(
            tracks,
            max_false_confirm=bench.alpha,
            max_miss=None,
            delta=bench.delta,
            horizon=HORIZON,
            on_timeout="transient",
            fallback="error",
            seed=seed,
        ).rule
    except ValueError:
        return None


def _cases(
    new: TrackTable,
    elsewhere: TrackTable,
    is_early: Bool[np.ndarray, " n"],
    bench: SiteBench,
    rng: np.random.Generator,
) -> Iterator[tuple[str, list[TrackTable], TrackTable]]:
    """Yields where bounds come from, the tracks of each calibration, and the tracks that they are judged on."""
    yield "other sequences", [elsewhere] * bench.num_draws, new
    drawn = [_drawn(new, bench.num_tracks, rng) for _ in range(bench.num_draws)]
    yield f"{bench.num_tracks} tracks drawn from it", drawn, new
    yield "its first half", [new.take(is_early)] * bench.num_draws, new.take(~is_early)


def _drawn(tracks: TrackTable, num_tracks: int, rng: np.random.Generator) -> TrackTable:
    """Returns blocks drawn with replacement, one random track of each class from each, up to a number of tracks."""
    rows: list[int] = []
    units: list[int] = []
    places = [np.flatnonzero(tracks.unit == unit) for unit in np.unique(tracks.unit)]
    for unit in itertools.count():
        inside = places[rng.integers(len(places))]
        for label in (True, False):
            own = inside[tracks.is_persistent[inside] == label]
            if len(own) and len(rows) < num_tracks:
                rows.append(int(rng.choice(own)))
                units.append(unit)
        if len(rows) >= num_tracks:
            break
    return tracks.take(np.array(rows)).with_columns(group=np.array(units, dtype=np.int64), scene=())


def false_rate(confirmed: Bool[np.ndarray, " n"], tracks: TrackTable) -> float:
    """Returns the false-confirm rate of one random transient track a block: the mean over blocks of the share in each.

    NaN without transient tracks.
    """
    false = ~tracks.is_persistent
    _, block = np.unique(tracks.unit[false], return_inverse=True)
    share = np.bincount(block, confirmed[false]) / np.maximum(np.bincount(block), 1)
    return float(share.mean()) if len(share) else math.nan


def _row(name: str, place: str, calibrations: list[TrackTable], judged: TrackTable, bench: SiteBench) -> dict[str, Any]:
    """Returns what the bounds of each calibration do on the judged tracks."""
    rates, shares, costs, refused = [], [], [], 0
    true = judged.is_persistent
    for draw, tracks in enumerate(calibrations):
        rule = _rule_of(tracks, bench, seed=draw)
        if rule is None:
            refused += 1
            continue
        outcome = run_rule(rule, judged.sequences())
        rates.append(false_rate(outcome.is_persistent, judged))
        if true.any():
            shares.append(float(outcome.is_persistent[true].mean()))
            costs.append(confirm_cost(outcome.age[true], outcome.is_persistent[true], horizon=HORIZON))
    draws = len(rates)
    from scipy.stats import binom  # here, since `perdure bench site --help` would load it

    return {
        "data": name,
        "bounds_from": place,
        "alpha": bench.alpha,
        "delta": bench.delta,
        "block_s": bench.block_s,
        "num_true": int(true.sum()),
        "num_false": int((~true).sum()),
        "num_blocks": len(np.unique(judged.unit)),
        "draws": draws,
        "refused": refused,
        "violations": int((np.array(rates) > bench.alpha).sum()),
        "violations_allowed": int(binom.ppf(0.99, draws, bench.delta)) if draws else 0,
        "false_confirm_rate": float(np.mean(rates)) if draws else None,
        "tpr": float(np.mean(shares)) if shares else None,
        "cost": float(np.mean(costs)) if costs else None,
    }
