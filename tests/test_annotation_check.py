"""The run-time check of annotations finds what is wrong and lets pass what the language lets pass."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
import pytest
from beartype.roar import BeartypeCallHintParamViolation
from jaxtyping import TypeCheckError, jaxtyped

import annotation_check
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


def test_a_function_within_a_function_is_compiled_once_and_checked_always(monkeypatch: pytest.MonkeyPatch) -> None:
    compiled = []

    def noted(function: Callable[..., Any]) -> Callable[..., Any]:
        compiled.append(function)
        return with_tower(function)

    with_tower = annotation_check._with_tower
    monkeypatch.setattr(annotation_check, "_with_tower", noted)

    def made() -> Callable[[int], int]:
        @jaxtyped(typechecker=checked)
        def doubled(value: int) -> int:
            return 2 * value

        return doubled

    first, second = made(), made()
    assert first is not second and len(compiled) == 2, "one for what goes in, one for what comes out"
    assert second(3) == 6
    for one in (first, second):
        with pytest.raises(TypeCheckError, match="value"):
            one(3.5)  # type: ignore[arg-type]
