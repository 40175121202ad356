"""The audit passes a world without leaks, names what leaks, and reads the strength of a rendered cue."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import norm

from perdure.data.config import DataConfig
from perdure.data.generate import generate_dataset
from perdure.evaluation.audit import (
    TOLERANCE,
    AuditReport,
    GroupAudit,
    area_and_variance,
    audit_clips,
    audit_dataset,
    audit_world,
)
from perdure.evaluation.birth_classifier import held_out_scores
from perdure.metrics.calibration_error import area_under_curve
from perdure.types import Clip, ClipTruth
from perdure.world.config import WorldConfig
from perdure.world.generate import generate_clip

GROUPS = ("crop", "colour", "brightness", "size", "position", "birth_frame", "companions", "score")
SMALL = WorldConfig(num_frames=8, horizon=4, frame_width_px=48, frame_height_px=48, max_objects=2, cue_strength=0.0)
NUM_CLIPS = 400
CHANCE = 0.12
"""With so many clips an area strays from chance by less than this: four standard errors."""

Leak = Callable[[Clip, ClipTruth], Clip]


@pytest.fixture(scope="module")
def clips() -> list[Clip]:
    return [generate_clip(SMALL, seed=2, index=index, clip_id=f"clip-{index}") for index in range(NUM_CLIPS)]


def area(report: AuditReport, name: str) -> float:
    return next(group.auc for group in report.groups if group.name == name)


def of_persistent(clip: Clip, truth: ClipTruth, change: Callable[[int, int, np.ndarray], None]) -> None:
    """Calls `change(frame, row, box)` for the detections of persistent objects."""
    for t, owner in enumerate(truth.detection_owner):
        for row, k in enumerate(owner.tolist()):
            if truth.is_persistent[k]:
                change(t, row, truth.xyxy_px[k, t])


def leak_colour(clip: Clip, truth: ClipTruth) -> Clip:
    """Persistent objects and what is around them are a little redder."""
    frames = clip.frames.astype(int)

    def redden(t: int, row: int, box: np.ndarray) -> None:
        x_min, y_min, x_max, y_max = np.clip(box.round().astype(int), 0, 48)
        frames[t, y_min:y_max, x_min:x_max, 0] += 45

    of_persistent(clip, truth, redden)
    return replace(clip, frames=np.clip(frames, 0, 255).astype(np.uint8))


def leak_size(clip: Clip, truth: ClipTruth) -> Clip:
    """Boxes of persistent objects are a tenth larger."""
    boxes = [found.xyxy_px.copy() for found in clip.detections]

    def grow(t: int, row: int, box: np.ndarray) -> None:
        boxes[t][row] += 0.05 * (box[2] - box[0]) * np.array([-1, -1, 1, 1])

    of_persistent(clip, truth, grow)
    found = tuple(replace(frame, xyxy_px=box) for frame, box in zip(clip.detections, boxes, strict=True))
    return replace(clip, detections=found)


def leak_score(clip: Clip, truth: ClipTruth) -> Clip:
    """The detector is a little surer of persistent objects."""
    scores = [found.score.copy() for found in clip.detections]

    def raise_score(t: int, row: int, box: np.ndarray) -> None:
        scores[t][row] += 0.1

    of_persistent(clip, truth, raise_score)
    found = tuple(replace(frame, score=score) for frame, score in zip(clip.detections, scores, strict=True))
    return replace(clip, detections=found)


def with_label(clip: Clip, truth: ClipTruth, probability: np.ndarray) -> Clip:
    """Draws the labels of a clip anew."""
    rng = np.random.default_rng(int(clip.clip_id.removeprefix("clip-")))
    return replace(clip, truth=replace(truth, is_persistent=rng.random(truth.num_objects) < probability))


def leak_birth_time(clip: Clip, truth: ClipTruth) -> Clip:
    """Objects born in the middle of their time are more often persistent: no straight line finds that."""
    in_the_middle = (truth.birth_frame >= 1) & (truth.birth_frame <= 2)
    return with_label(clip, truth, np.where(in_the_middle, 0.75, 0.25))


def leak_companions(clip: Clip, truth: ClipTruth) -> Clip:
    """Objects that are not alone when they are born are nearly always transient, as with glints."""
    has_company = (truth.birth_frame[:, None] >= truth.birth_frame).sum(axis=1) > 1
    return with_label(clip, truth, np.where(has_company, 0.05, 0.6))


def leak_position(clip: Clip, truth: ClipTruth) -> Clip:
    """Objects near the middle of the image are more often persistent."""
    birth = truth.xyxy_px[np.arange(truth.num_objects), truth.birth_frame]
    from_middle = np.hypot(*((birth[:, :2] + birth[:, 2:]) / 2 - 24).T)
    return with_label(clip, truth, np.where(from_middle < 13, 0.8, 0.2))


def leak_brightness(clip: Clip, truth: ClipTruth) -> Clip:
    """In bright scenes more objects are persistent."""
    is_bright = clip.frames[0].mean() > 112
    return with_label(clip, truth, np.full(truth.num_objects, 0.75 if is_bright else 0.25))


def test_all_groups_are_near_chance_where_nothing_leaks(clips: list[Clip]) -> None:
    report = audit_clips(clips)
    assert tuple(group.name for group in report.groups) == GROUPS
    assert report.num_persistent + report.num_transient == NUM_CLIPS
    for group in report.groups:
        assert abs(group.auc - 0.5) < CHANCE, group


@pytest.mark.parametrize(
    ("leak", "name", "innocent"),
    [
        (leak_colour, "colour", ("size", "position", "birth_frame", "companions", "score")),
        (leak_size, "size", ("position", "birth_frame", "companions", "score")),
        (leak_score, "score", ("crop", "colour", "brightness", "size", "position", "birth_frame", "companions")),
        (leak_birth_time, "birth_frame", ("crop", "colour", "brightness", "size", "score")),
        (leak_companions, "companions", ("crop", "colour", "brightness", "size", "score")),
        (leak_position, "position", ("birth_frame", "companions", "score")),
        (leak_brightness, "brightness", ("size", "position", "birth_frame", "companions", "score")),
    ],
)
def test_a_leak_is_named(clips: list[Clip], leak: Leak, name: str, innocent: tuple[str, ...]) -> None:
    leaking = [leak(clip, clip.truth) for clip in clips if clip.truth is not None]
    report = audit_clips(leaking)
    assert not report.passed
    assert name in report.leaks
    assert area(report, name) > 0.5 + 2 * TOLERANCE
    assert f"FAIL  {name}" in report.text()
    for other in innocent:
        assert abs(area(report, other) - 0.5) < CHANCE, f"{other} accused of a leak of {name}"


def test_a_leak_anywhere_in_the_crop_is_found(clips: list[Clip]) -> None:
    report = audit_clips(leak_colour(clip, clip.truth) for clip in clips if clip.truth is not None)
    assert "crop" in report.leaks


@pytest.mark.parametrize("strength", [pytest.param(1.0, marks=pytest.mark.slow), 2.0])
def test_rendered_cue_tells_at_birth_what_its_strength_says_and_nothing_else_does(strength: float) -> None:
    world = replace(SMALL, cue_strength=strength)
    made = [generate_clip(world, seed=6, index=index, clip_id=f"clip-{index}") for index in range(NUM_CLIPS)]
    report = audit_clips(made, world=world)
    cue = report.groups[0]
    assert cue.name == "cue"
    assert cue.expected == pytest.approx(norm.cdf(strength / math.sqrt(2)))
    assert abs(cue.auc - cue.expected) < 0.06
    for group in report.groups[1:]:
        assert abs(group.auc - 0.5) < CHANCE, f"{group.name} sees the cue although its disc is painted over"
    # Not told that there is a cue, the audit finds it in the pixels.
    assert "crop" in audit_clips(made).leaks


def test_data_set_is_audited_with_its_own_world(tmp_path_factory: pytest.TempPathFactory) -> None:
    world = replace(SMALL, cue_strength=1.0)
    config = DataConfig(world=world, num_train=90, num_validation=10, num_calibration=60, num_test=20)
    dataset = generate_dataset(config, tmp_path_factory.mktemp("audit") / "set", seed=1, num_workers=1)
    report = audit_dataset(dataset)
    assert report.num_persistent + report.num_transient == 180
    assert tuple(group.name for group in report.groups) == ("cue", *GROUPS)
    assert abs(area(report, "cue") - 0.76) < 0.13


@pytest.mark.slow
def test_full_audit_passes_for_any_number_of_workers() -> None:
    report = audit_world(replace(SMALL, cue_strength=1.0), seed=0, num_workers=2)
    assert (report.num_persistent, report.num_transient) == (2000, 2000)
    assert report.passed, report.text()
    assert "no leak found" in report.text()


@pytest.mark.slow
def test_result_does_not_depend_on_the_number_of_workers() -> None:
    reports = [audit_world(SMALL, num_per_class=60, seed=1, num_workers=number) for number in (1, 3)]
    assert reports[0] == reports[1]
    assert reports[0].num_persistent == reports[0].num_transient == 60


def test_areas_agree_with_an_independent_count_and_their_spread() -> None:
    rng = np.random.default_rng(0)
    is_positive = np.arange(300) < 120
    areas, deviations = [], []
    for _ in range(400):
        score = np.round(rng.standard_normal(300) + 0.7 * is_positive, 1)  # rounded: ties
        value, variance = area_and_variance(score, is_positive)
        assert value == pytest.approx(area_under_curve(score, is_positive))
        areas.append(value)
        deviations.append(math.sqrt(variance))
    assert np.mean(deviations) == pytest.approx(np.std(areas), rel=0.15)


def test_no_track_is_judged_by_a_classifier_that_learned_from_it() -> None:
    """Pure noise with more features than tracks would be learned by heart."""
    rng = np.random.default_rng(1)
    is_positive = np.arange(200) % 2 == 0
    folds = held_out_scores(rng.standard_normal((200, 50)), is_positive, seed=0)
    areas = [area_and_variance(score, is_positive[rows])[0] for rows, score in folds]
    assert abs(np.mean(areas) - 0.5) < 0.15
    for first, second in zip(folds[::2], folds[1::2], strict=True):
        assert sorted([*first[0], *second[0]]) == list(range(200))


def test_only_what_is_outside_the_tolerance_is_a_leak() -> None:
    groups = tuple(GroupAudit(name=str(auc), auc=auc, interval=(0.0, 1.0)) for auc in (0.469, 0.471, 0.529, 0.531))
    report = AuditReport(num_persistent=1, num_transient=1, groups=groups)
    assert report.leaks == ("0.469", "0.531")
    assert "LEAK: the label can be told at birth from 0.469, 0.531" in report.text()


def test_too_few_tracks_and_a_single_class_are_errors(clips: list[Clip]) -> None:
    with pytest.raises(ValueError, match="need at least 50 of each; use more clips"):
        audit_clips(clips[:60])
    with pytest.raises(ValueError, match=r"persistent_share: got 1\.0, expected above 0 and below 1"):
        audit_world(replace(SMALL, persistent_share=1.0), num_per_class=60, seed=0)
    with pytest.raises(ValueError, match="clip-3: got no ground truth"):
        audit_clips([*clips[:3], replace(clips[3], truth=None)])


def test_an_object_without_detection_at_birth_is_an_error(clips: list[Clip]) -> None:
    clip = clips[0]
    assert clip.truth is not None
    nobody = tuple(np.full(len(owner), -1) for owner in clip.truth.detection_owner)
    with pytest.raises(ValueError, match=r"object 0 has no detection on frame \d, where it is born"):
        audit_clips(
            [replace(clip, truth=replace(clip.truth, detection_owner=nobody, is_persistent=clip.truth.is_persistent))]
        )
