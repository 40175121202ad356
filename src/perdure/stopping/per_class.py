"""One rule for each class of objects that has its own, and one for all others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from perdure.stopping.rules import Observation, StoppingRule, Verdict


@dataclass(frozen=True, kw_only=True, slots=True)
class PerClass:
    """Asks the rule of each track's class.

    Args:
        rules: by class id.
        other: for all other classes, and for tracks without a class.

    Raises:
        ValueError: horizons differ.
    """

    rules: Mapping[int, StoppingRule]
    other: StoppingRule

    def __post_init__(self) -> None:
        horizons = {rule.horizon for rule in (*self.rules.values(), self.other)}
        if len(horizons) > 1:
            raise ValueError(f"rules: got horizons {sorted(horizons)}, expected one horizon for all classes")

    @property
    def horizon(self) -> int:
        """Age at which every track is decided."""
        return self.other.horizon

    def decide(self, observation: Observation) -> Verdict:
        """Returns what the rule of each row's class says of it."""
        verdict = self.other.decide(observation)
        if observation.class_id is None:
            return verdict
        for class_id, rule in self.rules.items():
            own, said = observation.class_id == class_id, rule.decide(observation)
            verdict = Verdict(
                is_decided=np.where(own, said.is_decided, verdict.is_decided),
                is_persistent=np.where(own, said.is_persistent, verdict.is_persistent),
                is_forced=np.where(own, said.is_forced, verdict.is_forced),
            )
        return verdict
