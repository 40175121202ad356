"""The contract of every streaming layer, and row operations on its state.

State is a dataclass of tensors (or a tuple of such), slot first, passed in and out and never kept on a module.
`state=None` means a fresh state and the same code, so an offline pass is streaming with one long chunk.
Knows nothing of tracks or pictures.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass
from functools import cache
from typing import Any, cast

import numpy as np
import torch
from jaxtyping import Bool, Int
from torch import Tensor, nn

State = Any
"""A tensor with slots first, or a dataclass or tuple of states; an empty tuple where a layer remembers nothing."""


def map_state(function: Callable[..., Tensor], state: State, *others: State) -> State:
    """Returns a state of the same structure whose tensors are `function(tensor, *other_tensors)`."""
    if isinstance(state, Tensor):
        return function(state, *others)
    if isinstance(state, tuple):
        return tuple(map_state(function, *parts) for parts in zip(state, *others, strict=True))
    if is_dataclass(state) and not isinstance(state, type):
        parts = [[getattr(part, name) for part in (state, *others)] for name in _field_names(type(state))]
        return type(state)(*(map_state(function, *part) for part in parts))
    raise TypeError(f"state: got {type(state).__name__}, expected a tensor, a tuple or a dataclass of states")


@cache
def _field_names(cls: type) -> tuple[str, ...]:
    return tuple(item.name for item in fields(cls))


def take_rows(state: State, rows: Int[Tensor, " n"]) -> State:
    """Returns the state of the given slots, in that order."""
    return map_state(lambda value: value.index_select(0, rows), state)


def put_rows(state: State, rows: Int[Tensor, " n"], new_rows: State) -> State:
    """Returns a copy of `state` in which the given slots are replaced; all other rows are bit-identical."""
    return map_state(lambda value, new: value.index_copy(0, rows, new.to(value.dtype)), state, new_rows)


def reset_rows(state: State, rows: Int[Tensor, " n"], fresh: State) -> State:
    """Returns a copy of `state` in which the given slots equal those of a fresh state with as many slots."""
    return put_rows(state, rows, take_rows(fresh, torch.arange(len(rows), device=rows.device)))


def resize_rows(state: State, num: int, fresh: State) -> State:
    """Returns the first `num` slots of a state, followed by those of a fresh one."""
    return map_state(lambda value, new: torch.cat([value[:num], new]), state, fresh)


def flatten_state(state: State) -> list[Tensor]:
    """Returns all tensors of a state, in a fixed order."""
    tensors: list[Tensor] = []
    map_state(lambda value: tensors.append(value) or value, state)  # type: ignore[func-returns-value]
    return tensors


def unflatten_state(tensors: list[Tensor], like: State) -> State:
    """Returns a state of the structure of `like` that holds the tensors of `flatten_state`."""
    remaining = iter(tensors)
    return map_state(lambda _: next(remaining), like)


def state_to_arrays(state: State, name: str) -> dict[str, np.ndarray]:
    """Returns the tensors of a state as arrays, by a name and their place."""
    return {f"{name}.{place}": value.detach().cpu().numpy() for place, value in enumerate(flatten_state(state))}


def state_from_arrays(arrays: dict[str, np.ndarray], name: str, like: State) -> State:
    """Returns a state like another one, on the same device, that holds copies of the arrays of `state_to_arrays`."""
    places = range(len(flatten_state(like)))
    tensors = [torch.from_numpy(np.array(arrays[f"{name}.{place}"])) for place in places]
    return map_state(lambda old, new: new.to(old.device), like, unflatten_state(tensors, like))


class StreamingModule(nn.Module):
    """Base of all layers with state: subclasses give `init_state` and `step`; `forward` is the only entry."""

    def init_state(self, num_slots: int) -> State:
        """Returns the state of `num_slots` fresh slots."""
        raise TypeError(f"{type(self).__name__} must define init_state")

    def step(self, x: Tensor, state: State) -> tuple[Any, State]:
        """Returns the output of one chunk in which every slot advances, and the new state."""
        raise TypeError(f"{type(self).__name__} must define step")

    def forward(
        self, x: Tensor, state: State | None = None, active: Bool[Tensor, " slot"] | None = None
    ) -> tuple[Any, State]:
        """Advances the active slots by one chunk.

        Args:
            x: chunk of any length, slots first.
            state: state after the previous chunk, None for fresh slots.
            active: slots that have input; all others keep their state bit for bit, are not computed, and come out
                as zeros. None means all.

        Returns:
            Output with the same slots, and the new state.
        """
        if state is None:
            state = self.init_state(x.shape[0])
        if active is None or bool(active.all()):
            return self.step(x, state)
        rows = active.nonzero().flatten()
        y_rows, new_rows = self.step(x.index_select(0, rows), take_rows(state, rows))
        num_slots = x.shape[0]
        y = map_state(lambda value: value.new_zeros((num_slots, *value.shape[1:])).index_copy(0, rows, value), y_rows)
        return y, put_rows(state, rows, new_rows)


class StreamingSequential(StreamingModule):
    """Runs streaming layers one after the other; its state is the tuple of theirs."""

    def __init__(self, *layers: StreamingModule) -> None:
        super().__init__()
        self.layers = nn.ModuleList(layers)

    def _in_order(self) -> Iterator[StreamingModule]:
        return (cast(StreamingModule, layer) for layer in self.layers)

    def init_state(self, num_slots: int) -> State:
        """Returns the fresh states of all layers."""
        return tuple(layer.init_state(num_slots) for layer in self._in_order())

    def step(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        """Returns the last layer's output and all new states."""
        new_states = []
        for layer, layer_state in zip(self._in_order(), state, strict=True):
            x, new_state = layer.step(x, layer_state)
            new_states.append(new_state)
        return x, tuple(new_states)
