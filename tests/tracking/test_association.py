"""Which detection belongs to which track, on tables small enough to check by eye."""

from __future__ import annotations

from itertools import permutations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment

from perdure.geometry import iou_matrix
from perdure.tracking.association import NO_DETECTION, best_row_of_owner, match_by_overlap, match_by_owner
from perdure.types import NO_OWNER


def row_of_boxes(*left: float) -> np.ndarray:
    """Returns boxes of 10 px on one line."""
    return np.array([[x, 0, x + 10, 10] for x in left], dtype=float).reshape(-1, 4)


def test_summed_overlap_is_what_counts() -> None:
    """The nearest detection of track 0 belongs to track 1, which has no other."""
    tracks, detections = row_of_boxes(0, 4), row_of_boxes(3, -3)
    assert match_by_overlap(tracks, detections, min_iou=0.1).tolist() == [1, 0]


def test_pairs_below_the_least_overlap_stay_apart() -> None:
    tracks, detections = row_of_boxes(0), row_of_boxes(5)
    overlap = 5 / 15
    assert match_by_overlap(tracks, detections, min_iou=overlap - 1e-9).tolist() == [0]
    assert match_by_overlap(tracks, detections, min_iou=overlap + 1e-9).tolist() == [NO_DETECTION]


def test_nothing_matches_nothing() -> None:
    assert match_by_overlap(row_of_boxes(0, 20), row_of_boxes(), min_iou=0.3).tolist() == [NO_DETECTION] * 2
    assert match_by_overlap(row_of_boxes(), row_of_boxes(0), min_iou=0.3).tolist() == []


lefts = st.lists(st.integers(0, 30), max_size=4)


@given(lefts, lefts)
def test_no_assignment_is_better_than_the_one_found(track_left: list[int], detection_left: list[int]) -> None:
    tracks, detections = row_of_boxes(*track_left), row_of_boxes(*detection_left)
    overlap = iou_matrix(tracks, detections)
    gain = np.where(overlap >= 0.3, overlap, 0.0)
    matched = match_by_overlap(tracks, detections, min_iou=0.3)
    hit = matched != NO_DETECTION
    assert len(set(matched[hit])) == hit.sum(), "a detection was given away twice"
    padded = np.concatenate([gain, np.zeros((len(tracks), len(tracks)))], axis=1)
    rows = np.arange(len(tracks))
    best = max(padded[rows, list(choice)].sum() for choice in permutations(range(padded.shape[1]), len(tracks)))
    assert gain[rows[hit], matched[hit]].sum() >= best - 1e-9


def test_owner_decides_and_the_better_score_goes_first() -> None:
    owner, score = np.array([7, 3, 7, NO_OWNER]), np.array([0.2, 0.9, 0.8, 1.0])
    assert match_by_owner(np.array([3, 7, 5]), owner, score).tolist() == [1, 2, NO_DETECTION]


def test_of_equally_good_detections_the_first_is_taken() -> None:
    assert best_row_of_owner(np.array([7, 7, 7]), np.array([0.2, 0.5, 0.5])) == {7: 1}


def test_detections_on_nothing_have_no_owner() -> None:
    assert best_row_of_owner(np.array([NO_OWNER, 2]), np.array([1.0, 0.1])) == {2: 1}


def test_equal_sums_are_settled_as_in_a_table_of_all_boxes() -> None:
    """Boxes in whole pixels overlap alike by the dozen; which pair was taken hung on how the work was divided."""
    rng, num_ties = np.random.default_rng(0), 0
    for _ in range(300):
        tracks, found = (
            np.concatenate([corner := rng.integers(0, 24, (num, 2)) * 2.0, corner + 8], axis=1) for num in (14, 16)
        )
        overlap = iou_matrix(tracks, found)
        gain = np.where(overlap >= 0.1, overlap, 0.0)
        row, column = linear_sum_assignment(gain, maximize=True)
        wanted = np.full(14, NO_DETECTION)
        kept = gain[row, column] > 0
        wanted[row[kept]] = column[kept]
        assert match_by_overlap(tracks, found, min_iou=0.1).tolist() == wanted.tolist()
        num_ties += len(np.unique(gain[gain > 0])) < np.count_nonzero(gain)
    assert num_ties > 200
