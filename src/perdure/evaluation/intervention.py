"""What becomes of the decisions if the model's attention is replaced: whether attention does anything at all.

`uniform` looks at everything that is in sight alike; `structure` keeps the model's own mean logit for each frame gap,
own track and other tracks apart, and forgets what the tokens show.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from perdure.gate.model import PersistenceModel
from perdure.modules.attention import MaskedSoftmax, SceneMask
from perdure.stopping.rules import StoppingRule
from perdure.stopping.sequences import run_rule
from perdure.track_table import TrackTable
from perdure.training.offline import evidence_of

Replacement = Callable[[Float[Tensor, "head query key"], SceneMask], Float[Tensor, "head query key"]]


def uniform(logits: Float[Tensor, "head query key"], mask: SceneMask) -> Float[Tensor, "head query key"]:
    """Returns equal weights on all keys that a query may see."""
    allowed = mask.allowed.to(logits.dtype)
    return (allowed / allowed.sum(-1, keepdim=True)).expand_as(logits)


def structure(logits: Float[Tensor, "head query key"], mask: SceneMask) -> Float[Tensor, "head query key"]:
    """Returns weights that depend on frame gap and own-or-other track alone: each logit is the mean of its place."""
    allowed, place = mask.allowed, mask.bias_index
    size = int(place.max()) + 1
    count = torch.bincount(place[allowed], minlength=size).clamp_min(1)
    total = logits.new_zeros(len(logits), size).index_add_(1, place[allowed], logits[:, allowed])
    return (total / count)[:, place].masked_fill(~allowed, float("-inf")).softmax(-1)


REPLACEMENTS: dict[str, Replacement] = {"uniform": uniform, "structure": structure}
"""Name in the results -> what takes the place of the model's weights."""


@contextmanager
def attention_replaced(model: nn.Module, replacement: Replacement) -> Iterator[None]:
    """Puts other weights in the place of the model's own in all layers and heads while the block runs."""
    handles = [
        module.register_forward_hook(lambda _, inputs, __: replacement(*inputs))
        for module in model.modules()
        if isinstance(module, MaskedSoftmax)
    ]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def intervention_rows(model: PersistenceModel, windows: TrackTable, rule: StoppingRule) -> dict[str, dict[str, Any]]:
    """Returns error rates and mean decision frame with the model's own attention and with each replacement.

    Args:
        model: in evaluation mode.
        windows: whole tracks, all in sight of each other to their end.
        rule: with bounds that stay as they are.
    """
    own = evidence_of(model, windows)
    rows = {"own": _decided(own, own, windows, rule)}
    for name, replacement in REPLACEMENTS.items():
        with attention_replaced(model, replacement):
            rows[name] = _decided(evidence_of(model, windows), own, windows, rule)
    return rows


def _decided(
    evidence: Float[np.ndarray, "n l"], own: Float[np.ndarray, "n l"], windows: TrackTable, rule: StoppingRule
) -> dict[str, Any]:
    outcome, before = (run_rule(rule, windows.sequences(values)) for values in (evidence, own))
    false_confirm, miss = outcome.error_rates(windows.is_persistent)
    return {
        "false_confirm_rate": false_confirm,
        "miss_rate": miss,
        "mean_decision_frame": float(outcome.age.mean()),
        "changed_labels": float((outcome.is_persistent != before.is_persistent).mean()),
        "changed_frames": float((outcome.age != before.age).mean()),
        "mean_evidence_change": float(np.nanmean(np.abs(evidence - own))),
    }
