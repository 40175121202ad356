"""All faults that the checks must catch: every metric, rule and calibration in turn."""

from __future__ import annotations

from perdure.proof.metric_mutations import METRIC_MUTATIONS
from perdure.proof.rule_mutations import RULE_MUTATIONS

MUTATIONS = (*METRIC_MUTATIONS, *RULE_MUTATIONS)
