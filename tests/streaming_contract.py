"""The three promises of everything that streams: causal, equal in any chunking, and slots that do not touch.

Each check takes a `Stream`: one object under test with the input of S slots over T frames already bound to it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Any

import torch
from torch import Tensor

from perdure.modules.streaming import flatten_state, reset_rows, take_rows

CHUNKINGS = {"1": (1,) * 14, "2": (2,) * 7, "7": (7, 7), "mixed": (1, 4, 2, 6, 1)}
"""Lengths of the chunks in which 14 frames arrive."""
NUM_FRAMES = 14
SLOT = 2
"""The slot that is disturbed; all others must not notice."""


@dataclass(frozen=True)
class Stream:
    """Something that streams, with its input.

    Args:
        advance: (input, first frame, frame after the last, state, active) -> (output with slots first, new state).
        init_state: state of that many fresh slots.
        inputs: input of all slots and frames.
        changed: (input, slots, frames) -> the same input with other values there, of the size real ones have.
        num_slots: S.
    """

    advance: Callable[[Any, int, int, Any, Tensor | None], tuple[Tensor, Any]]
    init_state: Callable[[int], Any]
    inputs: Any
    changed: Callable[[Any, Iterable[int], range], Any]
    num_slots: int


def run(
    stream: Stream,
    lengths: Iterable[int],
    *,
    inputs: Any = None,
    active: Callable[[int], Tensor | None] = lambda start: None,
    before: Callable[[int, Any], Any] = lambda start, state: state,
) -> tuple[Tensor, Any]:
    """Returns output and last state after chunks of the given lengths.

    Args:
        stream: what is tested.
        lengths: of the chunks.
        inputs: other input than the stream's own.
        active: active slots of the chunk that starts at a frame.
        before: what is done to the state before the chunk that starts at a frame.
    """
    inputs = stream.inputs if inputs is None else inputs
    state, outputs = None, []
    with torch.no_grad():
        for start, stop in pairwise(accumulate(lengths, initial=0)):
            if state is None:
                state = stream.init_state(stream.num_slots)
            state = before(start, state)
            output, state = stream.advance(inputs, start, stop, state, active(start))
            outputs.append(output)
    return torch.cat(outputs, dim=1), state


def assert_causal(stream: Stream, *, changes_every_later_frame: bool = True) -> None:
    """The future changes nothing, not in the last bit; the present does change the present."""
    for first in (1, 5, NUM_FRAMES - 1):
        future = stream.changed(stream.inputs, range(stream.num_slots), range(first, NUM_FRAMES))
        one, _ = run(stream, (NUM_FRAMES,))
        other, _ = run(stream, (NUM_FRAMES,), inputs=future)
        assert torch.equal(one[:, :first], other[:, :first]), f"frames before {first} changed with the future"
        is_changed = (one != other)[:, first:].flatten(2).any(-1) if one.ndim > 2 else (one != other)[:, first:]
        assert is_changed.all() if changes_every_later_frame else is_changed.any()


def assert_equal_in_any_chunking(stream: Stream, *, atol: float) -> None:
    """Chunks of 1, 2, 7 and mixed lengths give what one pass gives, and leave the same state."""
    with torch.no_grad():
        offline, offline_state = stream.advance(stream.inputs, 0, NUM_FRAMES, None, None)
    for name, lengths in CHUNKINGS.items():
        output, state = run(stream, lengths)
        torch.testing.assert_close(output, offline, atol=atol, rtol=0, msg=lambda m, name=name: f"chunks {name}: {m}")
        for one, other in zip(flatten_state(state), flatten_state(offline_state), strict=True):
            torch.testing.assert_close(one, other, atol=atol, rtol=0)


def assert_slots_do_not_touch(stream: Stream) -> None:
    """One slot is paused, reset and refilled; neither output nor state of the others changes in a single bit.

    Both runs advance the same slots in the same chunks, so the same kernels run. They differ in what the disturbed
    slot holds and sees.
    """
    lengths = (2, 3, 1, 1, 4, 3)
    others = torch.tensor([slot for slot in range(stream.num_slots) if slot != SLOT])
    is_other = torch.ones(stream.num_slots, dtype=torch.bool)
    is_other[SLOT] = False

    def active(start: int) -> Tensor:
        return is_other if 5 <= start < 7 else torch.ones_like(is_other)

    def refill(start: int, state: Any) -> Any:
        row = torch.tensor([SLOT])
        return reset_rows(state, row, stream.init_state(1)) if start == 7 else state

    disturbed = stream.changed(stream.inputs, [SLOT], range(NUM_FRAMES))
    one, one_state = run(stream, lengths, active=active)
    other, other_state = run(stream, lengths, inputs=disturbed, active=active, before=refill)
    assert torch.equal(one[others], other[others])
    assert not torch.equal(one[SLOT], other[SLOT])
    for left, right in zip(flatten_state(one_state), flatten_state(other_state), strict=True):
        assert torch.equal(left[others], right[others])


def assert_a_paused_slot_keeps_its_state(stream: Stream) -> None:
    """A slot that is not active keeps its state bit for bit, whatever its input holds, and comes out as zeros."""
    is_other = torch.ones(stream.num_slots, dtype=torch.bool)
    is_other[SLOT] = False
    row = torch.tensor([SLOT])
    with torch.no_grad():
        _, state = stream.advance(stream.inputs, 0, 5, None, None)
        inputs = stream.changed(stream.inputs, [SLOT], range(NUM_FRAMES))
        output, after = stream.advance(inputs, 5, 7, state, is_other)
    assert not output[SLOT].any()
    assert output[is_other].any()
    for left, right in zip(flatten_state(take_rows(state, row)), flatten_state(take_rows(after, row)), strict=True):
        assert torch.equal(left, right)


def assert_a_reset_slot_is_fresh(stream: Stream) -> None:
    """After a reset a slot answers as one that never held anything."""
    row = torch.tensor([SLOT])
    with torch.no_grad():
        _, state = stream.advance(stream.inputs, 0, 5, None, None)
        state = reset_rows(state, row, stream.init_state(1))
        output, _ = stream.advance(stream.inputs, 5, 9, state, None)
        fresh, _ = stream.advance(stream.inputs, 5, 9, stream.init_state(stream.num_slots), None)
    torch.testing.assert_close(output[SLOT], fresh[SLOT], atol=1e-5, rtol=0)


def assert_nothing_active_changes_nothing(stream: Stream) -> None:
    """A frame on which no slot advances leaves the whole state as it is."""
    nobody = torch.zeros(stream.num_slots, dtype=torch.bool)
    with torch.no_grad():
        _, state = stream.advance(stream.inputs, 0, 5, None, None)
        output, after = stream.advance(stream.inputs, 5, 6, state, nobody)
    assert not output.any()
    for left, right in zip(flatten_state(state), flatten_state(after), strict=True):
        assert torch.equal(left, right)
