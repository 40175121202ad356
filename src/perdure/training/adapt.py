"""Weights for a detector and its site without labels: what became of each track is the teacher.

A forest is fitted on lives (`fates`), and takes the place of the weights that are there only if it tells lives better
on stretches of the stream that it has not seen: with few tracks it does not.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from jaxtyping import Float, Int

from perdure.calibration.rates import Rates
from perdure.calibration.scores import CalibrationScores, sample_one_per_clip
from perdure.evidence.track_evidence import TrackEvidence
from perdure.gate.forest_model import ForestModel
from perdure.stopping.counting import is_hit_streak
from perdure.stopping.sequences import run_rule
from perdure.stopping.streak import STREAKS, StreakRule
from perdure.track_table import TrackTable
from perdure.tracks.split import folds_of
from perdure.training.fates import LifeLaw, Lives, fit_life_law, soft_labels
from perdure.training.track_fit import TrackTrainingConfig, balanced_weights, fit_track_evidence, table_evidence

LEAST_LONG = 60
"""Tracks that must have lived long. A guess that was not measured; what is chosen is also judged on left-out lives."""
NUM_BLOCKS = 5
"""Stretches of time that a single stream is cut into, to be left out in turn."""
START_RANGE = (-3.0, 8.0)
"""Evidence in nats among which the start of the gate is looked for."""
_SHOW_MORE = "show more of the stream"
STRICTNESS = 0.95
"""Short lives that the gate may confirm for each one that the rule would, as on the stream itself."""


@dataclass(frozen=True, kw_only=True, slots=True)
class AdaptConfig:
    """How weights are made from a stream without labels."""

    forest: TrackTrainingConfig = field(default_factory=lambda: TrackTrainingConfig(num_trees=60))
    """How evidence is fitted."""
    folds: int = 4
    """Largest number of parts that are left out in turn."""
    max_false_confirm: float = 0.05
    """Largest share of tracks that vanish early which a promise confirms."""

    def __post_init__(self) -> None:
        if self.folds < 2:
            raise ValueError(f"folds: got {self.folds}, expected at least 2")


@dataclass(frozen=True, kw_only=True, slots=True)
class Adaptation:
    """What came out.

    Args:
        law: of the lives on this stream.
        num_tracks: tracks in all.
        reason: why the weights were made, or why not.
        loss_before: of the weights that were there, on lives that were left out; NaN where nothing was fitted.
        loss_after: of the new ones.
        model: the new weights; None where the old ones are kept.
    """

    law: LifeLaw
    num_tracks: int
    reason: str
    loss_before: float = float("nan")
    loss_after: float = float("nan")
    model: ForestModel | None = None


def adapt(
    table: TrackTable,
    model: ForestModel,
    *,
    frame_rate_hz: float,
    config: AdaptConfig | None = None,
    seed: int = 0,
    on_fold: Callable[[int, int], None] = lambda done, total: None,
) -> Adaptation:
    """Returns weights for the streams that a table of tracks is from, or why there are none.

    Args:
        table: all tracks of some streams with features and lives; labels are not looked at.
        model: weights that are there already.
        frame_rate_hz: frames per second of the streams.
        config: sizes.
        seed: of trees and of the choice of calibration tracks.
        on_fold: told how many of all fits are done.

    Raises:
        ValueError: there are no tracks, or scikit-learn cannot be loaded.
    """
    config = config or AdaptConfig()
    lives = Lives(table.known("num_hits"), table.known("is_open"))
    law = fit_life_law(lives)
    label = soft_labels(lives, law.life)
    found = Adaptation(law=law, num_tracks=len(table), reason=_refusal(law))
    if found.reason:
        return found
    evidence = np.full(table.is_valid.shape, np.nan)
    parts = folds_of(_units(table), config.folds)
    for number, part in enumerate(parts):
        if min((label[~part] > 0.5).sum(), (label[~part] < 0.5).sum()) < LEAST_LONG // 2:
            return replace(found, reason=f"most of the {law.num_long} long lives are in one stretch; {_SHOW_MORE}")
        evidence[part] = table_evidence(
            fit_on_lives(table.take(~part), label[~part], config.forest, seed), table.take(part)
        )
        on_fold(number + 1, len(parts) + 1)
    before, after = (life_loss(values, table, label) for values in (table_evidence(model.evidence, table), evidence))
    found = replace(found, loss_before=before, loss_after=after)
    if not after < before:
        return replace(found, reason="on stretches left out they tell lives no better than the weights that are there")
    made = ForestModel(
        evidence=fit_on_lives(table, label, config.forest, seed),
        operation=replace(
            model.operation,
            frame_rate_hz=frame_rate_hz,
            frame_rate_range_hz=None,
            horizon=table.num_ages,
            on_timeout="transient",
            start_nats=start_nats(evidence, table, label),
        ),
        calibration=_calibration(evidence, table, label, frame_rate_hz, seed),
        rates=Rates(max_false_confirm=config.max_false_confirm),
        trained_on=table.key,
    )
    on_fold(len(parts) + 1, len(parts) + 1)
    return replace(found, reason="they tell lives better on stretches left out", model=made)


def _refusal(law: LifeLaw) -> str:
    """Returns why lives teach nothing here; empty if they do."""
    if law.num_long < LEAST_LONG:
        return f"only {law.num_long} tracks lived for {law.life} detections or more, need {LEAST_LONG}; {_SHOW_MORE}"
    if not law.is_pure:
        return "at no length of life most tracks are objects: clutter lives as long as they do here"
    return ""


def fit_on_lives(
    table: TrackTable, label: Float[np.ndarray, " n"], config: TrackTrainingConfig, seed: int
) -> TrackEvidence:
    """Returns evidence fitted on soft labels: a track counts as both classes, each as surely as the label says.

    Raises:
        ValueError: there are too few tracks of a class, or scikit-learn cannot be loaded.
    """
    taught, weight = as_both(table, label)
    return fit_track_evidence(taught, config, seed=seed, weight=weight)


def as_both(table: TrackTable, label: Float[np.ndarray, " n"]) -> tuple[TrackTable, Float[np.ndarray, " m"]]:
    """Returns tracks with a class each and a weight: unsure ones twice, unknown ones not at all."""
    objects, clutter = np.flatnonzero(label > 0), np.flatnonzero(label < 1)
    is_persistent = np.arange(len(objects) + len(clutter)) < len(objects)
    weight = np.concatenate([label[objects], 1 - label[clutter]])
    return table.take(np.concatenate([objects, clutter])).with_columns(is_persistent=is_persistent), weight


def life_loss(evidence: Float[np.ndarray, "n l"], table: TrackTable, label: Float[np.ndarray, " n"]) -> float:
    """Returns the mean log loss of evidence on lives, in nats, both classes alike at every age."""
    taught, weight = as_both(table.with_columns(evidence=evidence), label)
    values = np.where(taught.is_valid, taught.known("evidence"), 0.0)
    loss = np.logaddexp(0.0, np.where(taught.is_persistent[:, None], -values, values))
    share = balanced_weights(taught, weight)
    return float((share * loss).sum() / share.sum())


def start_nats(
    evidence: Float[np.ndarray, "n l"], table: TrackTable, label: Float[np.ndarray, " n"]
) -> tuple[float, float, float]:
    """Returns the evidence that a gate starts with to be as strict on short lives as two, three or five in a row."""
    short = np.flatnonzero(label == 0)
    seen = table.take(short).sequences(evidence[short])
    found = []
    for streak in STREAKS.values():
        share = STRICTNESS * _share_in_a_row(table.is_hit[short], streak)
        low, high = START_RANGE
        for _ in range(20):
            middle = (low + high) / 2
            rule = StreakRule(bound=middle, streak=streak, horizon=table.num_ages, on_timeout="transient")
            low, high = (middle, high) if run_rule(rule, seen).is_persistent.mean() > share else (low, middle)
        found.append(round(high, 3))
    return found[0], found[1], found[2]


def _share_in_a_row(is_hit: np.ndarray, streak: int) -> float:
    """Returns the share of tracks that so many detections in a row confirm."""
    history, is_confirmed = np.zeros(len(is_hit), dtype=np.uint64), np.zeros(len(is_hit), dtype=bool)
    for column in range(is_hit.shape[1]):
        history = (history << np.uint64(1)) | is_hit[:, column].astype(np.uint64)
        is_confirmed |= is_hit_streak(history, streak)
    return float(is_confirmed.mean())


def _units(table: TrackTable) -> Int[np.ndarray, " n"]:
    """Returns what is left out together: the scene, or a stretch of time where there is one scene."""
    if len(np.unique(table.unit)) > 1:
        return table.unit
    edges = np.linspace(0, table.birth_frame.max() + 1, NUM_BLOCKS + 1)
    return np.searchsorted(edges, table.birth_frame, side="right") - 1


def _calibration(
    evidence: Float[np.ndarray, "n l"],
    table: TrackTable,
    label: Float[np.ndarray, " n"],
    frame_rate_hz: float,
    seed: int,
) -> CalibrationScores:
    """Returns left-out evidence of tracks that surely lived long or surely did not, one of each in half a second."""
    block = table.birth_frame // max(1, round(frame_rate_hz / 2))
    sure = np.flatnonzero((label == 0) | (label == 1))
    unit = np.unique(np.stack([table.unit, block], axis=1)[sure], axis=0, return_inverse=True)[1].ravel()
    rng = np.random.default_rng(seed)
    hits = table.known("num_hits")[sure]
    return sample_one_per_clip(unit, label[sure] == 1, evidence[sure], rng, num_hits=hits)


def law_words(law: LifeLaw) -> Sequence[str]:
    """Returns what the lives of a stream say, line by line."""
    share = "unknown" if np.isnan(law.object_share) else f"{100 * law.object_share:.1f} %"
    return (
        f"a life of {law.life} detections counts as an object; {law.num_long} tracks had one",
        f"estimated share of objects among all tracks: {share}",
    )
