"""Rules of tracking theory that score hits: Blackman's track score and the existence probability of IPDA.

Both take clutter to be memoryless: they do not know that flicker lives for a few frames and then ends, which is what
the lifetime evidence adds.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.special import expit, logit

from perdure.stopping.counting import hits_in
from perdure.stopping.rules import MAX_HORIZON, Horizon, Observation, Verdict


def _check_hit_rates(rule: TrackScore | IPDAExistence) -> None:
    if not 0 < rule.false_alarm_probability < rule.hit_probability < 1:
        raise ValueError(
            f"hit_probability and false_alarm_probability: got {rule.hit_probability} and "
            f"{rule.false_alarm_probability}, expected 0 < false_alarm_probability < hit_probability < 1"
        )
    if not rule.lower < rule.upper:
        raise ValueError(f"lower and upper: got {rule.lower} and {rule.upper}, expected lower < upper")


@dataclass(frozen=True, kw_only=True, slots=True)
class TrackScore(Horizon):
    """Blackman's log-likelihood ratio score of a tentative track (Blackman, IEEE AES Magazine 2004, eq. 2-5).

    A hit adds log(hit_probability / false_alarm_probability), a miss the same of the complements, and every cue is
    added. With a spatial clutter density, false_alarm_probability is that density times the gate's volume.
    """

    hit_probability: float = 0.9
    """Probability of a hit on a true track."""
    false_alarm_probability: float = 0.05
    """Probability of a hit when there is only clutter."""
    initial_score: float = 0.0
    """Score of the hit at birth, nats; 0 leaves the prior out."""
    upper: float = math.log(99)
    """Persistent from this score on, nats: log((1 - miss) / false confirm), here for 1 % each."""
    lower: float = -math.log(99)
    """Transient from this score down, nats: log(miss / (1 - false confirm))."""

    def __post_init__(self) -> None:
        Horizon.__post_init__(self)
        _check_hit_rates(self)

    def score(self, observation: Observation) -> Float[np.ndarray, " n"]:
        """Returns the score in nats."""
        hits = hits_in(observation.hit_history, observation.age)
        misses = observation.age - hits
        hit_gain = math.log(self.hit_probability / self.false_alarm_probability)
        miss_gain = math.log1p(-self.hit_probability) - math.log1p(-self.false_alarm_probability)
        return self.initial_score + (hits - 1) * hit_gain + misses * miss_gain + observation.cue_total

    def decide(self, observation: Observation) -> Verdict:
        """Returns a verdict from the score."""
        score = self.score(observation)
        return self.verdict(observation.age, confirm=score >= self.upper, reject=score <= self.lower)


@dataclass(frozen=True, kw_only=True, slots=True)
class IPDAExistence(Horizon):
    """Existence probability of integrated probabilistic data association (Musicki, Evans & Stankovic, TAC 1994).

    Each frame the probability decays by `survival_probability` and is then updated by Bayes' rule with a hit or a
    miss. As a rule sees only the sum of the cues, every hit gets an equal share of it: exact without decay.
    """

    hit_probability: float = 0.9
    """Probability of a hit on a true track."""
    false_alarm_probability: float = 0.05
    """Probability of a hit when there is only clutter."""
    survival_probability: float = 0.99
    """Probability that an existing object exists on the next frame too."""
    birth_probability: float = 0.5
    """Existence probability at birth, before the cue."""
    upper: float = 0.98
    """Persistent from this existence probability on."""
    lower: float = 0.02
    """Transient from this existence probability down."""

    def __post_init__(self) -> None:
        Horizon.__post_init__(self)
        _check_hit_rates(self)
        if not 0 < self.birth_probability < 1 or not 0 < self.survival_probability <= 1:
            raise ValueError(
                f"birth_probability and survival_probability: got {self.birth_probability} and "
                f"{self.survival_probability}, expected above 0 and below 1, and above 0 up to 1"
            )

    def existence(self, observation: Observation) -> Float[np.ndarray, " n"]:
        """Returns the existence probability, in (0, 1)."""
        hits = hits_in(observation.hit_history, observation.age)
        cue = observation.cue_total / np.maximum(hits, 1)
        hit_gain = math.log(self.hit_probability / self.false_alarm_probability) + cue
        miss_gain = math.log1p(-self.hit_probability) - math.log1p(-self.false_alarm_probability)
        log_odds = logit(self.birth_probability) + cue
        num_steps = min(int(observation.age.max(initial=1)), MAX_HORIZON) - 1
        for back in range(num_steps - 1, -1, -1):  # bits from the oldest frame after birth to this one
            is_hit = (observation.hit_history >> np.uint64(back)) & np.uint64(1) == 1
            predicted = logit(self.survival_probability * expit(log_odds))
            updated = predicted + np.where(is_hit, hit_gain, miss_gain)
            log_odds = np.where(back <= observation.age - 2, updated, log_odds)
        return expit(log_odds)

    def decide(self, observation: Observation) -> Verdict:
        """Returns a verdict from the existence probability."""
        existence = self.existence(observation)
        return self.verdict(observation.age, confirm=existence >= self.upper, reject=existence <= self.lower)
