"""Fidelity and code use against their formulas."""

from __future__ import annotations

import math

import numpy as np
import pytest

from perdure.metrics.image import code_statistics, psnr_db, squared_error


def test_psnr_pools_the_error_over_all_pixels_of_all_batches() -> None:
    rng = np.random.default_rng(0)
    first, second = (rng.integers(0, 256, (4, 8, 8, 3), dtype=np.uint8) for _ in range(2))
    noisy, constant = first.copy(), second.copy()
    noisy[0] //= 2
    constant[...] = 0
    sums = [squared_error(first, noisy), squared_error(second, constant)]
    error, num = sum(part[0] for part in sums), sum(part[1] for part in sums)
    both = np.concatenate([first - noisy.astype(float), second - constant.astype(float)])
    assert psnr_db(error, num) == pytest.approx(20 * math.log10(255 / math.sqrt((both**2).mean())))


def test_differences_of_bytes_do_not_wrap_around() -> None:
    assert squared_error(np.array([0], dtype=np.uint8), np.array([255], dtype=np.uint8)) == (255.0**2, 1)
    assert psnr_db(255.0**2, 1) == pytest.approx(0.0)


def test_a_perfect_copy_is_infinitely_good() -> None:
    assert psnr_db(0.0, 10) == math.inf


@pytest.mark.parametrize(("error", "num"), [(1.0, 0), (-1.0, 5)])
def test_psnr_of_nothing_is_refused(error: float, num: int) -> None:
    with pytest.raises(ValueError, match="psnr: got error"):
        psnr_db(error, num)


def test_perplexity_is_the_number_of_codes_when_they_are_used_evenly_and_less_when_not() -> None:
    even = code_statistics(np.repeat(np.arange(8), 5), num_bits=3)
    assert (even.codes_used, even.num_dead_bits) == (8, 0)
    assert even.perplexity == pytest.approx(8)
    uneven = code_statistics(np.array([0] * 98 + [1, 2]), num_bits=3)
    share = np.array([0.98, 0.01, 0.01])
    assert uneven.perplexity == pytest.approx(math.exp(-(share * np.log(share)).sum()))
    assert (uneven.num_tokens, uneven.codes_used, uneven.num_dead_bits) == (100, 3, 1)


def test_a_bit_that_is_always_on_is_dead_too() -> None:
    assert code_statistics(np.array([4, 5, 4, 5]), num_bits=3).num_dead_bits == 2


@pytest.mark.parametrize(
    ("codes", "message"),
    [([8], "codes: got 8 to 8, expected 0 to 7"), ([-1], "codes: got -1"), ([], "codes: got no tokens")],
)
def test_refuses_codes_out_of_range(codes: list[int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        code_statistics(np.array(codes, dtype=np.int64), num_bits=3)
