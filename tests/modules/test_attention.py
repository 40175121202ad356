"""Who sees whom: masks against the definition written as loops, and the ring memory against a plain list."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from perdure.modules.attention import (
    EMPTY,
    MemoryState,
    SceneAttention,
    TokenPlace,
    latest_order,
    push_memory,
    scene_mask,
)

NUM_SLOTS, MEMORY_FRAMES = 4, 3


def places(tokens: list[tuple[int, int, int]]) -> TokenPlace:
    slot, scene, frame = (torch.tensor(column, dtype=torch.int64) for column in zip(*tokens, strict=True))
    return TokenPlace(slot, scene, frame)


token = st.tuples(st.integers(0, NUM_SLOTS - 1), st.integers(0, 1), st.integers(0, 6))
tokens = st.lists(token, min_size=1, max_size=8)
key_token = st.tuples(st.integers(0, NUM_SLOTS - 1), st.integers(0, 1), st.integers(EMPTY, 6))


@given(tokens, st.lists(key_token, min_size=1, max_size=8), st.lists(st.integers(-1, 7), min_size=4, max_size=4))
def test_mask_equals_its_definition(
    queries: list[tuple[int, int, int]], keys: list[tuple[int, int, int]], shown_until: list[int]
) -> None:
    for shown in (None, shown_until):
        mask = scene_mask(
            places(queries),
            places(keys),
            memory_frames=MEMORY_FRAMES,
            shown_until=None if shown is None else torch.tensor(shown),
        )
        for row, (slot, scene, frame) in enumerate(queries):
            for column, (key_slot, key_scene, key_frame) in enumerate(keys):
                is_shown = shown is None or slot == key_slot or frame <= shown[key_slot]
                is_recent = frame - MEMORY_FRAMES < key_frame <= frame
                expected = key_frame != EMPTY and scene == key_scene and is_recent and is_shown
                assert bool(mask.allowed[row, column]) == expected
                if expected:
                    bias = int(mask.bias_index[row, column])
                    assert bias == frame - key_frame + (0 if slot == key_slot else MEMORY_FRAMES)


def test_bias_index_is_always_a_row_of_the_table() -> None:
    far = scene_mask(places([(0, 0, 100)]), places([(1, 1, 0), (0, 0, EMPTY), (1, 0, 3)]), memory_frames=MEMORY_FRAMES)
    assert int(far.bias_index.min()) >= 0
    assert int(far.bias_index.max()) < 2 * MEMORY_FRAMES


def attention(width: int = 8) -> SceneAttention:
    torch.manual_seed(0)
    layer = SceneAttention(width, num_heads=2, memory_frames=MEMORY_FRAMES)
    torch.nn.init.normal_(layer.bias)
    return layer


def test_attention_equals_loops_over_visible_keys() -> None:
    layer = attention()
    memory = MemoryState(key=torch.randn(2, 3, 2, 4), value=torch.randn(2, 3, 2, 4))
    x = torch.randn(2, 2, 8)
    memory_tokens = [(0, 0, EMPTY), (0, 0, 3), (0, 0, 4), (1, 0, EMPTY), (1, 0, EMPTY), (1, 0, 4)]
    chunk_tokens = [(0, 0, 5), (0, 0, 6), (1, 0, 5), (1, 0, 6)]
    mask = scene_mask(places(chunk_tokens), places(memory_tokens + chunk_tokens), memory_frames=MEMORY_FRAMES)
    with torch.no_grad():
        y, new, weights = layer(x, memory, mask)
        query, key, value = (part.flatten(0, 1) for part in layer.project(x))
    keys, values = torch.cat([memory.key.flatten(0, 1), key]), torch.cat([memory.value.flatten(0, 1), value])
    for row in range(4):
        heads = []
        for head in range(2):
            visible = mask.allowed[row].nonzero().flatten()
            logits = keys[visible, head] @ query[row, head] / 2.0 + layer.bias[head, mask.bias_index[row, visible]]
            weight = logits.softmax(0)
            torch.testing.assert_close(weights[head, row, visible], weight)
            heads.append(weight @ values[visible, head])
        torch.testing.assert_close(y.flatten(0, 1)[row], layer.output(torch.cat(heads)))
    assert (weights[:, mask.allowed] > 0).all()
    assert not weights[:, ~mask.allowed].any()
    torch.testing.assert_close(weights.sum(-1), torch.ones(2, 4))
    assert torch.equal(new.key.flatten(0, 1), key)


def test_width_must_be_a_multiple_of_heads() -> None:
    with pytest.raises(ValueError, match="width: got 9, expected a multiple of num_heads 2"):
        SceneAttention(9, 2, MEMORY_FRAMES)


stamps = st.lists(st.integers(0, 1), min_size=1, max_size=12)


@given(st.lists(stamps, min_size=1, max_size=4))
def test_memory_is_a_ring_of_the_latest_real_tokens(chunks: list[list[int]]) -> None:
    """Any mixture of chunk lengths and missing tokens leaves the latest real tokens, oldest first."""
    num_memory, expected, start = 4, [], 0
    frames = torch.full((1, num_memory), EMPTY)
    memory = MemoryState(key=torch.zeros(1, num_memory, 1, 1), value=torch.zeros(1, num_memory, 1, 1))
    for chunk in chunks:
        stamp = [start + t if is_real else EMPTY for t, is_real in enumerate(chunk)]
        start += len(chunk)
        expected += [frame for frame in stamp if frame != EMPTY]
        order, frames = latest_order(frames, torch.tensor([stamp]))
        content = torch.tensor(stamp, dtype=torch.float32).reshape(1, -1, 1, 1)
        memory = push_memory(memory, MemoryState(key=content, value=-content), order, torch.tensor([0]))
    latest = expected[-num_memory:]
    assert frames[0].tolist() == [EMPTY] * (num_memory - len(latest)) + latest
    if latest:
        assert memory.key.flatten()[-len(latest) :].tolist() == latest
        assert memory.value.flatten()[-len(latest) :].tolist() == [-frame for frame in latest]


def test_a_long_memory_keeps_its_order() -> None:
    """Sorting by "holds a token" must be stable; short rows come out in order by luck."""
    stamp = torch.arange(200).where(torch.arange(200) % 3 > 0, EMPTY)[None]
    _, frames = latest_order(torch.full((1, 100), EMPTY), stamp)
    assert frames[0].tolist() == [frame for frame in range(200) if frame % 3 > 0][-100:]


def test_pushing_some_rows_leaves_the_others_bit_identical() -> None:
    memory = MemoryState(key=torch.randn(3, 4, 2, 2), value=torch.randn(3, 4, 2, 2))
    chunk = MemoryState(key=torch.randn(1, 2, 2, 2), value=torch.randn(1, 2, 2, 2))
    order, _ = latest_order(torch.tensor([[EMPTY, 0, 1, 2]]), torch.tensor([[3, 4]]))
    after = push_memory(memory, chunk, order, torch.tensor([1]))
    assert torch.equal(after.key[[0, 2]], memory.key[[0, 2]])
    assert torch.equal(after.key[1], torch.cat([memory.key[1, 2:], chunk.key[0]]))
