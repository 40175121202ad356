"""Settings of training."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from perdure.data.track_labels import Targets


@dataclass(frozen=True, kw_only=True, slots=True)
class CompositeConfig:
    """The law of tracks that are pasted together from textures (see `composites`)."""

    num_scenes: int = 0
    """Scenes of a few tracks each; 0 makes none."""
    tracks_per_scene: int = 4
    """Tracks shown together."""
    persistent_share: float = 0.5
    """Probability that a track is persistent."""
    transient_lifetimes: tuple[int, ...] = (1, 1, 1, 2, 2, 3, 4)
    """Frames that a transient object may exist, all equally likely."""
    nothing_share: float = 0.4
    """Share of transient tracks that begin on nothing: no object is ever seen."""
    hit_probability: tuple[float, float] = (0.6, 0.98)
    """Least and largest probability of a hit on an existing object, drawn per scene."""
    false_hit_probability: tuple[float, float] = (0.02, 0.15)
    """The same after its end."""
    aspect: tuple[float, float] = (0.3, 3.0)
    """Least and largest width over height of an object."""
    contrast_grey: tuple[float, float] = (18.0, 110.0)
    """Least and largest difference in grey levels between an object and its ground."""
    neighbour_share: float = 0.35
    """Share of tracks with another object in the window that comes and goes as it likes."""

    def __post_init__(self) -> None:
        for name in ("persistent_share", "nothing_share", "neighbour_share"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name}: got {getattr(self, name)}, expected 0 to 1")
        for name in ("hit_probability", "false_hit_probability", "aspect", "contrast_grey"):
            low, high = getattr(self, name)
            if not 0 < low <= high:
                raise ValueError(f"{name}: got {low} to {high}, expected two ascending numbers above 0")


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainingConfig:
    """Joint training: reconstruction, lookup-free quantization and per-frame persistence, through the tokens."""

    num_steps: int = 1500
    """Optimiser steps; fixed, so that a run can be reproduced and resumed exactly."""
    scenes_per_step: int = 8
    """Scenes in a batch, about 3.5 tracks each."""
    num_ages: int = 8
    """Frames of each track that are used, from birth on."""
    reconstructed_tracks: int = 4
    """Tracks of a batch that are decoded; the decoder needs fewer examples than the decision."""
    learning_rate: float = 2e-3
    """Peak learning rate of AdamW; cosine decay to a hundredth."""
    warmup_steps: int = 50
    """Steps of linear warm-up."""
    weight_decay: float = 0.01
    """Decoupled weight decay of all matrices; the head has none, so that evidence is not held back."""
    persistence_weight: float = 1.0
    """Weight of the per-frame persistence loss beside the reconstruction error."""
    attention_weight: float = 0.1
    """Weight of the term that asks for attention on what persists; 0 leaves attention to itself."""
    attention_target: float = 3.0
    """Attention efficiency from which on that term is silent."""
    absolute_weight: float = 0.2
    """Weight of the absolute beside the squared reconstruction error."""
    gated_share: float = 0.5
    """Share of scenes in which tracks vanish from the others' sight at a random age, as in the gate."""
    uses_bfloat16: bool = True
    """Convolutions in bfloat16: half as long on a CPU, and no visible loss."""
    uses_relighting: bool = False
    """Vary contrast, brightness and colour of whole scenes; for weights that are to see any camera."""
    composites: CompositeConfig = field(default_factory=CompositeConfig)
    """Pasted tracks that join training."""
    sequences: Path | None = None
    """Folder of labelled real sequences (MOT folders with a video) whose tracks join training; left out for none."""
    sequence_targets: Targets = "boxes"
    """How their detections are matched with objects: boxes by overlap; targets of a few pixels by their centre."""
    held_out_every: int = 3
    """Every third (or as this says) of the real sequences, by name, is kept out of training; 0 keeps none out."""
    max_gradient_norm: float = 1.0
    """Gradient clipping."""
    checkpoint_seconds: float = 60.0
    """Longest time between checkpoints."""
    log_steps: int = 20
    """Steps between two rows of metrics."""

    def __post_init__(self) -> None:
        for name in ("num_steps", "scenes_per_step", "num_ages", "reconstructed_tracks", "log_steps"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}: got {getattr(self, name)}, expected at least 1")
        if not 0 <= self.gated_share <= 1:
            raise ValueError(f"gated_share: got {self.gated_share}, expected 0 to 1")
