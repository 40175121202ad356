"""Columns of a table of boxes by the names in its header, brought into the order of MOT text.

People write `frame,x1,y1,x2,y2,score` and `frame,class,conf,xmin,ymin,xmax,ymax`; taken by position, both are read
without an error, and wrong.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

NAMES: dict[str, tuple[str, ...]] = {
    "frame": ("frame", "frameid", "frameindex", "frameidx", "frameno", "framenumber", "framenum", "imageid", "image"),
    "id": ("id", "trackid", "trackerid", "objectid", "objid", "targetid", "track", "identity"),
    "left": ("bbleft", "left", "x1", "xmin", "xtl", "bboxx1", "xminpx", "bbx1", "bboxleft"),
    "top": ("bbtop", "top", "y1", "ymin", "ytl", "bboxy1", "yminpx", "bby1", "bboxtop"),
    "right": ("right", "x2", "xmax", "xbr", "bboxx2", "xmaxpx", "bbx2", "bboxright"),
    "bottom": ("bottom", "y2", "ymax", "ybr", "bboxy2", "ymaxpx", "bby2", "bboxbottom"),
    "x": ("x", "bboxx", "bbx"),
    "y": ("y", "bboxy", "bby"),
    "centre_x": ("cx", "xc", "xcenter", "xcentre", "centerx", "centrex"),
    "centre_y": ("cy", "yc", "ycenter", "ycentre", "centery", "centrey"),
    "width": ("width", "w", "bbwidth", "bboxwidth", "bboxw", "bbw"),
    "height": ("height", "h", "bbheight", "bboxheight", "bboxh", "bbh"),
    "score": ("score", "conf", "confidence", "prob", "probability", "detscore", "detconf"),
    "class": ("class", "classid", "cls", "category", "categoryid", "clsid"),
}  # fmt: skip
"""What columns are called, small letters and digits alone."""
FROM_ZERO = ("frameindex", "frameidx")
"""Names under which frames count from 0, whatever the first of them is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedColumns:
    """Where each value of a box stands in a row.

    Args:
        place: index of a column by its key in `NAMES`.
        counts_from: number of the first frame if the header says it, else None.
    """

    place: dict[str, int]
    counts_from: int | None = None

    @property
    def has_scores(self) -> bool:
        """Whether a column holds scores."""
        return "score" in self.place

    def in_order(self, columns: Sequence[str], where: str) -> list[str]:
        """Returns `frame, id, x, y, width, height, score, class` of a row; an id of -1 where there is none.

        Args:
            columns: of the row.
            where: file and line, for messages.

        Raises:
            ValueError: the row has fewer columns than the header, or a corner is no number.
        """
        if len(columns) <= max(self.place.values()):
            raise ValueError(f"{where}: got {len(columns)} columns, expected as many as the header has")
        text = {name: columns[place] for name, place in self.place.items()}
        x, width = _side(text, ("left", "x", "centre_x"), "right", "width", where)
        y, height = _side(text, ("top", "y", "centre_y"), "bottom", "height", where)
        box = [x, y, width, height]
        row = [text["frame"], text.get("id", "-1") or "-1", *box]
        score, kind = text.get("score"), text.get("class")
        return [*row, *([score or "nan"] if score is not None or kind is not None else []), *([kind] if kind else [])]


def _side(text: dict[str, str], starts: tuple[str, str, str], end: str, extent: str, where: str) -> tuple[str, str]:
    """Returns the lower coordinate of a box along one axis, and its extent."""
    low = next((text[name] for name in starts[:2] if name in text), None)
    try:
        if low is not None and end in text:
            return low, str(float(text[end]) - float(low))
        if low is None:
            return str(float(text[starts[2]]) - float(text[extent]) / 2), text[extent]
    except ValueError:
        raise ValueError(f"{where}: got {','.join(text.values())[:60]!r}, expected numbers") from None
    return low, text[extent]


def named_columns(header: Sequence[str], where: str) -> NamedColumns | None:
    """Returns where the values of a box stand; None where no name says anything about one.

    >>> named_columns(["frame", "x1", "y1", "x2", "y2", "conf"], "line 1").in_order(list("214680"), "line 2")
    ['2', '-1', '1', '4', '5.0', '4.0', '0']

    Raises:
        ValueError: the names say something of a box, but not all of it, or no frame.
    """
    words = [re.sub(r"[^a-z0-9]", "", cell.lower()) for cell in header]
    place = {key: words.index(found) for key, names in NAMES.items() if (found := _first(names, words))}
    if "left" in place:  # beside corners or `bb_left`, x, y and z are coordinates in the world
        place.pop("x", None)
        place.pop("y", None)
    if place.keys() <= {"frame", "id", "score", "class"}:
        return None
    wide = _has(place, ("left", "x"), "right", "width") or {"centre_x", "width"} <= place.keys()
    high = _has(place, ("top", "y"), "bottom", "height") or {"centre_y", "height"} <= place.keys()
    if "frame" not in place or not wide or not high:
        missing = "a frame" if "frame" not in place else "a box"
        raise ValueError(
            f"{where}: got a header ({', '.join(header)[:80]}) that names no column for {missing}, expected names such "
            "as frame, id, x, y, w, h, score, class (or x1, y1, x2, y2), or rows without a header in this order"
        )
    is_from_zero = words[place["frame"]] in FROM_ZERO
    return NamedColumns(place=place, counts_from=0 if is_from_zero else None)


def _has(place: dict[str, int], starts: tuple[str, str], end: str, extent: str) -> bool:
    return any(name in place for name in starts) and (end in place or extent in place)


def _first(names: Sequence[str], words: Sequence[str]) -> str | None:
    return next((name for name in names if name in words), None)
