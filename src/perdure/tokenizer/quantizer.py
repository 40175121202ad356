"""Lookup-free quantization: every latent channel becomes one bit (MAGVIT-v2, arXiv 2310.05737, section 3.1)."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional

from perdure.tokenizer.config import QuantizerConfig


def quantize(z: Float[Tensor, "*batch bit"]) -> Float[Tensor, "*batch bit"]:
    """Returns sign(z) in {-1, +1} exactly, with the gradient of the identity (straight-through)."""
    code = torch.where(z > 0, 1.0, -1.0).to(z.dtype)
    # Exact in any precision, since z - z is 0; z + (code - z) is 0 or 2 for a large z of half precision.
    return code + (z - z.detach())


def code_index(code: Float[Tensor, "*batch bit"]) -> Int[Tensor, "*batch"]:
    """Returns the code-book index of each code, most significant bit first."""
    num_bits = code.shape[-1]
    powers = 2 ** torch.arange(num_bits - 1, -1, -1, device=code.device)
    return ((code > 0).long() * powers).sum(-1)


def entropy_losses(
    z: Float[Tensor, "token bit"], *, inverse_temperature: float
) -> tuple[Float[Tensor, ""], Float[Tensor, ""]]:
    """Returns (mean entropy per token, entropy of the mean code) in nats under the soft assignment.

    The assignment p(c | z) = softmax_c(2 tau z.c) factorises into independent bits with p(bit = 1) =
    sigmoid(4 tau z), so the first entropy is a sum over bits, and the mean code distribution is a matrix product of
    the distributions of two halves of the bits: exact, without a [token, 2^bit] table.
    """
    logit = 4.0 * inverse_temperature * z.float()
    probability = torch.sigmoid(logit)
    bit_entropy = functional.softplus(logit) - logit * probability
    token_entropy = bit_entropy.sum(-1).mean()
    half = z.shape[-1] // 2
    left, right = _joint(probability[:, :half]), _joint(probability[:, half:])
    mean_code = left.T @ right / len(z)
    code_entropy = -(mean_code * torch.log(mean_code.clamp_min(1e-12))).sum()
    return token_entropy, code_entropy


def _joint(probability: Float[Tensor, "token bit"]) -> Float[Tensor, "token code"]:
    """Returns the distribution over all codes of independent bits."""
    joint = probability.new_ones(len(probability), 1)
    for bit in probability.unbind(-1):
        pair = torch.stack([1 - bit, bit], dim=-1)
        joint = (joint[:, :, None] * pair[:, None, :]).flatten(1)
    return joint


def quantizer_loss(z: Float[Tensor, "*batch bit"], config: QuantizerConfig) -> Float[Tensor, ""]:
    """Returns entropy plus commitment loss of latents; always in float32."""
    z = z.float().flatten(0, -2)
    token_entropy, code_entropy = entropy_losses(z, inverse_temperature=config.inverse_temperature)
    commitment = functional.mse_loss(z, torch.where(z > 0, 1.0, -1.0))
    entropy = token_entropy - config.diversity_weight * code_entropy
    return config.entropy_weight * entropy + config.commitment_weight * commitment
