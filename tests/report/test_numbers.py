"""Numbers are rounded, but never so far that they say something else."""

from __future__ import annotations

from typing import Any

import pytest

from perdure.report.numbers import format_value


@pytest.mark.parametrize(
    ("value", "style", "text"),
    [
        (0.9876, "percent", "98.8 %"),
        (0.0, "percent", "0.0 %"),
        (1.0, "percent", "100.0 %"),
        (0.9999, "percent", "99.99 %"),  # 100.0 % would claim that nothing was wrong
        (0.0002, "percent", "0.02 %"),  # 0.0 % would claim the same
        (0.99999, "probability", "0.99999"),  # as is 1.000, a certainty that nobody has
        (0.0000041, "probability", "0.000004"),
        (0.5, "probability", "0.500"),
        (1234567, "plain", "1,234,567"),
        (3.14159, "plain", "3.14"),
        ("cpu", "plain", "cpu"),
        (True, "plain", "yes"),
        (None, "percent", "not measured"),
        (-3.2, "signed", "-3.20"),
        (3.2, "signed", "+3.20"),
        (950, "flops", "950 FLOP"),
        (44.71e6, "flops", "44.7 MFLOP"),
        (2.5e12, "flops", "2.5 TFLOP"),
        (0.0, "seconds", "0 s"),
        (0.0000021, "seconds", "2.1 us"),
        (0.0213, "seconds", "21.3 ms"),
        (75.04, "seconds", "75.0 s"),
    ],
)
def test_values_as_text(value: Any, style: str, text: str) -> None:
    assert format_value(value, style) == text


@pytest.mark.parametrize(
    ("value", "target", "style", "text"),
    [
        (0.79996, 0.8, "percent", "79.996 %"),
        (0.8, 0.8, "percent", "80.0 %"),
        (3.3996, 3.4, "two", "3.3996"),
        (3.1, 3.4, "two", "3.10"),
    ],
)
def test_a_value_just_off_its_target_does_not_look_like_the_target(
    value: float, target: float, style: str, text: str
) -> None:
    assert format_value(value, style, beside=target) == text


def test_an_unknown_style_is_an_error() -> None:
    with pytest.raises(ValueError, match="style: got 'percentage', expected one of plain, percent"):
        format_value(0.5, "percentage")
