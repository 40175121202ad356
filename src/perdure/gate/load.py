"""From a run folder, a weights file, or the weights in the package to a gate that is ready to run."""

from __future__ import annotations

import logging
from dataclasses import replace
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any, Literal

import numpy as np
from jaxtyping import Float

from perdure.arrays import find_weights, load_info
from perdure.calibration.exact import calibrate, proven_lifetime
from perdure.calibration.rates import Rates
from perdure.calibration.site import Fallback
from perdure.evidence.score_scale import StreamScale
from perdure.evidence.track_features import RANKS
from perdure.extras import named_extras
from perdure.gate.drift import DriftMonitor
from perdure.gate.fates import LASTING, FateControl
from perdure.gate.forest_model import ForestModel
from perdure.gate.gate import PersistenceGate
from perdure.gate.intake import Intake
from perdure.gate.matching import CAUTION_NATS, StreakMatch
from perdure.gate.operation import Operation
from perdure.gate.site_calibration import SiteCalibration
from perdure.gate.weights import DETECTIONS, TOKENS, GateModel
from perdure.stopping.rules import MAX_HORIZON, TruncatedSPRT
from perdure.stopping.streak import STREAKS, LifetimeBound, Like, StreakRule, bound_like, streak_of

logger = logging.getLogger(__name__)

SHIPPED = {"pixels": "default.safetensors", "detections": "detections.safetensors"}
"""Files in `perdure/weights` by the names that stand for them; those of pixels are used when no weights are named."""
LIKE_HORIZON = 16
"""Least age at which a gate that stands for a rule gives up to look; from there on detections alone confirm."""
FIRST_GAP_NATS = 6.0
"""How far below the upper bound the lower one stands at the start of a stream, where both move with fates."""
AS_CALIBRATED = "as calibrated"
"""Stands for the rates that a calibration file, or without one the weights, were made for."""


def load_model(path: Path | str | None = None) -> GateModel:
    """Returns the model of a run folder or weights file, of pixels or of detections alone.

    Args:
        path: `pixels` and `detections` are the weights in the package, unless a folder of that name holds weights, not
            only detections; None means those of pixels.

    Raises:
        FileNotFoundError: there are no weights there.
        ValueError: they are damaged or of another version.
    """
    name = SHIPPED.get("pixels" if path is None else str(path))
    if name is None or (path is not None and (Path(path) / "final_model.safetensors").is_file()):
        return _loaded(find_weights(path or ""))
    with as_file(files("perdure") / "weights") as folder:
        return _loaded(find_weights(folder / name))


def _loaded(path: Path) -> GateModel:
    if load_info(path).get("kind") == DETECTIONS:
        return ForestModel.load(path)
    with named_extras():
        from perdure.gate.model import PersistenceModel  # loads torch

    return ForestModel.load(path) if load_info(path).get("kind") == TOKENS else PersistenceModel.load(path)


def load_gate(
    path: Path | str | None = None,
    *,
    like: Like | None = None,
    hold: float | None = None,
    hold_miss: float | None = None,
    calibration: Path | str | None = None,
    max_false_confirm: float | Literal["as calibrated"] | None = "as calibrated",
    max_miss: float | Literal["as calibrated"] | None = "as calibrated",
    horizon: int | None = None,
    on_timeout: Literal["persistent", "transient"] | None = None,
    fallback: Fallback = "hand_rule",
    image_size: tuple[int, int] | None = None,
    known_scores: Float[np.ndarray, " k"] | None = None,
) -> PersistenceGate:
    """Returns a gate that is ready to run.

    By default it stands in the place of "three in a row", matched on the stream itself without labels. With rates, or
    `like="promise"`, both error rates stay below the given ones instead (with probability 95 % over calibration), on
    streams of the kind that calibration tracks came from.

    Args:
        path: run folder or .safetensors file; `detections` means the weights in the package that read detections alone,
            `pixels` or None those that read pixels.
        like: `two in a row`, `three in a row` or `five in a row`: as strict as that rule; `promise`: error rates by
            guarantee. None means three in a row, unless a rate, a calibration or what to do at the horizon is given.
        hold: share of the tracks that vanish with fewer than 10 detections to confirm; kept in the long run, whatever
            drifts, without labels, by bounds that move with what becomes of each track (`perdure.gate.fates`).
        hold_miss: with it, the share of the tracks that last which may be rejected first; None rejects nothing early.
        calibration: file of `perdure calibrate --data`, made on another site; None takes that of training.
        max_false_confirm: largest share of transient tracks that may be called persistent; None confirms nothing
            early. By default what the file was made for, or without a file the weights.
        max_miss: the same of persistent tracks that may be called transient; None rejects nothing early.
        horizon: age in frames at which a decision is forced; None takes that of the file, or of the weights.
        on_timeout: what a forced decision says; None takes that of the file, or of the weights.
        fallback: where tracks of the file are too few for these rates: the M-of-N baseline with a warning, or an error.
        image_size: width and height in pixels, for gates that never see a frame.
        known_scores: scores of earlier detections of the same detector, unlabelled, for weights that rank scores (such
            as `detections`): a stream then need not learn first what a high score is.

    Raises:
        FileNotFoundError: there are no weights there, or no such file.
        ValueError: weights are damaged, not calibrated, or calibrated on too few tracks for these rates; the file is
            of other weights; scores are given to weights that rank none; or what is asked for contradicts itself.
    """
    rates = {"max_false_confirm": max_false_confirm, "max_miss": max_miss}
    given: dict[str, Any] = {name: rate for name, rate in rates.items() if rate != AS_CALIBRATED}
    changes: dict[str, Any] = _given(horizon=horizon, on_timeout=on_timeout)
    promised = [*given, *(["calibration"] if calibration is not None else []), *(set(changes) & {"on_timeout"})]
    is_held = hold is not None or hold_miss is not None
    streak = _streak_asked(like, is_held=is_held, promised=promised)
    model = with_known_scores(load_model(path), known_scores)
    if is_held:
        return _held_gate(model, hold, hold_miss, horizon, image_size)
    if streak is not None:
        return gate_like(model, streak, horizon, image_size)
    if calibration is not None:
        site = _site_of(model, calibration)
        return _site_gate(model, site.asked(**changes, **given), fallback, image_size)
    return _promised_gate(model, path, replace(model.operation, **changes), replace(model.rates, **given), image_size)


def _given(**asked: object) -> dict[str, Any]:
    return {name: value for name, value in asked.items() if value is not None}


def _site_of(model: GateModel, calibration: Path | str) -> SiteCalibration:
    site = SiteCalibration.load(calibration)
    site.check_model(model, calibration)
    return site


def _streak_asked(like: Like | None, *, is_held: bool, promised: list[str]) -> int | None:
    """Returns the detections in a row that the gate stands for, None for a promise; held rates take neither.

    Raises:
        ValueError: a rule, rates to hold and rates to promise are asked for together.
    """
    if is_held and (others := [*promised, *(["like"] if like else [])]):
        raise ValueError(f"hold: got it together with {', '.join(others)}, expected one of both; leave one out")
    streak = streak_of(like or ("promise" if promised else "three in a row"))
    if streak is not None and promised:
        raise ValueError(f"like: got {like!r} together with {', '.join(promised)}, expected one of both; leave one out")
    return streak


def _promised_gate(
    model: GateModel, path: Path | str | None, operation: Operation, rates: Rates, image_size: tuple[int, int] | None
) -> PersistenceGate:
    """Returns a gate whose bounds on evidence and lifetime keep error rates.

    Raises:
        ValueError: the weights are not calibrated, or on too few tracks for these rates.
    """
    if model.calibration is None:
        raise ValueError(f"weights: {path} are not calibrated; finish the run that made them (perdure run --resume)")
    bound = proven_lifetime(model.calibration, rates)
    rule = calibrate(
        model.calibration,
        rates,
        horizon=operation.horizon,
        on_timeout=operation.on_timeout,
        lifetime_bound=bound,
    )
    lasting, law = bound or LifetimeBound(needs_decision=True), model.lifetime
    drift = DriftMonitor(operation, law, hit_alive=law.hit_alive, hit_dead=law.hit_dead, is_promised=True)
    return PersistenceGate(model, rule, lifetime_bound=lasting, image_size=image_size, operation=operation, drift=drift)


def gate_like(
    model: GateModel, streak: int, horizon: int | None, image_size: tuple[int, int] | None
) -> PersistenceGate:
    """Returns a gate that is as strict on its stream as so many detections in a row."""
    start = dict(zip(STREAKS.values(), model.operation.start_nats, strict=True))[streak]
    looked_at = max(model.operation.horizon, LIKE_HORIZON) if horizon is None else horizon
    rule = StreakRule(bound=start + CAUTION_NATS, streak=streak, horizon=looked_at, on_timeout="transient")
    match = StreakMatch(rule)
    return PersistenceGate(
        model,
        match.rule,
        lifetime_bound=bound_like(streak),
        match=match,
        image_size=image_size,
        operation=replace(model.operation, horizon=looked_at, on_timeout="transient"),
    )


def _held_gate(
    model: GateModel,
    hold: float | None,
    hold_miss: float | None,
    horizon: int | None,
    image_size: tuple[int, int] | None,
) -> PersistenceGate:
    """Returns a gate that keeps error rates by the fates of tracks.

    Raises:
        ValueError: a rate is missing or out of range.
    """
    if hold is None:
        raise ValueError("hold_miss: got it without hold, expected both; say what share of vanishing tracks to confirm")
    start = model.operation.start_nats[list(STREAKS).index("three in a row")]
    # What is given up at the horizon no bound can hold back, so that misses are held by looking for long.
    longest = LIKE_HORIZON if hold_miss is None else MAX_HORIZON
    looked_at = max(model.operation.horizon, longest) if horizon is None else horizon
    rule = TruncatedSPRT(upper=start, lower=start - FIRST_GAP_NATS, horizon=looked_at, on_timeout="transient")
    control = FateControl(rule, hold, hold_miss)
    return PersistenceGate(
        model,
        control.rule,
        lifetime_bound=LifetimeBound(num_hits=LASTING),
        match=control,
        image_size=image_size,
        operation=replace(model.operation, horizon=looked_at, on_timeout="transient"),
    )


def with_known_scores(model: GateModel, scores: Float[np.ndarray, " k"] | None) -> GateModel:
    """Returns the model with scores of its streams ranked among known ones of the same detector, if there are any.

    Raises:
        ValueError: the weights do not rank scores, or there are no scores.
    """
    if scores is None:
        return model
    if not isinstance(model, ForestModel) or not set(RANKS) & set(model.evidence.inputs):
        raise ValueError("known_scores: these weights do not rank scores within a stream; leave them out")
    return replace(model, known_scores=StreamScale.given(scores).scores)


def _site_gate(
    model: GateModel, site: SiteCalibration, fallback: Fallback, image_size: tuple[int, int] | None
) -> PersistenceGate:
    """Returns a gate with the rule of a site, which watches for drift from that site."""
    chosen = site.rule(fallback)
    if not chosen.is_guaranteed:
        logger.warning("%s: %s", site.source, "; ".join(line for line in chosen.lines if "NOT guaranteed" in line))
    operation = replace(
        model.operation,
        horizon=site.horizon,
        on_timeout=site.on_timeout,
        frame_rate_hz=site.frame_rate_hz,
        frame_rate_range_hz=None,
    )
    drift = DriftMonitor(
        operation,
        model.lifetime,
        hit_alive=site.hit_alive,
        hit_dead=site.hit_dead,
        is_promised=chosen.is_guaranteed,
    )
    lasting = LifetimeBound(needs_decision=True)
    gate = PersistenceGate(model, chosen.rule, lifetime_bound=lasting, operation=operation, drift=drift)
    gate.intake = Intake(image_size, known_sizes=site.image_sizes if chosen.is_guaranteed else ())
    return gate
