"""Evidence of persistence from detections alone: a forest on the numbers of the feature stream.

It was trained with the two classes weighted alike at every age, so that its log odds are log-likelihood ratios. The
closed-form lifetime evidence is one of the inputs. Numpy only: a gate that reads detections loads nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from perdure.evidence.forest import Forest, evidence_of_share
from perdure.evidence.lifetime import LifetimeModel
from perdure.evidence.score_scale import ScoreScale
from perdure.evidence.track_features import AROUND, FEATURES, RANKS

LIFETIME = "lifetime"
"""Input that is not a feature of the stream: the closed-form evidence of hits and misses, nats."""
SCORES = ("score_last", "score_first", "score_mean", "score_max", "score_min")
"""Features on the detector's own scale."""
RAW = "raw "
"""Prefix of a score that enters as it is, beside the one on the scale of the detector."""
RISING = (*SCORES, *RANKS, "num_hits", LIFETIME)
"""Inputs of which more never speaks against a track, in half of the trees."""
PLACE = ("centre_x", "centre_y", "bottom_y", "log_width", "log_height", "border")
"""Inputs that another camera does not share."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackEvidence:
    """The whole model.

    Args:
        inputs: names of the forest's inputs, out of `all_inputs`.
        forest: on those.
        score_scale: of the detector.
        lifetime: fitted law of hits and misses.
        extra: number of inputs beyond those of detections (features of pixels), at the end.
    """

    inputs: tuple[str, ...]
    forest: Forest
    score_scale: ScoreScale
    lifetime: LifetimeModel
    extra: int = 0

    def evidence(
        self,
        features: Float[np.ndarray, "n f"],
        lifetime: Float[np.ndarray, " n"],
        extra: Float[np.ndarray, "n e"] | None = None,
    ) -> Float[np.ndarray, " n"]:
        """Returns the evidence of each track and frame in nats.

        Args:
            features: columns `FEATURES`, raw.
            lifetime: closed-form lifetime evidence, nats.
            extra: inputs beyond those of detections.
        """
        if not len(features):
            return np.zeros(0)
        rows = input_rows(features, lifetime, self.score_scale, self.inputs)
        if self.extra:
            rows = np.concatenate([rows, extra], axis=1)
        return evidence_of_share(self.forest.share(rows))

    def to_arrays(self) -> dict[str, np.ndarray]:
        """Returns all arrays by name, ready to be stored."""
        forest = {f"forest.{name}": value for name, value in self.forest.to_arrays().items()}
        return forest | {"score_scale.knots": self.score_scale.knots}

    def to_dict(self) -> dict[str, Any]:
        """Returns everything but the arrays, ready for JSON."""
        return {
            "inputs": list(self.inputs),
            "extra": self.extra,
            "lifetime": self.lifetime.to_dict(),
        }

    @classmethod
    def from_parts(cls, arrays: dict[str, np.ndarray], info: dict[str, Any]) -> TrackEvidence:
        """Returns the model that `to_arrays` and `to_dict` described.

        Raises:
            ValueError: something is missing, or names an input that there is not.
        """
        try:
            forest = {name.removeprefix("forest."): arrays[name] for name in arrays if name.startswith("forest.")}
            model = cls(
                inputs=tuple(info["inputs"]),
                forest=Forest(**forest),
                score_scale=ScoreScale(arrays["score_scale.knots"]),
                lifetime=LifetimeModel.from_dict(info["lifetime"]),
                extra=int(info["extra"]),
            )
        except (KeyError, TypeError) as error:
            raise ValueError(f"track evidence: a part is missing or of another version ({error})") from error
        known = (*all_inputs(uses_place=True, uses_raw_scores=True), *RANKS)
        unknown = [name for name in model.inputs if name not in known]
        if unknown:
            raise ValueError(f"track evidence: got unknown input '{unknown[0]}', expected features of this version")
        num_inputs = len(model.inputs) + model.extra
        if model.extra < 0 or model.forest.feature.max() >= num_inputs:
            raise ValueError(f"track evidence: the forest asks for inputs beyond its {num_inputs}; the file is damaged")
        return model


def input_rows(
    features: Float[np.ndarray, "n f"], lifetime: Float[np.ndarray, " n"], scale: ScoreScale, inputs: tuple[str, ...]
) -> Float[np.ndarray, "n i"]:
    """Returns some inputs as columns, scores as they are or on the scale of their detector.

    Args:
        features: columns `FEATURES`, raw.
        lifetime: closed-form lifetime evidence, nats.
        scale: of the detector.
        inputs: names, out of `all_inputs`.
    """
    plain = np.concatenate([features.T, lifetime[None]])
    places, scaled = _places_of(inputs)
    rows = plain[places].astype(np.float64, copy=False)
    for place in scaled:
        name = inputs[place]
        rows[place] = scale(plain[_PLACES["score_last" if name == "score_trend" else name]])
        if name == "score_trend":
            rows[place] -= scale(plain[_PLACES["score_first"]])
    return rows.T


@cache
def _places_of(inputs: tuple[str, ...]) -> tuple[Int[np.ndarray, " i"], tuple[int, ...]]:
    """Returns the column of each input among features and lifetime evidence, and which inputs are scaled scores."""
    places = np.array([_PLACES[name.removeprefix(RAW)] for name in inputs], dtype=np.int64)
    return places, tuple(place for place, name in enumerate(inputs) if name in (*SCORES, "score_trend"))


_PLACES = {name: place for place, name in enumerate((*FEATURES, LIFETIME))}


def all_inputs(
    *, uses_place: bool, uses_raw_scores: bool, uses_scene: bool = True, uses_stream_scores: bool = False
) -> tuple[str, ...]:
    """Returns the names of the forest's inputs.

    Args:
        uses_place: whether place and size in the picture enter; another camera does not share them.
        uses_raw_scores: whether scores enter as they are too; another detector does not share them.
        uses_scene: whether neighbours enter, and what the stream has shown before.
        uses_stream_scores: whether scores enter by their rank in the stream so far, instead of among training scores.
    """
    dropped = {*(() if uses_place else PLACE), *(() if uses_scene else AROUND)}
    dropped |= {*SCORES, "score_trend"} if uses_stream_scores else set(RANKS)
    kept = tuple(name for name in (*FEATURES, LIFETIME) if name not in dropped)
    return kept + (tuple(RAW + name for name in SCORES) if uses_raw_scores else ())
