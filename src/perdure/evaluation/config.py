"""Settings of evaluation; loads no torch."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class EvaluationConfig:
    """What is measured on the test split, and how often."""

    early_stop_frame: int = 4
    """A decision at this age or earlier counts as early."""
    num_timed_clips: int = 60
    """Clips that are run with and without gating to time and count what gating saves."""
    num_attention_samples: int = 20
    """Attention figures that are drawn."""
    num_attention_clips: int = 200
    """Clips over which attention efficiency is averaged."""
    num_resamples: int = 2000
    """Bootstrap resamples of every interval over clips."""

    def __post_init__(self) -> None:
        for name in ("early_stop_frame", "num_timed_clips", "num_attention_samples", "num_attention_clips"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}: got {getattr(self, name)}, expected at least 1")
        if self.num_resamples < 100:
            raise ValueError(f"num_resamples: got {self.num_resamples}, expected at least 100")
