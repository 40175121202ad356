"""What "so many in a row" would have said of the same tracks, beside what the gate said of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from perdure.gate.results import GateResult


@dataclass(slots=True)
class RuleComparison:
    """Counts confirmations of the rule and of the gate on one stream; remembers live tracks only.

    Args:
        streak: detections in a row that the rule asks for.
    """

    streak: int
    num_by_rule: int = 0
    num_by_gate: int = 0
    num_by_both: int = 0
    sum_rule_age: int = 0
    sum_gate_age: int = 0
    _live: dict[int, tuple[int, int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.streak < 1:
            raise ValueError(f"compare: got {self.streak} in a row, expected at least 1")

    def add(self, result: GateResult) -> None:
        """Takes in one frame."""
        confirmed = {decision.track_id: decision.age for decision in result.decisions if decision.label == "persistent"}
        live = {}
        for track in result.tracks:
            by_rule, by_gate = self._live.get(track.track_id, (0, 0))
            was_both = bool(by_rule and by_gate)
            if not by_rule and track.longest_streak >= self.streak:
                by_rule = track.age
                self.num_by_rule += 1
            if not by_gate and track.track_id in confirmed:
                by_gate = confirmed[track.track_id]
                self.num_by_gate += 1
            if by_rule and by_gate and not was_both:
                self.num_by_both += 1
                self.sum_rule_age += by_rule
                self.sum_gate_age += by_gate
            live[track.track_id] = (by_rule, by_gate)
        self._live = live

    @property
    def text(self) -> str:
        """What the status bar says."""
        return f"{self.streak} in a row: {self.num_by_rule} so far"

    def to_dict(self) -> dict[str, Any]:
        """Returns the counts as plain values; ages are means over tracks that both confirmed."""
        both = max(self.num_by_both, 1)
        return {
            "rule": f"{self.streak} in a row",
            "num_confirmed_by_rule": self.num_by_rule,
            "num_confirmed_by_gate": self.num_by_gate,
            "num_confirmed_by_both": self.num_by_both,
            "mean_age_rule": round(self.sum_rule_age / both, 3) if self.num_by_both else None,
            "mean_age_gate": round(self.sum_gate_age / both, 3) if self.num_by_both else None,
        }
