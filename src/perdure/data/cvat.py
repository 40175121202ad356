"""Boxes of CVAT: the XML of its exports "CVAT for video 1.1" and "CVAT for images 1.1"."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree

from perdure.types import NO_OWNER

SCORES = ("score", "confidence")
"""Names of attributes that say how sure a detector was."""


@dataclass(slots=True)
class CvatBoxes:
    """What an export holds.

    Args:
        rows: by 0-based frame, each of x_min, y_min, x_max, y_max in pixels, score, number of the label, track id.
        labels: names, by their numbers.
        num_frames: frames of the task; at least up to the last box.
        image_size: width and height in pixels; None where it is not stated.
    """

    rows: dict[int, list[list[float]]] = field(default_factory=dict)
    labels: dict[str, int] = field(default_factory=dict)
    num_frames: int = 0
    image_size: tuple[int, int] | None = None

    def add(self, frame: int, box: ElementTree.Element, label: str, owner: int) -> None:
        """Takes in one box; a score of 1 where nobody stated one, as people draw boxes without."""
        if frame < 0:
            raise ValueError(f"got frame {frame}, expected one from 0")
        corners = [float(box.attrib[name]) for name in ("xtl", "ytl", "xbr", "ybr")]
        stated = {one.get("name", "").lower(): one.text or "" for one in box.iter("attribute")}
        score = next((float(stated[name]) for name in SCORES if stated.get(name)), 1.0)
        number = self.labels.setdefault(label, len(self.labels))
        self.rows.setdefault(frame, []).append([*corners, score, number, owner])
        self.num_frames = max(self.num_frames, frame + 1)


def read_cvat(path: Path) -> CvatBoxes:
    """Returns the boxes of an export; what is outside of the picture is left out, as CVAT hides it too.

    Raises:
        ValueError: it is no such export, or a box is malformed.
    """
    text = path.read_bytes()
    if b"<!DOCTYPE" in text or b"<!ENTITY" in text:
        raise ValueError(f"detections: {path} declares a document type, which no export of CVAT does")
    try:  # without a document type there are no entities that could grow without end
        root = ElementTree.fromstring(text)  # noqa: S314
    except ElementTree.ParseError as error:
        raise ValueError(f"detections: {path} is not XML ({error})") from error
    if root.tag != "annotations":
        raise ValueError(f"detections: {path} begins with <{root.tag}>, expected <annotations> as CVAT writes it")
    try:
        return _boxes(root)
    except (KeyError, ValueError) as error:
        raise ValueError(f"detections: {path} is no export of CVAT ({type(error).__name__}: {error})") from error


def _boxes(root: ElementTree.Element) -> CvatBoxes:
    found = CvatBoxes()
    for one in root.iterfind("./meta//label/name"):
        found.labels.setdefault(one.text or "", len(found.labels))
    size = root.find("./meta//original_size")
    if size is not None:
        found.image_size = int(size.findtext("width", "")), int(size.findtext("height", ""))
    found.num_frames = int(root.findtext("./meta//size") or 0)
    for track in root.iterfind("track"):
        for box in track.iterfind("box"):
            if box.get("outside") != "1":
                found.add(int(box.attrib["frame"]), box, track.attrib["label"], int(track.attrib["id"]))
    for image in root.iterfind("image"):
        frame = int(image.attrib["id"])
        found.num_frames = max(found.num_frames, frame + 1)
        if found.image_size is None and "width" in image.attrib:
            found.image_size = int(image.attrib["width"]), int(image.attrib["height"])
        for box in image.iterfind("box"):
            found.add(frame, box, box.attrib["label"], NO_OWNER)
    return found
