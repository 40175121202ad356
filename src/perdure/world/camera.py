"""The pinhole camera: metres in space to pixels in the image, and back at a known distance."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float


@dataclass(frozen=True, slots=True, kw_only=True)
class PinholeCamera:
    """A camera at the origin that looks along +z; its axis goes through the middle of the image."""

    focal_length_px: float
    width_px: int
    height_px: int

    @property
    def principal_point_px(self) -> Float[np.ndarray, " 2"]:
        """Where the optical axis meets the image."""
        return np.array([self.width_px / 2, self.height_px / 2])

    def project(self, position_m: Float[np.ndarray, "*n 3"]) -> Float[np.ndarray, "*n 2"]:
        """Returns pixel positions (x, y) of points in front of the camera."""
        return position_m[..., :2] * (self.focal_length_px / position_m[..., 2:]) + self.principal_point_px

    def unproject(
        self, centre_px: Float[np.ndarray, "*n 2"], depth_m: Float[np.ndarray, "*n"]
    ) -> Float[np.ndarray, "*n 3"]:
        """Returns the points that are seen at `centre_px` at a distance of `depth_m` along the axis."""
        across = (centre_px - self.principal_point_px) * (depth_m / self.focal_length_px)[..., None]
        return np.concatenate([across, depth_m[..., None]], axis=-1)

    def side_px(self, diameter_m: Float[np.ndarray, "*n"], depth_m: Float[np.ndarray, "*m"]) -> np.ndarray:
        """Returns how large a sphere appears; its slight stretching away from the axis is left out."""
        return diameter_m * self.focal_length_px / depth_m
