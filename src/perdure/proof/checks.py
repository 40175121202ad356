"""All checks of the evaluation: `python -m unittest -v perdure.proof.checks` runs them, on any machine.

They need what perdure needs to run and no tool of development, so they also run from an installed wheel. What they
compare with is worked out by hand or counted in plain loops, and shares no code with what is checked.
"""

from __future__ import annotations

from perdure.proof.calibration_checks import CalibrationChecks, FrontierChecks
from perdure.proof.decision_checks import DecisionChecks, IntervalChecks
from perdure.proof.figure_checks import (
    AttentionChecks,
    CalibrationErrorChecks,
    ImageChecks,
    RankingChecks,
)
from perdure.proof.rule_checks import CountingRuleChecks, EvidenceRuleChecks, ScoringRuleChecks
from perdure.proof.sequence_checks import RunRuleChecks, SweepChecks, TargetChecks

__all__ = [
    "AttentionChecks",
    "CalibrationChecks",
    "CalibrationErrorChecks",
    "CountingRuleChecks",
    "DecisionChecks",
    "EvidenceRuleChecks",
    "FrontierChecks",
    "ImageChecks",
    "IntervalChecks",
    "RankingChecks",
    "RunRuleChecks",
    "ScoringRuleChecks",
    "SweepChecks",
    "TargetChecks",
]
