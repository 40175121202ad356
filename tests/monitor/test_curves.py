from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from perdure.monitor.curves import MOST_BUCKETS, MOST_CURVES, Curve, MetricsReader, Rows, parsed_row


def curve_of(values: np.ndarray) -> Curve:
    curve = Curve()
    for index, value in enumerate(values):
        curve.add(index, float(value))
    return curve


def test_a_short_curve_is_kept_as_it_is() -> None:
    values = np.random.default_rng(0).normal(size=MOST_BUCKETS)
    x, mean, low, high = curve_of(values).to_lists()
    assert x == list(range(MOST_BUCKETS))
    np.testing.assert_allclose(mean, values, rtol=1e-5)
    assert mean == low == high


@pytest.mark.parametrize("num", [MOST_BUCKETS + 1, 5000, 2**15])
def test_of_a_long_curve_each_bucket_has_mean_and_extremes_of_its_points(num: int) -> None:
    values = np.random.default_rng(num).normal(size=num)
    curve = curve_of(values)
    x, mean, low, high = curve.to_lists()
    assert MOST_BUCKETS / 2 <= len(x) <= MOST_BUCKETS
    parts = [values[start : start + curve.stride] for start in range(0, num, curve.stride)]
    np.testing.assert_allclose(mean, [part.mean() for part in parts], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(low, [part.min() for part in parts], rtol=1e-4)
    np.testing.assert_allclose(high, [part.max() for part in parts], rtol=1e-4)
    assert x[-1] == num - 1


def test_a_point_that_comes_again_counts_once() -> None:
    curve = Curve()
    for x in (1, 2, 2, 1, 3):
        curve.add(x, 10.0 * x)
    assert curve.to_lists()[:2] == [[1, 2, 3], [10, 20, 30]]


@pytest.mark.parametrize(
    "line",
    [b"", b"{", b'{"stage": "tr', b"[1]", b"null", b"\xff\xfe", b"[" * 5000],
)
def test_a_line_that_is_no_row_is_counted_and_left_out(line: bytes) -> None:
    rows = Rows()
    rows.add([b'{"stage": "train", "step": 1, "loss": 2}', line])
    assert (rows.num_rows, rows.num_torn) == (1, 1)


def test_values_that_are_no_numbers_are_left_out() -> None:
    line = b'{"stage": "s", "a": NaN, "b": Infinity, "c": true, "d": "x", "e": 1e999, "f": 1, "g": [1], "h": null}'
    assert parsed_row(line) == ("s", {"f": 1})
    assert parsed_row(b'{"stage": "s", "a": 1' + b"0" * 400 + b"}") == ("s", {})


def test_names_without_end_do_not_fill_the_memory() -> None:
    rows = Rows()
    rows.add(b'{"stage": "s", "name-%d": 1}' % index for index in range(3 * MOST_CURVES))
    assert len(rows.curves) == MOST_CURVES


def test_a_reader_starts_again_where_a_file_was_replaced(tmp_path: Path) -> None:
    reader, path = MetricsReader(tmp_path, "rows"), tmp_path / "rows"
    assert reader.advance(), "there is no file yet"
    path.write_text('{"stage": "train", "step": 1, "loss": 2}\n{"stage": "train", "step": 2, "loss": 1}\n{"st')
    assert reader.advance()
    assert reader.snapshot()[1]["curves"]["train/loss"][1] == [2, 1]
    path.write_text('{"stage": "train", "step": 1, "loss": 7}\n')
    assert reader.advance()
    assert reader.snapshot()[1]["curves"]["train/loss"][1] == [7]
