"""The run-time check of annotations finds what is wrong and lets pass what the language lets pass."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import pytest
from beartype.roar import BeartypeCallHintParamViolation
from jaxtyping import TypeCheckError

from annotation_check import checked
from perdure import geometry


class Sized(Protocol):
    num_tracks: int


def test_the_package_is_checked_in_this_suite() -> None:
    with pytest.raises(TypeCheckError, match="xyxy_px"):
        geometry.area_px(np.zeros((2, 3)))


def test_a_whole_number_may_stand_for_a_float_but_not_the_other_way() -> None:
    @checked
    def seconds(value: float, count: int) -> float:
        return value * count

    assert seconds(2, 3) == 6
    with pytest.raises(BeartypeCallHintParamViolation, match="count"):
        seconds(2.0, 3.0)


def test_a_protocol_that_cannot_be_checked_is_passed_over() -> None:
    @checked
    def total(view: Sized) -> int:
        return view.num_tracks

    with pytest.raises(AttributeError):
        total(3)
