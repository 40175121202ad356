"""Columns by the names in a header: taken by position, another order gave other tracks without a word."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest

from perdure.video.mot import MotTable, read_mot_table

BOXES = [(1, 10.0, 20.0, 30.0, 60.0, 0.9, 2), (2, 12.0, 21.0, 32.0, 61.0, 0.8, 2)]
"""Frame, corners, score, class."""


def written(path: Path, header: str, rows: list[str]) -> MotTable:
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return read_mot_table(path)


ORDERS = {
    "frame,x1,y1,x2,y2,score,class": "{f},{x1},{y1},{x2},{y2},{s},{c}",
    "frame,class,conf,xmin,ymin,xmax,ymax": "{f},{c},{s},{x1},{y1},{x2},{y2}",
    "Frame ID;Class;Confidence;Left;Top;Width;Height": "{f};{c};{s};{x1};{y1};{w};{h}",
    "frame,x,y,w,h,score,class_id": "{f},{x1},{y1},{w},{h},{s},{c}",
    "frame\tcx\tcy\tw\th\tprob\tcls": "{f}\t{cx}\t{cy}\t{w}\t{h}\t{s}\t{c}",
    "frame,id,bb_left,bb_top,bb_width,bb_height,conf,class,seen,x,y,z": "{f},-1,{x1},{y1},{w},{h},{s},{c},1,9,9,9",
    "# frame,x1,y1,x2,y2,score,class": "{f},{x1},{y1},{x2},{y2},{s},{c}",
    "score,class,x1,y1,x2,y2,frame": "{s},{c},{x1},{y1},{x2},{y2},{f}",
}


@pytest.mark.parametrize("header", ORDERS)
def test_any_order_that_a_header_names_is_the_same_table(header: str, tmp_path: Path) -> None:
    rows = [
        ORDERS[header].format(
            f=f, x1=x1, y1=y1, x2=x2, y2=y2, s=s, c=c, w=x2 - x1, h=y2 - y1, cx=(x1 + x2) / 2, cy=(y1 + y2) / 2
        )
        for f, x1, y1, x2, y2, s, c in BOXES
    ]
    table = written(tmp_path / "boxes.csv", header, rows)
    wanted = [[f, -1, x1, y1, x2 - x1, y2 - y1, s, c] for f, x1, y1, x2, y2, s, c in BOXES]
    assert table.values[:, :8].tolist() == wanted
    assert table.counts_from == 1


def test_a_header_may_say_that_frames_count_from_0(tmp_path: Path) -> None:
    rows = ["3,10,20,30,60", "4,10,20,30,60"]
    assert written(tmp_path / "a.csv", "frame_index,x1,y1,x2,y2", rows).counts_from == 0
    assert written(tmp_path / "b.csv", "frame,x1,y1,x2,y2", rows).counts_from == 1


def test_a_table_without_scores_has_none(tmp_path: Path) -> None:
    table = written(tmp_path / "a.csv", "frame,x1,y1,x2,y2,class", ["3,10,20,30,60,1"])
    assert np.isnan(table.values[0, 6]) and table.class_id.tolist() == [1]
    assert table.detections(1).by_frame[2].score.tolist() == [1.0]


@pytest.mark.parametrize(
    ("header", "words"),
    [
        ("frame,x1,y1,x2", "names no column for a box, expected names such as frame, id, x, y, w, h"),
        ("x1,y1,x2,y2,score", "names no column for a frame"),
    ],
)
def test_a_header_that_says_half_of_it_is_refused(header: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=f"line 1: got a header .*{words}"):
        written(tmp_path / "a.csv", header, ["1,2,3,4,5"])


def test_a_header_that_says_nothing_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        table = written(tmp_path / "a.csv", "a b c d e f g", ["1 -1 10 20 20 40 0.9"])
    assert len(table) == 1
    assert "line 1: nothing in the header (a, b, c, d, e, f, g) is known, columns taken as frame,id" in caplog.text


def test_a_row_that_does_not_fit_its_header_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="line 3: got 3 columns, expected as many as the header has"):
        written(tmp_path / "a.csv", "frame,x1,y1,x2,y2", ["1,2,3,4,5", "1,2,3"])
    with pytest.raises(ValueError, match=r"line 2: got .*, expected numbers"):
        written(tmp_path / "a.csv", "frame,x1,y1,x2,y2", ["1,2,three,4,5"])
