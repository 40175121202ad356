"""What gating saves: the same clips with and without it, in track-frames, counted operations and seconds."""

from __future__ import annotations

import platform
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import torch

from perdure.evaluation.decide import ClassCost, StreamOutcome, decide_clips
from perdure.gate.model import PersistenceModel
from perdure.stopping.rules import StoppingRule
from perdure.types import Clip

CLASSES = ("all", "persistent", "transient")
PARTS = ("crop_s", "extractor_s", "evidence_s", "rule_s")


def measure_efficiency(
    clips: list[Clip],
    model: PersistenceModel,
    rule: StoppingRule,
    *,
    on_progress: Callable[[int, int], None] | None = None,
) -> dict[str, Any]:
    """Returns cost with and without gating, per class of truth, on one thread.

    Each clip is run both ways in turn, so that a machine that slows down slows both. Ungated encodes every track
    on every frame from birth until the tracker deletes it or the clip ends. The first clip is run once unmeasured,
    so that neither way pays for loading kernels.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        decide_clips(clips[:1], model, rule, association="truth")
        gated, full = [], []
        for index, clip in enumerate(clips):
            gated += decide_clips([clip], model, rule, association="truth")
            full += decide_clips([clip], model, rule, association="truth", is_gated=False)
            if on_progress is not None:
                on_progress(index + 1, len(clips))
    finally:
        torch.set_num_threads(threads)
    return {
        "num_frames": clips[0].num_frames,
        "max_misses": model.operation.tracker.max_misses,
        "num_clips_timed": len(clips),
        "machine": f"{platform.machine()}, 1 thread of {torch.get_num_threads()}",
        "classes": {name: _savings(_total(gated, name), _total(full, name)) for name in CLASSES},
        "timing": {"gated": _timing(gated), "ungated": _timing(full)},
    }


def _total(outcomes: list[StreamOutcome], name: str) -> ClassCost:
    total = ClassCost()
    for outcome in outcomes:
        for track_id, cost in outcome.cost_by_track.items():
            if name in ("all", outcome.label_of_track[track_id]):
                total.add(cost)
    return total


def _savings(gated: ClassCost, full: ClassCost) -> dict[str, float]:
    """Returns both costs and what is saved: 1 - gated / ungated (0 where there was nothing to save)."""
    row: dict[str, float] = {}
    names = {"track_frames": "track_frames", "flops": "flops", "seconds": "wall_clock"}
    for name, saving in names.items():
        spent, ungated = asdict(gated)[name], asdict(full)[name]
        row |= {f"{name}_gated": spent, f"{name}_ungated": ungated}
        row[f"savings_{saving}"] = 1.0 - spent / ungated if ungated else 0.0
    return row


def _timing(outcomes: list[StreamOutcome]) -> dict[str, float]:
    parts = {part: sum(getattr(outcome.cost, part) for outcome in outcomes) for part in PARTS}
    return parts | {"tracker_s": sum(outcome.tracker_s for outcome in outcomes)}
