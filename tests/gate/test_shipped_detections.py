"""The weights for detections alone that come with the package: light to load, sensible, on any scale of scores."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from perdure.gate.gate import PersistenceGate
from perdure.gate.load import load_gate, load_model
from perdure.gate.results import GateResult
from perdure.types import Detections

SIZE = (640, 480)


def scene(num_frames: int, *, seed: int = 0) -> list[Detections]:
    """Returns a walker with high scores, and every frame two boxes with low scores at places of their own."""
    rng, frames = np.random.default_rng(seed), []
    for index in range(num_frames):
        x = 100.0 + 2 * index
        corner = rng.uniform(0, 400, (2, 2))
        boxes = np.vstack([[x, 200, x + 30, 280], np.hstack([corner, corner + np.array([25, 60])])])
        score = np.array([rng.normal(0.9, 0.02), *rng.normal(0.3, 0.1, 2)])
        frames.append(Detections(xyxy_px=boxes, score=score))
    return frames


def play(gate: PersistenceGate, frames: list[Detections]) -> list[GateResult]:
    return [gate.update(None, found) for found in frames]


def test_what_walks_is_confirmed_and_what_flickers_is_not() -> None:
    results = play(load_gate("detections", image_size=SIZE), scene(30))
    decisions = [one for result in results for one in result.decisions]
    confirmed = [one for one in decisions if one.label == "persistent"]
    assert [one.track_id for one in confirmed] == [0]
    assert confirmed[0].age <= 8
    assert sum(one.label == "transient" for one in decisions) > 20


def test_another_scale_of_scores_changes_nothing() -> None:
    plain = scene(20)
    larger = [Detections(xyxy_px=found.xyxy_px, score=32 * found.score) for found in plain]  # exact in floating point
    one, other = (play(load_gate("detections", image_size=SIZE), frames) for frames in (plain, larger))
    for left, right in zip(one, other, strict=True):
        assert left.decisions == right.decisions
        assert [view.evidence for view in left.tracks] == [view.evidence for view in right.tracks]


def test_known_scores_tell_on_the_first_frame_what_is_high() -> None:
    known = np.concatenate([found.score for found in scene(100, seed=1)])
    weak, strong = (
        play(load_gate("detections", image_size=SIZE, known_scores=known), [_alone(score)])[0].tracks[0].evidence
        for score in (0.3, 0.92)
    )
    assert strong > weak + 0.5
    cold = [play(load_gate("detections", image_size=SIZE), [_alone(score)])[0].tracks[0] for score in (0.3, 0.92)]
    assert cold[0].evidence == cold[1].evidence


def _alone(score: float) -> Detections:
    return Detections(xyxy_px=np.array([[100.0, 200, 130, 280]]), score=np.array([score]))


def test_a_stored_stream_goes_on_with_the_scores_that_it_knew(tmp_path_factory: pytest.TempPathFactory) -> None:
    known, frames = np.linspace(0.1, 0.95, 300), scene(24)
    path = tmp_path_factory.mktemp("state") / "state.safetensors"
    gate = load_gate("detections", image_size=SIZE, known_scores=known)
    play(gate, frames[:12])
    gate.save_state(path)
    again = load_gate("detections", image_size=SIZE, known_scores=known)
    again.load_state(path)
    assert play(again, frames[12:]) == play(gate, frames[12:])


@pytest.mark.parametrize("scores", [np.zeros(0), np.array([np.inf, np.nan])])
def test_scores_that_say_nothing_are_refused(scores: np.ndarray) -> None:
    with pytest.raises(ValueError, match=r"known scores: got \d scores, none of them finite, expected some"):
        load_gate("detections", known_scores=scores)


def test_weights_that_do_not_rank_scores_take_none() -> None:
    with pytest.raises(ValueError, match="known_scores: these weights do not rank scores"):
        load_gate("pixels", known_scores=np.array([0.5, 0.6]))


def test_they_are_loaded_without_torch() -> None:
    statement = (
        "import sys, numpy as np, perdure\n"
        "gate = perdure.load('detections', image_size=(640, 480))\n"
        "box = perdure.Detections(xyxy_px=np.array([[10.0, 10, 40, 90]]), score=np.array([0.9]))\n"
        "gate.update(None, box)\n"
        "print(sorted({'torch', 'cv2', 'sklearn', 'matplotlib', 'av'} & set(sys.modules)))"
    )
    result = subprocess.run([sys.executable, "-c", statement], capture_output=True, text=True, check=False)
    assert (result.returncode, result.stdout.strip()) == (0, "[]"), result.stderr


def test_they_know_no_place_no_size_and_no_scale() -> None:
    inputs = load_model("detections").evidence.inputs  # type: ignore[attr-defined]
    for name in ("centre_x", "log_width", "score_last", "raw score_last"):
        assert name not in inputs
    assert "rank_last" in inputs
