"""What can be explained: a run, or a folder that `watch` or `confirm` has written."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from perdure.explain.replay import Replay
from perdure.explain.stories import RUN_DECISIONS, Seen, Story, tabled_seen, traced_seen, until
from perdure.extras import named_extras
from perdure.files import read_json, read_json_lines
from perdure.gate.trace import KIND, TRACE, VERSION

DECISIONS, TRACKS, SUMMARY = "decisions.jsonl", "tracks.csv", "summary.json"
"""Files of a stream."""


@dataclass(slots=True, kw_only=True)
class Source:
    """The decisions of a folder, and how to find out more about them.

    Args:
        path: the folder.
        kind: whether it is a run or one stream.
        stories: all decisions, in the order of their file; those of a run without frames.
        decisions_file: path of the decisions inside the folder.
        facts_file: path of what was noted frame by frame; empty where nothing was.
        head: first line of the trace, if there is one.
        rows: all other lines of the trace of a stream.
        told: returns a story with its frames.
        replay: returns how to run a stream again, by its name; raises ValueError where that cannot be done.
    """

    path: Path
    kind: Literal["run", "stream"]
    stories: list[Story]
    decisions_file: str
    facts_file: str
    told: Callable[[Story], Story]
    replay: Callable[[str], Replay]
    head: dict[str, Any] = field(default_factory=dict)
    rows: list[dict[str, Any]] = field(default_factory=list)

    def json(self, name: str) -> dict[str, Any]:
        """Returns a JSON file of the folder, empty where there is none."""
        return read_json(self.path / name) if (self.path / name).is_file() else {}


def open_source(path: Path | str) -> Source:
    """Returns what can be explained in a folder.

    Raises:
        FileNotFoundError: there is no such folder, or nothing in it that can be explained.
        ValueError: a file is damaged.
    """
    path = Path(path)
    if (path / RUN_DECISIONS).is_file() or (path / "config.toml").is_file():
        with named_extras():
            from perdure.explain.run_source import RunSource  # loads torch

        run = RunSource(path)
        return Source(
            path=path,
            kind="run",
            stories=run.stories,
            decisions_file=RUN_DECISIONS,
            facts_file=run.facts_file,
            told=run.told,
            replay=run.replay,
        )
    if (path / DECISIONS).is_file():
        return _stream(path)
    raise FileNotFoundError(
        f"folder {path}: got no decisions, expected a run folder, or one that perdure watch or confirm has written"
    )


def _stream(path: Path) -> Source:
    stories, rows = _decided(path / DECISIONS), list[dict[str, Any]]()
    head: dict[str, Any] = {}
    if (path / TRACE).is_file():
        head, *rows = _whole_lines(path / TRACE)
        if head.get("kind") != KIND or head.get("version") != VERSION:
            raise ValueError(f"trace: {path / TRACE} is of another version; watch or confirm again with --trace")
        tracks, frames = traced_seen(rows)
    else:
        tracks, frames = (tabled_seen(path / TRACKS) if (path / TRACKS).is_file() else {}), {}
    facts = TRACE if head else TRACKS if tracks else ""
    filled = {story.line: _filled(story, tracks, frames, stories, head) for story in stories}
    return Source(
        path=path,
        kind="stream",
        stories=list(filled.values()),
        decisions_file=DECISIONS,
        facts_file=facts,
        told=lambda story: filled[story.line],
        replay=lambda _: _replay(path / TRACE, head, rows),
        head=head,
        rows=rows,
    )


def _replay(path: Path, head: dict[str, Any], rows: list[dict[str, Any]]) -> Replay:
    with named_extras():
        from perdure.explain.stream_replay import stream_replay  # loads what reads videos

    return stream_replay(path, head, rows)


def _whole_lines(path: Path) -> list[dict[str, Any]]:
    """Returns the rows of a file that may still grow: half a line at its end is left out."""
    text = path.read_text(encoding="utf-8")
    if text.endswith("\n"):
        return read_json_lines(path)
    lines = text.splitlines()[:-1]
    return [json.loads(line) for line in lines]


def _decided(path: Path) -> list[Story]:
    names = ("track_id", "label", "reason", "age", "evidence", "probability")
    return [
        Story(frame=row["frame_index"], line=line, **{name: row[name] for name in names})
        for line, row in enumerate(_whole_lines(path), start=1)
    ]


def _filled(
    story: Story,
    tracks: dict[int, list[Seen]],
    frames: dict[int, dict[str, Any]],
    stories: list[Story],
    head: dict[str, Any],
) -> Story:
    """Returns a decision with the frames since birth, or since the decision on the same track before it."""
    before = [one.frame for one in stories if one.track_id == story.track_id and one.line < story.line]
    row, rule = frames.get(story.frame, {}), head.get("rule")
    return replace(
        story,
        seen=until(tracks.get(story.track_id, []), story.frame, after=max(before, default=-1)),
        bound=row.get("bound"),
        floor=row.get("floor"),
        is_guaranteed=row.get("is_guaranteed"),
        drift=tuple(row.get("drift", ())),
        rule=rule | row.get("bounds", {}) if rule else rule,  # those that move with the stream, as they stood then
        lifetime_bound=head.get("lifetime_bound"),
    )
