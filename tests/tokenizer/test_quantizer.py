"""Lookup-free quantization against vector-quantize-pytorch and against the sum over all codes."""

from __future__ import annotations

import math
from itertools import product

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from vector_quantize_pytorch import LFQ

from perdure.tokenizer.config import QuantizerConfig
from perdure.tokenizer.quantizer import code_index, entropy_losses, quantize, quantizer_loss


def latents(num_tokens: int, num_bits: int, scale: float = 0.5) -> Tensor:
    return scale * torch.randn(num_tokens, num_bits, generator=torch.Generator().manual_seed(num_bits))


def reference(config: QuantizerConfig) -> LFQ:
    quantizer = LFQ(
        dim=config.num_bits,
        codebook_size=2**config.num_bits,
        entropy_loss_weight=config.entropy_weight,
        commitment_loss_weight=config.commitment_weight,
        diversity_gamma=config.diversity_weight,
    )
    return quantizer.train()


def all_code_entropies(z: Tensor, inverse_temperature: float) -> tuple[Tensor, Tensor]:
    """Returns both entropies in double precision from the whole table of p(code | token)."""
    codes = torch.tensor(list(product([-1.0, 1.0], repeat=z.shape[1])), dtype=torch.float64)
    probability = (2 * inverse_temperature * z.double() @ codes.T).softmax(-1)
    mean = probability.mean(0)
    token_entropy = -(probability * probability.clamp_min(1e-300).log()).sum(-1).mean()
    return token_entropy, -(mean * mean.clamp_min(1e-300).log()).sum()


def relative_difference(one: Tensor | None, other: Tensor | None) -> float:
    assert one is not None
    assert other is not None
    return float((one - other).norm() / other.norm())


@pytest.mark.parametrize("num_bits", [4, 7, 10])
@pytest.mark.parametrize("inverse_temperature", [100.0, 10.0])
def test_loss_and_gradient_equal_the_reference(num_bits: int, inverse_temperature: float) -> None:
    config = QuantizerConfig(
        num_bits=num_bits, inverse_temperature=inverse_temperature, entropy_weight=0.1, diversity_weight=0.8
    )
    ours, theirs = (latents(512, num_bits).requires_grad_() for _ in range(2))
    loss = quantizer_loss(ours, config)
    expected = reference(config)(theirs[None], inv_temperature=inverse_temperature).entropy_aux_loss
    torch.testing.assert_close(loss, expected, atol=5e-5, rtol=0)
    loss.backward()
    expected.backward()
    # The reference adds 1e-5 inside its logarithms, which its gradient shows where codes are rare.
    assert relative_difference(ours.grad, theirs.grad) < 1e-2


@pytest.mark.parametrize("inverse_temperature", [100.0, 10.0])
def test_gradient_equals_that_of_the_sum_over_all_codes(inverse_temperature: float) -> None:
    """Exactly, where the comparison above must be loose: the table of all codes in double precision."""
    config = QuantizerConfig(inverse_temperature=inverse_temperature, entropy_weight=0.1, commitment_weight=0.0)
    ours, exact = latents(512, 10).requires_grad_(), latents(512, 10).double().requires_grad_()
    quantizer_loss(ours, config).backward()
    token_entropy, code_entropy = all_code_entropies(exact, inverse_temperature)
    (0.1 * (token_entropy - code_entropy)).backward()
    assert relative_difference(ours.grad, exact.grad) < 1e-5


@pytest.mark.parametrize("num_bits", [2, 3, 10])
def test_indices_and_codes_equal_the_reference(num_bits: int) -> None:
    z = latents(300, num_bits)
    quantized, index, _ = reference(QuantizerConfig(num_bits=num_bits))(z[None])
    code = quantize(z)
    assert torch.equal(code_index(code), index[0].long())
    torch.testing.assert_close(code, quantized[0])


@pytest.mark.parametrize("num_bits", [2, 3, 5, 8])
@pytest.mark.parametrize("inverse_temperature", [0.3, 1.0, 10.0, 100.0])
def test_entropies_equal_the_sum_over_all_codes(num_bits: int, inverse_temperature: float) -> None:
    z = latents(64, num_bits)
    ours = entropy_losses(z, inverse_temperature=inverse_temperature)
    expected = [float(value) for value in all_code_entropies(z, inverse_temperature)]
    assert [float(value) for value in ours] == pytest.approx(expected, abs=2e-5)


def test_entropies_reach_their_limits() -> None:
    """Sure tokens have none, undecided ones all; a code book used evenly has the logarithm of its size."""
    every_code = torch.tensor(list(product([-5.0, 5.0], repeat=6)))
    token_entropy, code_entropy = entropy_losses(every_code, inverse_temperature=10.0)
    assert float(token_entropy) == pytest.approx(0, abs=1e-5)
    assert float(code_entropy) == pytest.approx(6 * math.log(2), abs=1e-5)
    token_entropy, code_entropy = entropy_losses(torch.zeros(8, 6), inverse_temperature=10.0)
    assert float(token_entropy) == pytest.approx(6 * math.log(2))
    assert float(code_entropy) == pytest.approx(6 * math.log(2), abs=1e-5)
    _, collapsed = entropy_losses(every_code[:1].expand(64, -1), inverse_temperature=10.0)
    assert float(collapsed) == pytest.approx(0, abs=1e-5)


def test_entropy_loss_spreads_tokens_over_the_code_book() -> None:
    """Descent on the entropy loss alone must use more codes; without its weight nothing moves them apart."""
    start = 0.02 * latents(256, 6, scale=1.0) + 0.03
    used = {}
    for weight in (0.0, 0.1):
        config = QuantizerConfig(num_bits=6, entropy_weight=weight, inverse_temperature=10.0)
        z = start.clone().requires_grad_()
        optimizer = torch.optim.Adam([z], lr=0.01)
        for _ in range(60):
            optimizer.zero_grad()
            quantizer_loss(z, config).backward()
            optimizer.step()
        used[weight] = entropy_losses(z.detach().sign(), inverse_temperature=10.0)[1].exp()
    assert used[0.1] > 1.5 * used[0.0]


def test_eighteen_bits_need_no_table_of_tokens_by_codes() -> None:
    loss = quantizer_loss(latents(64, 18).requires_grad_(), QuantizerConfig(num_bits=18))
    loss.backward()
    assert math.isfinite(float(loss.detach()))


@pytest.mark.parametrize("scale", [1e-8, 1e3])
def test_loss_and_gradient_are_finite_for_any_size_of_latent(scale: float) -> None:
    z = latents(32, 10, scale=scale).requires_grad_()
    loss = quantizer_loss(z, QuantizerConfig())
    loss.backward()
    assert torch.isfinite(loss)
    assert z.grad is not None
    assert torch.isfinite(z.grad).all()


def test_loss_is_taken_in_single_precision() -> None:
    z = latents(64, 10).bfloat16()
    assert torch.equal(quantizer_loss(z, QuantizerConfig()), quantizer_loss(z.float(), QuantizerConfig()))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("scale", [1e-6, 0.1, 1.0, 30.0])
def test_codes_are_exactly_plus_or_minus_one(scale: float, dtype: torch.dtype) -> None:
    """The straight-through sum of rounded numbers must leave no trace of the latent: equal tokens, equal features."""
    z = latents(10_000, 4, scale=scale).to(dtype)
    assert torch.equal(quantize(z), torch.where(z > 0, 1.0, -1.0).to(dtype))


def test_a_latent_of_zero_has_the_code_minus_one() -> None:
    assert quantize(torch.tensor([0.0, -0.0])).tolist() == [-1, -1]


def test_gradient_of_a_code_is_that_of_its_latent() -> None:
    z = latents(8, 5).requires_grad_()
    weight = torch.randn(8, 5)
    (quantize(z) * weight).sum().backward()
    assert torch.equal(z.grad, weight)


@given(st.integers(2, 18), st.data())
def test_index_and_code_are_inverse(num_bits: int, data: st.DataObject) -> None:
    index = torch.tensor(data.draw(st.lists(st.integers(0, 2**num_bits - 1), min_size=1, max_size=9)))
    bits = [[int(bit) for bit in f"{value:0{num_bits}b}"] for value in index.tolist()]
    code = 2.0 * torch.tensor(bits) - 1.0
    assert torch.equal(code_index(code), index)


def test_first_bit_is_the_most_significant() -> None:
    assert code_index(torch.tensor([[1.0, -1.0, -1.0], [-1.0, -1.0, 1.0]])).tolist() == [4, 1]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"num_bits": 1}, "num_bits: got 1, expected 2 to 18"),
        ({"num_bits": 19}, "num_bits: got 19, expected 2 to 18"),
        ({"inverse_temperature": 0.0}, "inverse_temperature: got 0.0, expected a positive number"),
    ],
)
def test_bad_settings_name_the_field(changes: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        QuantizerConfig(**changes)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_codes_are_exact_in_any_precision(dtype: torch.dtype) -> None:
    """Large latents of half precision gave codes of 0 and 2, and so indices of other codes."""
    z = torch.tensor([[300.0, -300.0, 1e-3, -1e4, 257.0, 0.0]], dtype=dtype, requires_grad=True)
    code = quantize(z)
    assert code.tolist() == [[1, -1, 1, -1, 1, -1]]
    assert code_index(code).tolist() == [0b101010]
    code.sum().backward()
    assert z.grad is not None and z.grad.tolist() == [[1] * 6]
