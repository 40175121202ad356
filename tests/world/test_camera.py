"""The pinhole camera."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from perdure.world.motion import PinholeCamera

CAMERA = PinholeCamera(focal_length_px=120.0, width_px=96, height_px=64)


def test_axis_meets_the_middle_of_the_image() -> None:
    assert CAMERA.project(np.array([[0.0, 0.0, 7.0]])).tolist() == [[48.0, 32.0]]


def test_right_and_down_are_positive_and_shrink_with_distance() -> None:
    near, far = CAMERA.project(np.array([[1.0, 2.0, 10.0], [1.0, 2.0, 20.0]]))
    assert (near - [48, 32]).tolist() == [12.0, 24.0]
    assert (far - [48, 32]).tolist() == [6.0, 12.0]


@given(x=st.floats(-50, 150), y=st.floats(-50, 150), depth=st.floats(0.5, 100))
def test_there_and_back(x: float, y: float, depth: float) -> None:
    position = CAMERA.unproject(np.array([[x, y]]), np.array([depth]))
    np.testing.assert_allclose(CAMERA.project(position), [[x, y]], atol=1e-9)
    assert position[0, 2] == depth


def test_apparent_size_is_inverse_to_distance() -> None:
    side = CAMERA.side_px(np.array([1.0, 1.0]), np.array([10.0, 30.0]))
    np.testing.assert_allclose(side, [12.0, 4.0])
