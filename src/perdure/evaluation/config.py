"""Settings of evaluation; loads no torch."""

from __future__ import annotations

from dataclasses import dataclass

_LEAST = {
    "early_stop_frame": 1,
    "num_resamples": 100,
    "num_timed_clips": 1,
    "num_attention_samples": 1,
    "num_attention_clips": 1,
    "num_evidence_figures": 1,
    "num_gallery_clips": 1,
    "inner_folds": 2,
}


@dataclass(frozen=True, kw_only=True, slots=True)
class EvaluationConfig:
    """What is measured on tracks that nothing was fitted on, and how often."""

    early_stop_frame: int = 4
    """A decision at this age or earlier counts as early."""
    num_resamples: int = 2000
    """Bootstrap resamples of every interval over clips or sequences."""
    num_timed_clips: int = 60
    """On clips: those that are run with and without gating to time and count what gating saves."""
    num_attention_samples: int = 20
    """On clips: attention figures that are drawn."""
    num_attention_clips: int = 200
    """On clips: those over which attention efficiency is averaged."""
    num_evidence_figures: int = 12
    """On a table of tracks: sequences whose evidence is drawn."""
    num_gallery_clips: int = 24
    """Clips, or recorded tracks, that the report plays."""
    inner_folds: int = 4
    """On a table of tracks: parts of the training sequences that are left out in turn to calibrate each gate."""

    def __post_init__(self) -> None:
        for name, least in _LEAST.items():
            if getattr(self, name) < least:
                raise ValueError(f"{name}: got {getattr(self, name)}, expected at least {least}")
