"""Figures of merit of a tokenizer: fidelity of its pictures, use of its codes."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int, UInt8

PEAK = 255.0
"""Largest value of a uint8 pixel."""


def squared_error(original: UInt8[np.ndarray, "*shape"], copy: UInt8[np.ndarray, "*shape"]) -> tuple[float, int]:
    """Returns the sum of squared pixel differences and the number of values, to be added up over batches.

    >>> squared_error(np.array([0, 250], dtype=np.uint8), np.array([3, 255], dtype=np.uint8))
    (34.0, 2)
    """
    difference = original.astype(np.float64) - copy.astype(np.float64)
    return float((difference**2).sum()), difference.size


def psnr_db(total_squared_error: float, num_values: int) -> float:
    """Returns the peak signal-to-noise ratio 10 log10(255^2 / MSE) in dB, at least 0, higher is better.

    The mean squared error is pooled over all values before the logarithm; averaging the ratio over pictures instead
    would reward a few easy ones. Infinite for a perfect copy.

    Raises:
        ValueError: there are no values, or the error is negative.

    >>> round(psnr_db(100.0 * 50, 50), 3)
    28.131
    """
    if num_values < 1 or total_squared_error < 0:
        raise ValueError(f"psnr: got error {total_squared_error} over {num_values} values, expected at least one value")
    if total_squared_error == 0:
        return math.inf
    return 10 * math.log10(PEAK**2 * num_values / total_squared_error)


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeStatistics:
    """How a code book is used.

    Args:
        num_tokens: tokens counted.
        codes_used: different codes among them, 1 to 2^num_bits, higher is better.
        perplexity: exp of the entropy of the code frequencies, 1 to codes_used, higher is better.
        num_dead_bits: bits that are the same in all tokens, lower is better.
    """

    num_tokens: int
    codes_used: int
    perplexity: float
    num_dead_bits: int


def code_statistics(codes: Int[np.ndarray, " n"], num_bits: int) -> CodeStatistics:
    """Returns how many codes are used and how evenly.

    Args:
        codes: one code a token, 0 to 2^num_bits - 1.
        num_bits: bits of a code.

    Raises:
        ValueError: there is no token, or a code is out of range.

    >>> code_statistics(np.array([0, 1, 2, 3, 0, 1, 2, 3]), num_bits=3)
    CodeStatistics(num_tokens=8, codes_used=4, perplexity=4.0, num_dead_bits=1)
    """
    if not len(codes):
        raise ValueError("codes: got no tokens, expected at least one")
    if codes.min() < 0 or codes.max() >= 2**num_bits:
        raise ValueError(f"codes: got {codes.min()} to {codes.max()}, expected 0 to {2**num_bits - 1}")
    used, count = np.unique(codes, return_counts=True)
    share = count / len(codes)
    is_on = (used[:, None] >> np.arange(num_bits)) & 1
    return CodeStatistics(
        num_tokens=len(codes),
        codes_used=len(used),
        perplexity=float(np.exp(-(share * np.log(share)).sum())),
        num_dead_bits=int((is_on.min(axis=0) == is_on.max(axis=0)).sum()),
    )
