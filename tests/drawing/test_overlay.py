"""Drawing: the right marks at the right places, at any size, and no memory of what is gone."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest

from perdure.drawing.labels import draw_evidence, free_plate
from perdure.drawing.lettering import draw_text, text_mask, text_size
from perdure.drawing.marks import (
    DARK,
    MUTED,
    PALE,
    PERSISTENT,
    TENTATIVE,
    TRANSIENT,
    Rectangle,
    corner_box,
    crossed_box,
    dashed_box,
    fill,
    solid_box,
    sparkline,
    trail,
)  # fmt: skip
from perdure.drawing.overlay import Overlay, OverlayConfig
from perdure.drawing.status_bar import StatusBar
from perdure.drawing.totals import StreamTotals
from perdure.types import Decision

GREY = 100


@dataclass(frozen=True, kw_only=True)
class View:
    track_id: int = 0
    xyxy_px: tuple[float, float, float, float] = (300.0, 200.0, 340.0, 280.0)
    age: int = 3
    is_hit: bool = True
    status: str = "tentative"
    evidence: float = 0.4
    probability: float = 0.6
    longest_streak: int = 1


TOTALS = StreamTotals(
    frame_index=7, time_s=0.7, num_live=4, num_encoded=1, num_tentative=1, num_persistent_now=2, num_persistent=3,
    num_transient=5, savings=0.625,
)  # fmt: skip


def frame_of(width: int = 700, height: int = 500) -> np.ndarray:
    return np.full((height, width, 3), GREY, np.uint8)


def count(image: np.ndarray, colour: tuple[int, int, int]) -> int:
    return int((image == np.array(colour, np.uint8)).all(axis=2).sum())


def draw(overlay: Overlay, *views: View, decisions: tuple[Decision, ...] = ()) -> np.ndarray:
    """Returns the picture without the status bar."""
    return overlay.draw(frame_of(), tracks=views, decisions=decisions, totals=TOTALS)[:500]


def deleted(track_id: int) -> Decision:
    return Decision(
        track_id=track_id, label="transient", evidence=-1.0, probability=0.2, age=6, frame_index=7, time_s=0.7,
        reason="deleted",
    )  # fmt: skip


def test_marks_lie_around_the_object_and_do_not_cover_it() -> None:
    for status in ("tentative", "persistent"):
        picture = draw(Overlay(), View(status=status))
        changed = np.argwhere((picture != GREY).any(axis=2))
        assert (picture[200:280, 300:340] == GREY).all(), status
        assert changed[:, 1].min() >= 285 and changed[:, 0].max() <= 290
        assert changed[:, 0].min() >= 160 and changed[:, 1].max() <= 420  # the label stands above
        assert len(changed) > 300


def test_the_three_kinds_differ_in_colour_and_in_amount_of_line() -> None:
    tentative, persistent = draw(Overlay(), View()), draw(Overlay(), View(status="persistent"))
    overlay = Overlay()
    draw(overlay, View())
    transient = draw(overlay, View(status="transient"))
    amounts = [
        [count(picture, colour) for colour in (TENTATIVE, PERSISTENT, TRANSIENT)]
        for picture in (tentative, persistent, transient)
    ]
    for row, amount in enumerate(amounts):
        assert amount[row] > 50 and amount[row] > sum(amount) - amount[row]
    # Thick and unbroken against thin and dashed: told apart without colour too.
    assert amounts[1][1] > 2.5 * amounts[0][0]


def test_a_missed_tentative_track_has_fewer_dashes() -> None:
    hit, missed = (draw(Overlay(), View(is_hit=is_hit))[190:290] for is_hit in (True, False))
    assert 0 < count(missed, TENTATIVE) < 0.7 * count(hit, TENTATIVE)


def test_a_rejected_track_fades_away_and_is_then_forgotten() -> None:
    overlay = Overlay(OverlayConfig(fade_frames=4))
    draw(overlay, View())
    strength = []
    for _ in range(6):
        picture = draw(overlay, View(status="transient"))
        strength.append(int(np.abs(picture.astype(int) - GREY).sum()))
    assert strength[0] > strength[1] > strength[2] > strength[3] > 0
    assert strength[4:] == [0, 0]


def test_a_track_deleted_undecided_fades_where_it_was() -> None:
    overlay = Overlay(OverlayConfig(fade_frames=3))
    draw(overlay, View(track_id=4))
    strength = [int((draw(overlay, decisions=(deleted(4),)) != GREY).sum())]
    strength += [int((draw(overlay) != GREY).sum()) for _ in range(3)]
    assert strength[0] > 0 and strength[1] > 0 and strength[-1] == 0
    assert int((draw(Overlay(), decisions=(deleted(9),)) != GREY).sum()) == 0  # never seen: nowhere to draw


def test_a_fresh_confirmation_has_a_pale_rim_and_a_missed_one_corners_only() -> None:
    overlay = Overlay(OverlayConfig(flash_frames=2))
    draw(overlay, View())
    fresh = draw(overlay, View(status="persistent"))
    draw(overlay, View(status="persistent"))
    old = draw(overlay, View(status="persistent"))
    missed = draw(overlay, View(status="persistent", is_hit=False))
    assert count(fresh, PALE) > 200 and count(old, PALE) == 0
    label = count(missed, PERSISTENT) - count(missed[190:], PERSISTENT)
    assert count(missed, PERSISTENT) - label < 0.6 * (count(old, PERSISTENT) - label)


@pytest.mark.parametrize(
    ("size", "drawn_width"),
    [((320, 256), 640), ((96, 96), 672), ((700, 500), 700), ((2880, 1000), 1920), ((7, 5), 644)],
)
def test_small_pictures_are_enlarged_and_large_ones_shrunk(size: tuple[int, int], drawn_width: int) -> None:
    overlay = Overlay()
    canvas = overlay.draw(frame_of(*size), tracks=(), decisions=(), totals=TOTALS)
    assert canvas.shape[1] == drawn_width
    picture_height = round(size[1] * drawn_width / size[0])
    assert canvas.shape[0] > picture_height
    assert (canvas[:picture_height] == GREY).all()


def test_a_speck_gets_a_box_that_leaves_it_visible() -> None:
    overlay = Overlay()
    view = View(xyxy_px=(100.0, 100.0, 103.0, 103.0), status="persistent")
    picture = overlay.draw(frame_of(320, 256), tracks=(view,), decisions=(), totals=TOTALS)
    assert (picture[198:208, 198:208] == GREY).all()
    assert count(picture[180:226, 180:226], PERSISTENT) > 60


def test_labels_do_not_cover_each_other_and_persistent_ones_come_first() -> None:
    """Five tracks in one place: all their labels cannot stand there."""
    views = tuple(View(track_id=index, status="persistent" if index == 4 else "tentative") for index in range(5))
    overlay = Overlay()
    plates: list[tuple[Rectangle, bool]] = []
    overlay._draw_plate = lambda _, plate, __, *, is_persistent: plates.append((plate, is_persistent))  # type: ignore
    sparks: list[Rectangle] = []
    overlay._draw_spark = lambda _, plate, __: sparks.append(plate)  # type: ignore
    draw(overlay, *views)
    assert plates[0][1] and 2 <= len(plates) <= 4
    for index, (plate, _) in enumerate(plates):
        assert plate.inside(700, 500)
        assert not any(plate.overlaps(other) for other, _ in plates[:index])
        assert not any(plate.overlaps(other) for other in sparks)
    assert 0 < len(sparks) <= len(plates)


@pytest.mark.parametrize("status", ["tentative", "persistent", "transient"])
@pytest.mark.parametrize(
    "box", [(-50.0, -40.0, 20.0, 10.0), (690.0, 480.0, 800.0, 700.0), (-90.0, -90.0, -80.0, -80.0),
            (-10.0, -10.0, 900.0, 900.0), (900.0, 100.0, 950.0, 130.0)]
)  # fmt: skip
def test_boxes_beyond_the_edge_are_cut_off(status: str, box: tuple[float, float, float, float]) -> None:
    for is_hit in (True, False):
        overlay = Overlay()
        draw(overlay, View(xyxy_px=box))
        for _ in range(3):
            picture = draw(overlay, View(xyxy_px=box, status=status, is_hit=is_hit))
        assert picture.shape == (500, 700, 3)


def test_memory_is_that_of_live_and_fading_tracks() -> None:
    overlay = Overlay()
    for index in range(300):
        decisions = (deleted(index - 1),) if index else ()
        draw(overlay, View(track_id=index), decisions=decisions)
    assert len(overlay._seen) == 1 and len(overlay._ghosts) <= overlay.config.fade_frames
    for _ in range(100):
        draw(overlay, View(track_id=7))
    (seen,) = overlay._seen.values()
    assert (len(seen.way), len(seen.evidence)) == (overlay.config.trail_frames, overlay.config.spark_frames)


def sparks_of(overlay: Overlay, *views: View, decisions: tuple[Decision, ...] = ()) -> list[list[float]]:
    """Returns the evidence of every sparkline that a frame shows."""
    shown: list[list[float]] = []
    overlay._draw_spark = lambda _, __, seen, *, opacity=1.0: shown.append(list(seen.evidence))  # type: ignore
    draw(overlay, *views, decisions=decisions)
    return shown


@pytest.mark.parametrize("label", ["persistent", "transient"])
def test_evidence_is_shown_up_to_the_decision_and_for_a_moment_after_it(label: str) -> None:
    overlay = Overlay(OverlayConfig(spark_frames=3))
    shown = [sparks_of(overlay, View(evidence=value)) for value in (0.5, 1.0, 1.5, 2.0)]
    assert shown == [[[0.5]], [[0.5, 1.0]], [[0.5, 1.0, 1.5]], [[1.0, 1.5, 2.0]]]
    shown = [sparks_of(overlay, View(status=label, evidence=3.0)) for _ in range(5)]
    assert shown == [[[1.5, 2.0, 3.0]]] * 3 + [[]] * 2


def test_a_reopened_track_shows_its_new_evidence_alone() -> None:
    overlay = Overlay()
    for view in (View(evidence=-1.0), View(evidence=-3.0, status="transient"), View(evidence=0.25)):
        shown = sparks_of(overlay, view)
    assert shown == [[0.25]]


def test_a_track_deleted_undecided_keeps_its_sparkline_while_it_fades() -> None:
    overlay = Overlay()
    draw(overlay, View(track_id=4, evidence=0.5))
    draw(overlay, View(track_id=4, evidence=-0.5))
    assert sparks_of(overlay, decisions=(deleted(4),)) == [[0.5, -0.5]]
    assert [sparks_of(overlay) for _ in range(9)] == [[[0.5, -0.5]]] * 7 + [[]] * 2


def test_a_track_decided_on_its_first_frame_and_settings_without_sparklines_show_none() -> None:
    for status in ("persistent", "transient"):
        assert sparks_of(Overlay(), View(status=status)) == []
    overlay = Overlay(OverlayConfig(spark_frames=0))
    assert [sparks_of(overlay, View()) for _ in range(3)] == [[]] * 3


def test_bars_stand_on_their_side_of_the_zero_line_and_grow_with_the_evidence() -> None:
    image = frame_of(60, 30)
    sparkline(image, Rectangle(10, 4, 49, 24), [1.0, -1.0, 2.0, 99.0, 0.0], num_slots=8)
    rows = {x: (count(image[:14, x : x + 1], PERSISTENT), count(image[15:, x : x + 1], TRANSIENT)) for x in range(60)}
    assert [rows[x] for x in (10, 15, 20, 25, 30)] == [(3, 0), (0, 3), (6, 0), (10, 0), (1, 0)]
    assert (image[14, 10:50] == MUTED).all() and (image[14, :10] == GREY).all() and (image[14, 50:] == GREY).all()
    changed = np.argwhere((image != GREY).any(axis=2))
    assert changed.min(axis=0).tolist() == [4, 10] and changed[:, 1].max() == 49
    assert rows[14] == rows[35] == (0, 0)  # gaps between bars, and slots that no frame has filled yet


def test_a_label_at_the_edge_moves_in_and_where_it_is_crowded_the_sparkline_is_left_out() -> None:
    box = Rectangle(680, 200, 699, 260)
    plate = free_plate((100, 20), box, [], (700, 500))
    assert plate == Rectangle(600, 177, 699, 196)
    assert free_plate((100, 20), Rectangle(900, 200, 920, 260), [], (700, 500)) is None
    assert free_plate((100, 20), box, [Rectangle(0, 0, 699, 499)], (700, 500)) is None
    image = frame_of()
    draw_evidence(image, Rectangle(-90, -90, -50, -70), [1.0], num_slots=8)
    assert (image == GREY).all()
    overlay = Overlay()
    whole = View(xyxy_px=(5.0, 5.0, 690.0, 490.0))
    plates: list[Rectangle] = []
    overlay._draw_plate = lambda _, plate, __, *, is_persistent: plates.append(plate)  # type: ignore
    assert (sparks_of(overlay, whole), plates) == ([], [])
    assert sparks_of(overlay, replace(whole, status="persistent")) == [] and len(plates) == 1


def test_the_frame_that_was_handed_in_is_not_changed() -> None:
    frame = frame_of()
    Overlay().draw(frame, tracks=(View(status="persistent"),), decisions=(), totals=TOTALS)
    assert (frame == GREY).all()


def test_the_bar_changes_with_what_it_shows_and_its_chart_with_history() -> None:
    bar = StatusBar(width=640, font_px=12)
    images = []
    for totals in (TOTALS, TOTALS, StreamTotals(**{**_fields(), "savings": 0.1})):
        image = np.zeros((bar.height, 640, 3), np.uint8)
        bar.draw(image, totals)
        images.append(image)
    assert count(images[0], DARK) > images[0][:, :, 0].size / 2
    assert (images[0][:, :460] == images[1][:, :460]).all()
    assert count(images[1][:, 460:], TENTATIVE) > count(images[0][:, 460:], TENTATIVE) > 0
    assert (images[1][:, :460] != images[2][:, :460]).any()
    for _ in range(700):
        bar.draw(images[0], TOTALS)
    assert len(bar._history) < 640


def _fields() -> dict[str, object]:
    return {name: getattr(TOTALS, name) for name in StreamTotals.__slots__}


def test_the_bar_fits_any_width() -> None:
    for width in (64, 200, 641, 1920):
        bar = StatusBar(width=width, font_px=12)
        bar.draw(np.zeros((bar.height, width, 3), np.uint8), TOTALS)


def test_text_is_inked_cut_off_at_edges_and_cached() -> None:
    image = np.zeros((40, 200, 3), np.uint8)
    draw_text(image, "id 12", corner=(10, 5), size_px=14, colour=(255, 128, 0))
    width, height = text_size("id 12", 14)
    assert image[5 : 5 + height, 10 : 10 + width].max() > 200
    assert image[:, 10 + width :].max() == 0 and image[:5, :].max() == 0
    assert (image[:, :, 2] == 0).all()
    before = image.copy()
    for corner in ((-500, 0), (500, 0), (0, -500), (0, 500)):
        draw_text(image, "id 12", corner=corner, size_px=14, colour=(255, 255, 255))
    assert (image == before).all()
    draw_text(image, "id 12", corner=(-4, -4), size_px=14, colour=(255, 255, 255))
    draw_text(image, "id 12", corner=(190, 30), size_px=14, colour=(255, 255, 255))
    assert (image[:8, :20] != before[:8, :20]).any() and (image[30:, 190:] != before[30:, 190:]).any()
    assert text_mask("a", 12) is text_mask("a", 12)
    assert text_size("g", 12)[1] == text_size("A", 12)[1]


def test_single_marks_change_their_pixels_only() -> None:
    place = Rectangle(20, 20, 60, 50)
    marks = {
        "solid": lambda image: solid_box(image, place, PERSISTENT, thickness=3),
        "corner": lambda image: corner_box(image, place, PERSISTENT, thickness=3),
        "dashed": lambda image: dashed_box(image, place, TENTATIVE, dash_px=4, is_sparse=False),
        "sparse": lambda image: dashed_box(image, place, TENTATIVE, dash_px=4, is_sparse=True),
        "crossed": lambda image: crossed_box(image, place, TRANSIENT, opacity=1.0),
        "fill": lambda image: fill(image, place, DARK, opacity=0.5),
        "trail": lambda image: trail(image, [(20.0, 20.0), (40.0, 35.0), (60.0, 50.0)], PERSISTENT),
    }
    amount = {}
    for name, mark in marks.items():
        image = frame_of(80, 70)
        mark(image)
        changed = np.argwhere((image != GREY).any(axis=2))
        assert changed.min(axis=0).min() >= 16 and (changed.max(axis=0) <= [54, 64]).all(), name
        amount[name] = count(image, TENTATIVE) if name in ("dashed", "sparse") else len(changed)
    assert amount["corner"] < amount["solid"] and 0 < amount["sparse"] < amount["dashed"]
    image = frame_of(80, 70)
    trail(image, [(5.0, 5.0)], PERSISTENT)
    crossed_box(image, place, TRANSIENT, opacity=0.0)
    assert (image == GREY).all()


def test_wrong_settings_are_refused() -> None:
    with pytest.raises(ValueError, match="min_width_px"):
        OverlayConfig(min_width_px=2000)
    with pytest.raises(ValueError, match="fade_frames"):
        OverlayConfig(fade_frames=0)


def test_a_notch_marks_what_a_rule_that_counts_has_confirmed() -> None:
    config = OverlayConfig(compare=3)
    pale = [count(draw(Overlay(config), View(longest_streak=streak)), PALE) for streak in (2, 3)]
    assert pale[1] > pale[0] + 20
    assert count(draw(Overlay(), View(longest_streak=3)), PALE) == pale[0]
