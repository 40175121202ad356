"""What a gate would have decided with another promise: its streams are run again with bounds for that rate."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from perdure.calibration.exact import calibrate, proven_lifetime
from perdure.explain.replay import Replay
from perdure.explain.stories import Story
from perdure.gate.gate import PersistenceGate
from perdure.stopping.streak import LifetimeBound


def at_rate(replays: Mapping[str, Replay], max_false_confirm: float) -> dict[tuple[str, int], Story]:
    """Returns the first decision on every track of some streams.

    Args:
        replays: by name of the stream.
        max_false_confirm: share of transient tracks that may be confirmed.

    Raises:
        ValueError: the weights were calibrated on too few tracks for the rate, or not at all.
    """
    first: dict[tuple[str, int], Story] = {}
    for clip, replay in replays.items():
        gate = _gate_at(replay, max_false_confirm)
        for frame in replay.frames():
            for made in replay.step(gate, frame)[1].decisions:
                first.setdefault(
                    (clip, made.track_id),
                    Story(
                        clip_id=clip,
                        track_id=made.track_id,
                        label=made.label,
                        reason=made.reason,
                        age=made.age,
                        frame=made.frame_index,
                        evidence=made.evidence,
                        probability=made.probability,
                    ),
                )
    return first


def _gate_at(replay: Replay, max_false_confirm: float) -> PersistenceGate:
    """Returns the gate of a stream as `perdure.load` makes one with that promise."""
    gate = replay.gate()
    model = gate.model
    if model.calibration is None:
        raise ValueError("the weights are not calibrated")
    rates, operation = replace(model.rates, max_false_confirm=max_false_confirm), model.operation
    # The gates of a run on clips confirm by evidence alone.
    has_lifetime = gate.lifetime_bound is not None
    bound = proven_lifetime(model.calibration, rates) if has_lifetime else None
    rule = calibrate(
        model.calibration,
        rates,
        horizon=operation.horizon,
        on_timeout=operation.on_timeout,
        lifetime_bound=bound,
    )
    lasting = bound or (LifetimeBound(needs_decision=True) if has_lifetime else None)
    size = gate.intake.image_size
    return PersistenceGate(model, rule, lifetime_bound=lasting, image_size=size, operation=operation)
