"""The sequential test with a bound of its own at every age."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from perdure.stopping.rules import Horizon, Observation, Verdict


@dataclass(frozen=True, kw_only=True, slots=True)
class AgeBounds(Horizon):
    """Decides once the evidence is far enough from 0 for this age, towards the side that it is on."""

    bounds: tuple[float, ...]
    """Least absolute evidence in nats that decides at age 1, 2, ... horizon; infinity never decides."""

    def __post_init__(self) -> None:
        Horizon.__post_init__(self)
        if len(self.bounds) != self.horizon:
            raise ValueError(
                f"bounds: got {len(self.bounds)} values, expected one per age up to horizon {self.horizon}"
            )
        if not min(self.bounds) >= 0:
            raise ValueError(f"bounds: got {min(self.bounds)}, expected at least 0 nats")

    def decide(self, observation: Observation) -> Verdict:
        """Returns a verdict from the bound of each row's age; evidence 0 counts as persistent."""
        bound = np.array(self.bounds)[np.clip(observation.age, 1, self.horizon) - 1]
        confirm = (observation.evidence >= 0) & (observation.evidence >= bound)
        return self.verdict(observation.age, confirm=confirm, reject=~confirm & (observation.evidence <= -bound))
