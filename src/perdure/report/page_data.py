"""What the scripts of a report's page read: charts, scores of all tracks, and clips to play."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from perdure.explain.words import reason_words
from perdure.report.charts import CHARTS
from perdure.report.choice import has_scores
from perdure.report.numbers import format_value
from perdure.report.page import data_uri
from perdure.report.stored_run import STORED_FILES, StoredRun
from perdure.report.strips import COLUMNS

_SCORES = ("horizon", "on_timeout", "is_persistent", "is_open", "evidence")
_SHOWN = (
    "clip_id", "track_id", "true_label", "label", "evidence", "decision_frame", "reason", "frames_encoded",
)  # fmt: skip
"""Fields of a decision that the gallery shows."""


def page_data(run: StoredRun, charts: set[str]) -> dict[str, Any]:
    """Returns the data of a page.

    Args:
        run: that has stored it.
        charts: names of those that are on the page.

    Raises:
        FileNotFoundError: a stored file is missing; the stage that writes it is named.
        ValueError: a stored file lacks a figure.
    """
    specs = {name: CHARTS[name].build(run) for name in sorted(charts)}
    scores = run.content("scores") if has_scores(run) else None
    return {
        "charts": specs,
        "scores": scores and {name: scores[name] for name in _SCORES},
        "gallery": gallery_data(run),
    }


def gallery_data(run: StoredRun) -> dict[str, Any]:
    """Returns the clips with their pictures, and the decisions on their tracks, each with its place."""
    file = STORED_FILES["gallery"][0]
    clips, items = [], []
    place_of: dict[tuple[str, int], tuple[int, int]] = {}
    for number, clip in enumerate(run.value("gallery", "clips")):
        clips.append({**clip, "name": str(number), "columns": COLUMNS, "picture": _picture(run, clip["file"])})
        place_of |= {(clip["clip_id"], track["track_id"]): (number, row) for row, track in enumerate(clip["tracks"])}
    for row, record in enumerate(run.records):
        if (record.clip_id, record.track_id) not in place_of:
            continue
        number, place = place_of[record.clip_id, record.track_id]
        values = asdict(record)
        bounds, key = _bounds(run)
        items.append(
            {
                **{name: values[name] for name in _SHOWN},
                "row": row,
                "clip": str(number),
                "place": place,
                "is_right": record.is_right,
                "outcome": record.outcome,
                "reason_words": reason_words(record.reason),
                "probability_text": format_value(record.probability, "probability"),
                "source": f"{STORED_FILES['decisions'][0]}: line {row + 1}",
                "track_source": f"{file}: clips.{number}.tracks.{place}",
                "bounds": bounds,
                "bounds_source": f"{STORED_FILES['evaluation'][0]}: {key}",
            }
        )
    return {"clips": clips, "items": items}


def _bounds(run: StoredRun) -> tuple[dict[str, float | None], str]:
    """Returns the bounds of a run and their key; none where each part of the sequences has its own."""
    key = "thresholds"
    if not run.has("evaluation", f"{key}.upper"):
        return {}, key
    return {name: run.value("evaluation", f"{key}.{name}") for name in ("upper", "lower")}, key


def _picture(run: StoredRun, file: str | None) -> str | None:
    if file is None:
        return None
    return data_uri("webp", run.require(f"visualizations/{file}", "perdure visualize").read_bytes())
