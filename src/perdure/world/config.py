"""Settings of the synthetic world."""

from __future__ import annotations

from dataclasses import dataclass

MOTION_FAMILIES = ("linear", "circular", "helical", "parabolic")
"""Names of the motion families, in the order of their indices."""


_PROBABILITIES = (
    "persistent_share",
    "detection_probability",
    "false_alarm_probability",
    "occluded_share",
    "burst_share",
    "burst_false_alarm_probability",
)


@dataclass(frozen=True, kw_only=True, slots=True)
class WorldConfig:
    """One law for everything that is seen; the label is drawn last and only sets lifetime and cue."""

    num_frames: int = 32
    """Frames of a clip."""
    horizon: int = 16
    """Every object is born early enough to be watched for this many frames."""
    frame_width_px: int = 96
    """Width of a frame."""
    frame_height_px: int = 96
    """Height of a frame."""
    frame_rate_hz: float = 30.0
    """Frames per second."""
    max_objects: int = 6
    """A clip holds 1 to this many objects, all numbers equally likely."""
    persistent_share: float = 0.5
    """Probability that an object is persistent."""
    transient_lifetimes: tuple[int, ...] = (1, 2, 3)
    """Frames that a transient object may exist, all equally likely."""
    detection_probability: float = 0.9
    """Probability Pd that the detector sees an existing object on a frame."""
    false_alarm_probability: float = 0.05
    """Probability Pfa of a false box in the gate of an object, existing or gone, on a frame."""
    clutter_per_frame: float = 0.0
    """Mean number of false boxes that lie anywhere and belong to nothing (Poisson)."""
    occluded_share: float = 0.0
    """Share of objects that are hidden for a while: neither seen nor detected, though they exist."""
    occlusion_frames: tuple[int, int] = (2, 5)
    """Least and largest number of frames that an occlusion lasts."""
    burst_share: float = 0.0
    """Share of frames on which false boxes come in bursts, in the gates of all objects."""
    burst_false_alarm_probability: float = 0.5
    """Probability of a false box in a gate on a frame of a burst."""
    cue_strength: float = 1.0
    """d: the cue of a frame is a log-likelihood ratio of law N(+-d^2/2, d^2) nats; 0 switches the cue off."""
    cue_range: float = 3.5
    """The disc on a sphere goes from dark to bright while the cue variable goes from minus this to plus this."""
    disc_share: float = 0.45
    """Diameter of the disc that shows the cue, as a share of the sphere's."""
    box_side_px: tuple[float, float] = (9.0, 12.5)
    """Least and largest side of a box at birth; distance changes it later."""
    depth_m: tuple[float, float] = (10.0, 16.0)
    """Least and largest distance from the camera at birth."""
    focal_length_px: float = 120.0
    """Focal length of the pinhole camera."""
    speed_px_s: tuple[float, float] = (6.0, 33.0)
    """Least and largest speed of linear motion and of the drift of a helix, across the image at birth."""
    orbit_radius_px: tuple[float, float] = (3.0, 8.0)
    """Least and largest radius of a circle or helix, in the image at birth."""
    orbit_rate_rad_s: tuple[float, float] = (2.5, 6.0)
    """Least and largest angular speed on a circle or helix."""
    clearance_px: float = 2.5
    """Least free space between the crop window of an object (2.5 box sides) and the body of any other one."""
    contrast_grey: tuple[float, float] = (45.0, 110.0)
    """Least and largest colour distance of an object from the background on its way (root mean square of channels)."""
    texture_grey: float = 14.0
    """Standard deviation of the background texture, in grey levels."""
    noise_grey: float = 4.0
    """Standard deviation of the sensor noise, in grey levels."""
    box_jitter: float = 0.05
    """Standard deviation of a detected box's centre and of its log side, as a share of the side."""

    def __post_init__(self) -> None:
        self._check_counts()
        for name in _PROBABILITIES:
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name}: got {getattr(self, name)}, expected 0 to 1")
        for name in ("frame_rate_hz", "cue_range", "focal_length_px", "disc_share"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name}: got {getattr(self, name)}, expected above 0")
        for name in ("cue_strength", "clutter_per_frame", "clearance_px", "noise_grey", "texture_grey", "box_jitter"):
            if not getattr(self, name) >= 0:
                raise ValueError(f"{name}: got {getattr(self, name)}, expected at least 0")
        ranges = ("box_side_px", "depth_m", "speed_px_s", "orbit_radius_px", "orbit_rate_rad_s", "contrast_grey")
        for name in (*ranges, "occlusion_frames"):
            low, high = getattr(self, name)
            if not 0 < low <= high:
                raise ValueError(f"{name}: got {low} to {high}, expected two values above 0, the smaller one first")

    def _check_counts(self) -> None:
        for name in ("num_frames", "horizon", "max_objects", "frame_width_px", "frame_height_px"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}: got {getattr(self, name)}, expected at least 1")
        if self.horizon >= self.num_frames:
            raise ValueError(f"horizon: got {self.horizon}, expected below num_frames ({self.num_frames})")
        lifetimes = self.transient_lifetimes
        if not lifetimes or min(lifetimes) < 1 or max(lifetimes) > self.horizon:
            raise ValueError(
                f"transient_lifetimes: got {lifetimes}, expected values from 1 to horizon ({self.horizon})"
            )
        side = min(self.frame_width_px, self.frame_height_px)
        if 2 * self.box_side_px[1] > side:
            raise ValueError(f"box_side_px: got up to {self.box_side_px[1]}, expected at most half a frame ({side} px)")

    @property
    def is_exact(self) -> bool:
        """Whether tracks follow the law that the optima are known for: no clutter, no occlusion, no bursts."""
        return not (self.clutter_per_frame or self.occluded_share or self.burst_share)

    def share_of_clips(self, *, is_persistent: bool) -> float:
        """Returns the probability that a clip holds an object of a class; each is detected on its first frame.

        >>> round(WorldConfig().share_of_clips(is_persistent=True), 3)
        0.836
        """
        other = 1 - self.persistent_share if is_persistent else self.persistent_share
        return 1 - sum(other**num for num in range(1, self.max_objects + 1)) / self.max_objects

    @property
    def last_birth_frame(self) -> int:
        """Last frame (0-based) on which an object may be born."""
        return self.num_frames - self.horizon - 1
