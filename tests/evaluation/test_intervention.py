"""Attention put in the place of the model's own: what it is, and that it is gone afterwards."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from gate.small_model import blind_to_others, small_model
from perdure.evaluation.intervention import attention_replaced, intervention_rows, structure, uniform
from perdure.gate.model import PersistenceModel
from perdure.modules.attention import MaskedSoftmax, SceneMask
from perdure.stopping.rules import TruncatedSPRT
from perdure.track_table import TrackTable
from perdure.training.offline import evidence_of, run_offline

RULE = TruncatedSPRT(upper=2.0, lower=-2.0, horizon=8)


def masked(seed: int) -> tuple[torch.Tensor, SceneMask]:
    """Returns random logits of 3 heads, 6 queries and 8 keys, and their mask."""
    generator = torch.Generator().manual_seed(seed)
    allowed = torch.rand(6, 8, generator=generator) < 0.6
    allowed[:, 0] = True
    logits = torch.randn(3, 6, 8, generator=generator)
    place = torch.randint(4, (6, 8), generator=generator)
    return logits, SceneMask(allowed=allowed, bias_index=place)


def test_uniform_weights_all_that_is_in_sight_alike() -> None:
    logits, mask = masked(0)
    replaced = uniform(logits, mask)
    expected = mask.allowed / mask.allowed.sum(1, keepdim=True)
    torch.testing.assert_close(replaced, expected.expand(3, 6, 8))


def test_structure_keeps_the_mean_of_each_place_and_forgets_content() -> None:
    logits, mask = masked(1)
    replaced = structure(logits, mask)
    torch.testing.assert_close(replaced.sum(-1), torch.ones(3, 6))
    assert not replaced[:, ~mask.allowed].any()
    for head in range(3):
        means = [logits[head][(mask.bias_index == place) & mask.allowed].mean() for place in range(4)]
        for query in range(6):
            raw = torch.tensor([means[place] for place in mask.bias_index[query]]).exp() * mask.allowed[query]
            torch.testing.assert_close(replaced[head, query], raw / raw.sum())


def test_structure_leaves_attention_that_has_no_content_as_it_is() -> None:
    _, mask = masked(2)
    by_place = torch.tensor([0.3, -1.0, 2.0, 0.0])[mask.bias_index].expand(2, 6, 8)
    torch.testing.assert_close(structure(by_place, mask), MaskedSoftmax()(by_place, mask))


def test_the_model_is_itself_again_afterwards(model: PersistenceModel, windows: TrackTable) -> None:
    before = evidence_of(model, windows)
    with attention_replaced(model, uniform):
        between = evidence_of(model, windows)
        weights = run_offline(model, windows.take(np.flatnonzero(windows.unit == 0))).attention[0]
    np.testing.assert_array_equal(evidence_of(model, windows), before)
    assert np.nanmax(np.abs(between - before)) > 1e-3
    seen = weights[0, 0][weights[0, 0] > 0]
    assert torch.allclose(seen, seen[:1].expand_as(seen))


def test_rows_compare_with_the_own_attention(model: PersistenceModel, windows: TrackTable) -> None:
    rows = intervention_rows(model, windows, RULE)
    assert list(rows) == ["own", "uniform", "structure"]
    own = rows["own"]
    assert (own["changed_labels"], own["changed_frames"], own["mean_evidence_change"]) == (0.0, 0.0, 0.0)
    with attention_replaced(model, uniform):
        evidence = evidence_of(model, windows)
    change = np.nanmean(np.abs(evidence - evidence_of(model, windows)))
    assert rows["uniform"]["mean_evidence_change"] == pytest.approx(float(change))
    assert rows["uniform"]["mean_evidence_change"] > 0


def test_structure_of_a_model_that_weighs_by_place_alone_changes_nothing(windows: TrackTable) -> None:
    model = blind_to_others(small_model())
    with torch.no_grad():
        for block in model.evidence.blocks:
            attention = block.attention  # type: ignore[union-attr]
            attention.query_key_value.weight[: 2 * attention.output.in_features] = 0.0  # type: ignore[index, union-attr]
            attention.query_key_value.bias[: 2 * attention.output.in_features] = 0.0  # type: ignore[index, union-attr]
            attention.bias[:, : model.config.evidence.memory_frames] = 0.0  # type: ignore[index]
    assert intervention_rows(model, windows, RULE)["structure"]["mean_evidence_change"] < 1e-4
