"""The tuned hand rule against an exhaustive search, against its simpler forms, and on tracks it was not tuned on."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perdure.stopping.counting import ScoredMOfN
from perdure.stopping.hand_rule import COUNTS, GIVING_UP, confirm_cost, tune_hand_rule
from perdure.stopping.rules import StoppingRule
from perdure.stopping.sequences import TrackSequences, run_rule
from stopping.world_law import draw_tracks


@dataclass(frozen=True)
class Labelled:
    """Tracks with scores and the truth."""

    tracks: TrackSequences
    is_persistent: np.ndarray

    def judged(self, rule: StoppingRule) -> tuple[float, float, float, float]:
        """Returns false confirm, miss, cost and mean decision frame of a rule."""
        outcome = run_rule(rule, self.tracks)
        false_confirm, miss = outcome.error_rates(self.is_persistent)
        age, confirmed = outcome.age[self.is_persistent], outcome.is_persistent[self.is_persistent]
        frame = (age.mean() + outcome.age[~self.is_persistent].mean()) / 2
        return false_confirm, miss, confirm_cost(age, confirmed, horizon=rule.horizon), float(frame)


def labelled(num: int, seed: int, *, score_gain: float = 1.0, num_ages: int = 8) -> Labelled:
    """Draws tracks whose scores are N(score_gain, 1) on persistent objects, N(0, 1) elsewhere; misses end some."""
    drawn = draw_tracks(num, seed=seed, cue=0.0, num_ages=num_ages)
    rng = np.random.default_rng(seed + 1)
    score = np.where(drawn.is_hit, rng.normal(score_gain * drawn.is_persistent[:, None], 1.0, drawn.is_hit.shape), 0.0)
    run = np.zeros(num, dtype=np.int64)
    is_valid = np.ones_like(drawn.is_hit)
    for column in range(num_ages):
        run = np.where(drawn.is_hit[:, column], 0, run + 1)
        is_valid[:, column:] &= (run < 5)[:, None]
    tracks = TrackSequences(evidence=np.zeros(score.shape), is_hit=drawn.is_hit, is_valid=is_valid, score=score)
    return Labelled(tracks, drawn.is_persistent)


def run_one(rule: StoppingRule, hits: list[bool], scores: list[float]) -> tuple[int, bool, bool]:
    """Returns age, label and whether only the horizon decided."""
    row = np.array([hits])
    tracks = TrackSequences(
        evidence=np.zeros(row.shape), is_hit=row, is_valid=np.ones_like(row), score=np.array([scores], dtype=float)
    )
    outcome = run_rule(rule, tracks)
    return int(outcome.age[0]), bool(outcome.is_persistent[0]), bool(outcome.is_forced[0])


histories = st.lists(st.tuples(st.booleans(), st.floats(0, 1)), min_size=7, max_size=7).map(
    lambda tail: [(True, 0.5), *tail]
)


def test_a_score_at_the_least_score_confirms_and_giving_up_takes_its_misses() -> None:
    rule = ScoredMOfN(num_hits=2, num_frames=3, min_score=0.5, max_misses=2, horizon=8, on_timeout="transient")
    assert run_one(rule, [True, False, True] + [True] * 5, [0.25, 0.0, 0.5] + [0.75] * 5) == (3, True, False)
    assert run_one(rule, [True, True, False, False] + [True] * 4, [0.25] * 4 + [0.75] * 4) == (4, False, False)


@given(
    histories,
    st.sampled_from(COUNTS),
    st.sampled_from(("max", "mean")),
    st.floats(0, 1),
    st.sampled_from((*GIVING_UP, ("first", 2))),
)
def test_equals_a_loop_that_keeps_lists(
    history: list[tuple[bool, float]],
    counts: tuple[int, int],
    score_of: str,
    min_score: float,
    giving_up: tuple[str, int | None],
) -> None:
    (num_hits, num_frames), (window, max_misses) = counts, giving_up
    rule = ScoredMOfN(
        num_hits=num_hits, num_frames=num_frames, window=window, score_of=score_of, min_score=min_score,
        max_misses=max_misses, horizon=8, on_timeout="transient",
    )  # fmt: skip
    expected = (8, False, True)
    for age in range(1, 9):
        scores = [score for hit, score in history[:age] if hit]
        value = max(scores) if score_of == "max" else sum(scores) / len(scores)
        latest = [hit for hit, _ in history[:age]]
        if max_misses is not None and age > max_misses and not any(latest[-max_misses:]):
            expected = (age, False, False)
            break
        if window == "first" and age - sum(latest) > num_frames - num_hits:
            expected = (age, False, False)
            break
        if sum(latest[-num_frames:] if window == "latest" else latest) >= num_hits and value >= min_score:
            expected = (age, True, False)
            break
    hits, values = [hit for hit, _ in history], [score if hit else 0.0 for hit, score in history]
    assert run_one(rule, hits, values) == expected


def test_the_score_of_a_miss_does_not_count() -> None:
    rule = ScoredMOfN(num_hits=1, num_frames=8, score_of="mean", min_score=0.6, horizon=4, on_timeout="transient")
    assert run_one(rule, [True, False, True, True], [0.5, 9.0, 0.5, 0.8]) == (4, True, False)
    top = replace(rule, score_of="max")
    assert run_one(top, [True, False, True, True], [0.5, 9.0, 0.5, 0.8]) == (4, True, False)
    assert run_one(top, [True, False, True, False], [0.5, 9.0, 0.5, 0.8]) == (4, False, True)


@pytest.mark.slow
@pytest.mark.parametrize("max_miss", [None, 0.3])
@pytest.mark.parametrize("max_false_confirm", [0.02, 0.1])
def test_no_rule_on_a_fine_grid_is_better(max_false_confirm: float, max_miss: float | None) -> None:
    """Every pair (M, N), way of giving up, kind of score and any score that occurs: none beats the tuned rule."""
    data = labelled(300, seed=0)
    best = tune_hand_rule(data.tracks, data.is_persistent, max_false_confirm=max_false_confirm, max_miss=max_miss)
    assert best.false_confirm_rate <= max_false_confirm
    grid = np.unique(data.tracks.score[data.tracks.is_hit])[::150]
    for num_hits, num_frames in COUNTS:
        for score_of in ("max", "mean"):
            for window, max_misses in (("first", None), ("latest", None), ("latest", 2)):
                for min_score in (-math.inf, *grid):
                    rule = ScoredMOfN(
                        num_hits=num_hits, num_frames=num_frames, window=window, score_of=score_of,
                        min_score=min_score, max_misses=max_misses, horizon=8, on_timeout="transient",
                    )  # fmt: skip
                    false_confirm, miss, cost, frame = data.judged(rule)
                    if false_confirm <= max_false_confirm and (max_miss is None or miss <= max_miss):
                        assert (best.cost if max_miss is None else best.mean_decision_frame) <= (
                            cost if max_miss is None else frame
                        ), rule


def test_says_what_the_rule_really_does() -> None:
    data = labelled(400, seed=3)
    best = tune_hand_rule(data.tracks, data.is_persistent, max_false_confirm=0.05)
    said = (best.false_confirm_rate, best.miss_rate, best.cost, best.mean_decision_frame)
    assert said == pytest.approx(data.judged(best.rule), abs=1e-12)


def test_a_score_that_tells_helps_on_tracks_it_was_not_tuned_on() -> None:
    """On 20,000 new tracks the rule with score costs less than each plain M of N that confirms as rarely falsely."""
    tuned_on, new = labelled(4000, seed=5, score_gain=2.0), labelled(20_000, seed=6, score_gain=2.0)
    best = tune_hand_rule(tuned_on.tracks, tuned_on.is_persistent, max_false_confirm=0.03)
    false_confirm, _, cost, _ = new.judged(best.rule)
    assert false_confirm < 0.03 + 4 * (0.03 * 0.97 / 2000) ** 0.5, "four standard errors of 2,000 transients"
    plain = [
        ScoredMOfN(window="first", num_hits=hits, num_frames=frames, horizon=8, on_timeout="transient")
        for hits, frames in COUNTS
    ]
    costs = [new.judged(rule)[2] for rule in plain if new.judged(rule)[0] <= max(false_confirm, 0.03)]
    assert costs and cost < min(costs) - 1.0


def test_without_scores_it_is_the_best_plain_counting_rule() -> None:
    data = labelled(2000, seed=7)
    blind = TrackSequences(evidence=data.tracks.evidence, is_hit=data.tracks.is_hit, is_valid=data.tracks.is_valid)
    best = tune_hand_rule(blind, data.is_persistent, max_false_confirm=0.1, max_miss=0.2)
    assert best.rule.min_score == -math.inf
    plain = [
        ScoredMOfN(window="first", num_hits=hits, num_frames=frames, horizon=8, on_timeout="transient")
        for hits, frames in COUNTS
    ]
    judged = [Labelled(blind, data.is_persistent).judged(rule) for rule in plain]
    frames = [frame for false_confirm, miss, _, frame in judged if false_confirm <= 0.1 and miss <= 0.2]
    assert frames and best.mean_decision_frame <= min(frames)


def test_what_the_horizon_confirms_counts_as_false() -> None:
    data = labelled(400, seed=9)
    best = tune_hand_rule(data.tracks, data.is_persistent, max_false_confirm=0.3, on_timeout="persistent")
    assert data.judged(best.rule)[0] <= 0.3
    with pytest.raises(
        ValueError, match=r"got no rule of hits and score that keeps max_false_confirm 0 and max_miss 0"
    ):
        tune_hand_rule(data.tracks, data.is_persistent, max_false_confirm=0.0, max_miss=0.0, on_timeout="persistent")


def test_what_cannot_be_tuned_on_is_refused() -> None:
    data = labelled(50, seed=11)
    with pytest.raises(ValueError, match="got no transient track, need some of each class"):
        tune_hand_rule(data.tracks, np.ones(50, dtype=bool), max_false_confirm=0.1)
    with pytest.raises(ValueError, match=r"got tracks of 8 ages, expected at least the horizon \(9\)"):
        tune_hand_rule(data.tracks, data.is_persistent, max_false_confirm=0.1, horizon=9)
    with pytest.raises(ValueError, match=r"max_miss: got 1\.5, expected 0 to 1"):
        tune_hand_rule(data.tracks, data.is_persistent, max_false_confirm=0.1, max_miss=1.5)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"num_hits": 4, "num_frames": 3}, "num_hits and num_frames: got 4 of 3"),
        ({"window": "all"}, "window: got 'all', expected latest or first"),
        ({"score_of": "median"}, "score_of: got 'median', expected max or mean"),
        ({"min_score": math.nan}, "min_score: got nan"),
        ({"max_misses": 0}, "max_misses: got 0, expected 1 to 63, or None"),
    ],
)
def test_settings_are_checked(settings: dict[str, object], message: str, as_user: None) -> None:
    with pytest.raises(ValueError, match=message):
        ScoredMOfN(**settings)  # type: ignore[arg-type]
