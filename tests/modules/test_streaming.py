"""Row operations on nested states, and the entry that all layers share."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
import torch
from torch import Tensor

from perdure.modules.streaming import (
    StreamingModule,
    flatten_state,
    map_state,
    put_rows,
    reset_rows,
    take_rows,
    unflatten_state,
)


@dataclass(frozen=True)
class Pair:
    left: Tensor
    right: tuple[Tensor, ...]


def numbered(num_slots: int, start: float = 0.0) -> Pair:
    values = torch.arange(num_slots * 2, dtype=torch.float32).reshape(num_slots, 2) + start
    return Pair(left=values, right=(values[:, :1] + 0.5, -values))


class Sum(StreamingModule):
    """The running sum over frames: the smallest layer with state."""

    def init_state(self, num_slots: int) -> Tensor:
        return torch.zeros(num_slots)

    def step(self, x: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        y = state[:, None] + x.cumsum(1)
        return y, y[:, -1]


def test_taken_rows_come_in_the_order_asked_for() -> None:
    taken = take_rows(numbered(4), torch.tensor([3, 1]))
    assert taken.left.tolist() == [[6, 7], [2, 3]]
    assert taken.right[1].tolist() == [[-6, -7], [-2, -3]]


def test_put_rows_replaces_those_rows_and_leaves_the_old_state_alone() -> None:
    state = numbered(4)
    result = put_rows(state, torch.tensor([2, 0]), numbered(2, start=100.0))
    assert result.left.tolist() == [[102, 103], [2, 3], [100, 101], [6, 7]]
    assert state.left.tolist() == numbered(4).left.tolist()


def test_put_rows_keeps_the_type_of_the_state() -> None:
    """Under autocast a chunk comes out in bfloat16; a state that followed it would lose the other rows' bits."""
    rows = torch.tensor([1])
    result = put_rows(torch.full((2,), 1 / 3), rows, torch.ones(1, dtype=torch.bfloat16))
    assert result.dtype == torch.float32
    assert result[0] == torch.tensor(1 / 3)


def test_reset_rows_takes_any_fresh_state_that_is_long_enough() -> None:
    result = reset_rows(numbered(4), torch.tensor([3]), numbered(4, start=50.0))
    assert result.left.tolist() == [[0, 1], [2, 3], [4, 5], [50, 51]]


def test_flattened_states_can_be_rebuilt() -> None:
    state = numbered(3)
    tensors = flatten_state(state)
    assert len(tensors) == 3
    rebuilt = unflatten_state([tensor + 1 for tensor in tensors], state)
    assert torch.equal(rebuilt.right[0], state.right[0] + 1)
    assert isinstance(rebuilt, Pair)


def test_a_state_of_another_kind_is_an_error() -> None:
    with pytest.raises(TypeError, match="state: got list, expected a tensor, a tuple or a dataclass of states"):
        map_state(torch.neg, [torch.zeros(2)])


def test_states_of_different_structure_are_an_error() -> None:
    with pytest.raises(ValueError, match="zip"):
        map_state(torch.add, (torch.zeros(2), torch.zeros(2)), (torch.zeros(2),))


def test_active_rows_alone_advance() -> None:
    layer = Sum()
    _, state = layer(torch.tensor([[1.0, 1.0], [2.0, 1.0], [3.0, 1.0]]))
    y, state = layer(torch.tensor([[10.0], [20.0], [30.0]]), state, torch.tensor([True, False, True]))
    assert (y.tolist(), state.tolist()) == ([[12], [0], [34]], [12, 3, 34])


def test_rows_that_are_not_active_are_not_computed() -> None:
    """On a CPU a masked row would cost as much as a live one; three live slots of 32 must cost three."""
    seen: list[int] = []

    class Counting(Sum):
        def step(self, x: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
            seen.append(len(x))
            return super().step(x, state)

    active = torch.zeros(32, dtype=torch.bool)
    active[[4, 9, 30]] = True
    Counting()(torch.full((32, 1), float("nan")).masked_fill(active[:, None], 1.0), None, active)
    assert seen == [3]


@pytest.mark.parametrize("method", ["init_state", "step"])
def test_a_layer_that_forgets_a_method_says_so(method: str) -> None:
    class Forgetful(StreamingModule):
        pass

    arguments = (3,) if method == "init_state" else (torch.zeros(1, 1), None)
    with pytest.raises(TypeError, match=f"Forgetful must define {method}"):
        getattr(Forgetful(), method)(*arguments)
