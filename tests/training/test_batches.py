"""Batches are whole scenes; augmentation is one and the same for all crops of a batch."""

from __future__ import annotations

from dataclasses import fields
from itertools import permutations, product

import numpy as np
import pytest
import torch
from torch import Tensor

from perdure.gate.model import PersistenceModel
from perdure.tokenizer.model import to_input
from perdure.track_table import TrackTable
from perdure.training.batches import Batch, WindowTensors
from perdure.training.offline import NEVER, visible_until

ORDERS = list(permutations(range(3)))
FLIPS = list(product((False, True), repeat=3))


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def rows_of(batch: Batch, data: WindowTensors) -> Tensor:
    """Returns which tracks a batch holds, recognised by their geometry, which nothing changes."""
    same = (batch.inputs.geometry[:, None] == data.inputs.geometry[None]).flatten(2).all(-1)
    assert (same.sum(1) == 1).all()
    return same.int().argmax(1)


def looked_at(crops: Tensor, flip: tuple[bool, bool, bool], order: tuple[int, ...]) -> Tensor:
    """Returns pixels of windows [row, time, y, x, colour] mirrored, transposed and with colours in another order."""
    crops = torch.flip(crops, [axis for axis, is_flipped in ((3, flip[0]), (2, flip[1])) if is_flipped])
    crops = crops.permute(0, 1, 3, 2, 4) if flip[2] else crops
    return torch.stack([crops[..., colour] for colour in order], dim=-1)


def test_one_look_for_all_crops_and_all_looks_in_turn(data: WindowTensors) -> None:
    source, seen = generator(), set()
    for _ in range(60):
        batch = data.sample(2, 0.0, source)
        original = data.crops[rows_of(batch, data)]
        fitting = [
            (flip, order)
            for flip, order in product(FLIPS, ORDERS)
            if torch.equal(batch.crops, to_input(looked_at(original, flip, order)))
        ]
        assert len(fitting) == 1, "not all crops were changed in the same way"
        seen.add(fitting[0])
    assert {flip for flip, _ in seen} == set(FLIPS)
    assert {order for _, order in seen} == set(ORDERS)


def test_batches_hold_whole_scenes_kept_apart(data: WindowTensors, windows: TrackTable) -> None:
    source, was_twice = generator(1), False
    for _ in range(20):
        batch = data.sample(4, 0.0, source)
        scene_of_row = torch.from_numpy(windows.unit)[rows_of(batch, data)]
        assert batch.inputs.scene.unique().tolist() == [0, 1, 2, 3]
        drawn = []
        for place in range(4):
            own = scene_of_row[batch.inputs.scene == place]
            assert len(own.unique()) == 1
            assert len(own) == (windows.unit == int(own[0])).sum()
            drawn.append(int(own[0]))
        was_twice |= len(set(drawn)) < 4
    assert was_twice, "no scene was drawn twice, so nothing had to be kept apart"


def test_truth_and_weights_follow_the_tracks(data: WindowTensors, windows: TrackTable) -> None:
    batch = data.sample(5, 0.5, generator(2))
    rows = rows_of(batch, data)
    np.testing.assert_array_equal(batch.is_persistent.numpy(), windows.is_persistent[rows])
    assert not batch.weight[~batch.inputs.is_valid].any()
    everything = data.whole(torch.arange(len(windows)))
    is_persistent = everything.is_persistent > 0
    of_persistent, of_transient = (float(everything.weight[rows, 0].sum()) for rows in (is_persistent, ~is_persistent))
    assert of_persistent == pytest.approx(of_transient)
    assert everything.weight[:, 0].mean() == pytest.approx(1.0)


def test_whole_tracks_are_as_they_are(data: WindowTensors, windows: TrackTable) -> None:
    rows = torch.tensor([3, 1])
    batch = data.whole(rows)
    torch.testing.assert_close(batch.crops, to_input(torch.from_numpy(windows.crops))[rows])
    assert batch.inputs.scene.tolist() == windows.unit[[3, 1]].tolist()
    assert batch.shown_until.tolist() == visible_until(windows)[[3, 1]].tolist()
    assert batch.inputs.feature is None


def test_tokens_vanish_with_the_track_or_at_a_random_age(data: WindowTensors) -> None:
    """Tokens of tracks that the tracker had deleted were once shown for as long as the memory reaches."""
    source = generator(3)
    ages: set[int] = set()
    for _ in range(30):
        batch = data.sample(3, 0.0, source)
        assert torch.equal(batch.shown_until, data.visible_until[rows_of(batch, data)])
        batch = data.sample(3, 1.0, source)
        assert (batch.shown_until <= data.visible_until[rows_of(batch, data)]).all()
        ages |= set((batch.shown_until - batch.inputs.frame[:, 0]).tolist())
    assert ages == set(range(data.num_ages))
    is_ended = data.visible_until < NEVER
    assert is_ended.any()
    assert not is_ended.all()


def test_a_share_of_scenes_is_gated_as_a_whole(data: WindowTensors) -> None:
    source, num_gated = generator(4), 0
    for _ in range(40):
        batch = data.sample(4, 0.25, source)
        # A drawn age beyond a track's end leaves no trace; scenes with any other track show whether they are gated.
        is_early = batch.shown_until < data.visible_until[rows_of(batch, data)]
        num_gated += sum(bool(is_early[batch.inputs.scene == place].any()) for place in range(4))
    assert 20 <= num_gated <= 56


def test_the_generator_alone_decides(data: WindowTensors) -> None:
    one, other = data.sample(3, 0.5, generator(5)), data.sample(3, 0.5, generator(5))
    assert torch.equal(one.crops, other.crops)
    assert torch.equal(one.shown_until, other.shown_until)
    assert not torch.equal(one.crops.mean(), data.sample(3, 0.5, generator(6)).crops.mean())


def test_relighting_is_one_law_for_a_scene_and_another_for_the_next(
    windows: TrackTable, model: PersistenceModel
) -> None:
    plain, relit = WindowTensors(windows, model), WindowTensors(windows, model, is_photometric=True)
    # Relighting draws last before the ages at which tracks vanish, so all else is drawn alike.
    before, after = (data.sample(3, 0.0, generator(7)) for data in (plain, relit))
    assert torch.equal(rows_of(before, plain), rows_of(after, relit))
    laws = []
    for place in range(3):
        own = before.inputs.scene == place
        old, new = (crops[own].movedim(2, -1).reshape(-1, 3) for crops in (before.crops, after.crops))
        colours, which = torch.unique(old, dim=0, return_inverse=True)
        law = torch.zeros_like(colours).index_copy(0, which, new)
        assert torch.equal(law[which], new), "one colour became two within a scene"
        laws.append(law[:50])
    assert not torch.equal(laws[0], laws[1])
    assert torch.equal(before.inputs.geometry, after.inputs.geometry)


def test_each_source_is_balanced_by_itself(windows: TrackTable, model: PersistenceModel) -> None:
    """So that no source teaches the model how common its objects are; scenes of two sources stay apart."""
    persistent = np.flatnonzero(windows.is_persistent)
    rare = windows.take(np.sort(np.concatenate([persistent[:2], np.flatnonzero(~windows.is_persistent)])))
    data = WindowTensors([windows, rare], model)
    assert data.num_scenes == len(set(windows.unit.tolist())) + len(set(rare.unit.tolist()))
    assert len(data.inputs.scene.unique()) == data.num_scenes
    weight = data.whole(torch.arange(len(windows) + len(rare))).weight[:, 0]
    for own in (slice(0, len(windows)), slice(len(windows), None)):
        is_persistent = data.is_persistent[own] > 0
        assert float(weight[own][is_persistent].sum()) == pytest.approx(float(weight[own][~is_persistent].sum()))


def test_everything_moves_to_the_device(data: WindowTensors, model: PersistenceModel) -> None:
    batch = data.whole(torch.arange(2)).to(torch.device("meta"))
    assert all(getattr(batch, item.name).is_meta for item in fields(batch) if item.name != "inputs")
    values = [getattr(batch.inputs, item.name) for item in fields(batch.inputs)]
    assert [value is None or value.is_meta for value in values] == [True] * len(values)
    assert (data.num_scenes, data.num_ages) == (10, 7)
