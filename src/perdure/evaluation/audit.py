"""Looks for leaks: does anything that is known when a track is born tell whether it will last?

One random track a clip; a classifier learns the label from each group of features and is judged on clips it has not
seen. Without a cue nothing may beat chance. Knows clips with ground truth; knows no model of ours.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import partial
from multiprocessing import get_context

import numpy as np
from jaxtyping import Bool, Float
from scipy.stats import norm, rankdata

from perdure.data.dataset import ClipDataset
from perdure.evaluation.birth import BirthRecord, birth_record
from perdure.evaluation.birth_classifier import NUM_FOLDS, held_out_scores
from perdure.types import Clip
from perdure.world.config import WorldConfig
from perdure.world.generate import generate_clip

TOLERANCE = 0.03
"""Largest distance of an area under the curve from what is expected; about three standard errors at 2,000 a class."""
CUE_GROUP = "cue"
"""Group that holds the rendered cue itself: expected to tell the label exactly as well as its strength says."""
_CLIPS_PER_TASK = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupAudit:
    """How well one group of features tells the label at birth.

    Args:
        name: name of the group.
        auc: area under the curve on clips not learned from, mean over halves; 0.5 is chance.
        interval: 95 % interval of `auc` (DeLong et al., Biometrics 1988).
        expected: what it must be near: 0.5, or Phi(d / sqrt 2) for the cue.
    """

    name: str
    auc: float
    interval: tuple[float, float]
    expected: float = 0.5

    @property
    def passed(self) -> bool:
        """Whether the area is within the tolerance of what is expected."""
        return abs(self.auc - self.expected) <= TOLERANCE


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditReport:
    """The result of an audit.

    Args:
        num_persistent: persistent tracks, one a clip.
        num_transient: transient tracks, one a clip.
        groups: one entry a group of features.
    """

    num_persistent: int
    num_transient: int
    groups: tuple[GroupAudit, ...]

    @property
    def passed(self) -> bool:
        """Whether every group is as expected."""
        return all(group.passed for group in self.groups)

    @property
    def leaks(self) -> tuple[str, ...]:
        """Names of the groups that are not as expected."""
        return tuple(group.name for group in self.groups if not group.passed)

    def text(self) -> str:
        """Returns the report as lines for people."""
        lines = [f"{self.num_persistent} persistent and {self.num_transient} transient tracks, one a clip"]
        for group in self.groups:
            low, high = group.interval
            verdict = "PASS" if group.passed else "FAIL"
            lines.append(
                f"{verdict}  {group.name:<12} AUC {group.auc:.3f} [{low:.3f}, {high:.3f}]"
                f"  expected {group.expected:.3f} +- {TOLERANCE}"
            )
        leaks = ", ".join(self.leaks)
        lines.append("no leak found" if self.passed else f"LEAK: the label can be told at birth from {leaks}")
        return "\n".join(lines)


def audit_world(config: WorldConfig, *, num_per_class: int = 2000, seed: int, num_workers: int = 1) -> AuditReport:
    """Returns the audit of a world with its cue switched off: then nothing may tell the label at birth.

    Args:
        config: the world.
        num_per_class: tracks of each class; 2,000 give the tolerance three standard errors.
        seed: of the clips and of the choices.
        num_workers: processes; no influence on the result.

    Raises:
        ValueError: a class does not occur, or an argument is out of range.
    """
    if not 0 < config.persistent_share < 1:
        raise ValueError(
            f"persistent_share: got {config.persistent_share}, expected above 0 and below 1: no other class"
        )
    records = _world_records(replace(config, cue_strength=0.0), seed=seed, num_workers=num_workers)
    return audit_records(_balanced(records, num_per_class), seed=seed)


def audit_dataset(dataset: ClipDataset, *, seed: int = 0) -> AuditReport:
    """Returns the audit of all clips of a data set.

    Where the world has a cue the disc that shows it is painted over for all groups but one, `cue`, which must tell
    the label as well as the cue's strength says, Phi(d / sqrt 2) (two Gaussians at distance d), and not better.

    Raises:
        ValueError: a class has too few tracks.
    """
    ids = [clip_id for split in dataset.manifest.splits for clip_id in dataset.split(split)]
    return audit_clips((dataset.clip(clip_id) for clip_id in ids), world=dataset.config.world, seed=seed)


def audit_clips(
    clips: Iterable[Clip], *, world: WorldConfig | None = None, num_per_class: int | None = None, seed: int = 0
) -> AuditReport:
    """Returns the audit of any clips with ground truth, one random track each.

    Args:
        clips: independent clips.
        world: where the clips come from; its cue, if any, is taken into account. None = no cue.
        num_per_class: stop when there are so many of each class; None = use all clips.
        seed: of the choices.

    Raises:
        ValueError: a clip has no ground truth, or a class has too few tracks.
    """
    records = (_random_record(clip, number, world=world, seed=seed) for number, clip in enumerate(clips))
    chosen = list(records) if num_per_class is None else _balanced(records, num_per_class)
    return audit_records(chosen, seed=seed, cue_strength=0.0 if world is None else world.cue_strength)


def audit_records(records: Sequence[BirthRecord], *, seed: int, cue_strength: float = 0.0) -> AuditReport:
    """Returns the audit of tracks at birth, which must be independent of each other.

    Raises:
        ValueError: a class has too few tracks to learn from.
    """
    is_persistent = np.array([record.is_persistent for record in records], dtype=bool)
    num_persistent, num_transient = int(is_persistent.sum()), int((~is_persistent).sum())
    if min(num_persistent, num_transient) < 50:
        raise ValueError(
            f"audit: got {num_persistent} persistent and {num_transient} transient tracks, need at least 50 of each; "
            "use more clips"
        )
    groups = []
    for name in records[0].features:
        values = np.stack([record.features[name] for record in records])
        scores = held_out_scores(values, is_persistent, seed=seed)
        is_cue = name == CUE_GROUP
        expected = float(norm.cdf(cue_strength / math.sqrt(2))) if is_cue else 0.5
        groups.append(_group_audit(name, scores, is_persistent, expected))
    return AuditReport(num_persistent=num_persistent, num_transient=num_transient, groups=tuple(groups))


def _group_audit(
    name: str, folds: list[tuple[np.ndarray, np.ndarray]], is_persistent: Bool[np.ndarray, " n"], expected: float
) -> GroupAudit:
    """Returns the mean area over folds; scores of different folds are never compared with each other.

    The folds of one division are independent, so its variance is that of one fold by their number; averaging over
    divisions is not counted, which errs on the wide side.
    """
    parts = [area_and_variance(score, is_persistent[rows]) for rows, score in folds]
    auc, variance = np.mean(parts, axis=0).tolist()
    reach = float(norm.ppf(0.975)) * math.sqrt(variance / NUM_FOLDS)
    return GroupAudit(name=name, auc=auc, interval=(max(auc - reach, 0.0), min(auc + reach, 1.0)), expected=expected)


def area_and_variance(score: Float[np.ndarray, " n"], is_positive: Bool[np.ndarray, " n"]) -> tuple[float, float]:
    """Returns the area under the curve and its variance by placements (DeLong et al. 1988, equations 4 to 8).

    >>> area_and_variance(np.array([1.0, 2.0, 3.0, 4.0]), np.array([False, False, True, True]))
    (1.0, 0.0)
    """
    above, below = score[is_positive], score[~is_positive]
    ranks = rankdata(score)
    of_positive = (ranks[is_positive] - rankdata(above)) / len(below)
    of_negative = 1 - (ranks[~is_positive] - rankdata(below)) / len(above)
    variance = np.var(of_positive, ddof=1) / len(above) + np.var(of_negative, ddof=1) / len(below)
    return float(of_positive.mean()), float(variance)


def _random_record(clip: Clip, number: int, *, world: WorldConfig | None, seed: int) -> BirthRecord:
    """Returns a random track of a clip at birth; which one depends on seed and number alone."""
    if clip.truth is None:
        raise ValueError(f"clip {clip.clip_id}: got no ground truth, expected it for an audit")
    rng = np.random.default_rng([seed, number])
    track = int(rng.integers(clip.truth.num_objects))
    return birth_record(clip, track, world=world)


def _balanced(records: Iterable[BirthRecord], num_per_class: int) -> list[BirthRecord]:
    """Returns the first records of each class, so many of each."""
    kept: dict[bool, list[BirthRecord]] = {False: [], True: []}
    for record in records:
        if len(kept[record.is_persistent]) < num_per_class:
            kept[record.is_persistent].append(record)
        if min(len(kept[False]), len(kept[True])) >= num_per_class:
            break
    return kept[False] + kept[True]


def _world_records(config: WorldConfig, *, seed: int, num_workers: int) -> Iterator[BirthRecord]:
    """Yields records of clips 0, 1, 2 and so on without end."""
    work = partial(_records_of_range, config, seed)
    pool = ProcessPoolExecutor(num_workers, mp_context=get_context("spawn")) if num_workers > 1 else None
    start, step = 0, _CLIPS_PER_TASK
    with pool or nullcontext():
        while True:
            starts = [start + step * task for task in range(4 * num_workers)]
            for part in pool.map(work, starts) if pool else map(work, starts):
                yield from part
            start = starts[-1] + step


def _records_of_range(config: WorldConfig, seed: int, start: int) -> list[BirthRecord]:
    records = []
    for index in range(start, start + _CLIPS_PER_TASK):
        clip = generate_clip(config, seed=seed, index=index, clip_id=f"audit-{index}")
        records.append(_random_record(clip, index, world=None, seed=seed))
    return records
