"""The decisions of a run, what its gates knew, and how its streams are run again."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import fields, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from perdure.calibration.rates import Rates
from perdure.config import from_dict, read_toml_dict
from perdure.data.dataset import MANIFEST_NAME, ClipDataset
from perdure.data.labelled_stream import LabelledStream, clip_stream
from perdure.evaluation.calibrate import rule_for
from perdure.explain.replay import Replay, StreamFrame
from perdure.explain.stories import RUN_DECISIONS, RUN_TRACE, Seen, Story, traced_seen, until
from perdure.files import atomic_path, placed_json_lines
from perdure.gate.gate import PersistenceGate
from perdure.gate.load import load_gate
from perdure.gate.model import PersistenceModel
from perdure.gate.trace import KIND, VERSION, trace_line
from perdure.metrics.decisions import DecisionRecord, read_decisions
from perdure.tracks.tracks_config import RealData
from perdure.tracks.tracks_store import StoredTracks

STORED_TRACKS = "tracks.safetensors"


class RunSource:
    """One run folder.

    Args:
        path: the folder.

    Raises:
        FileNotFoundError: the run is not evaluated yet.
        ValueError: a file is damaged.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        if not (path / RUN_DECISIONS).is_file():
            raise FileNotFoundError(f"{path / RUN_DECISIONS}: does not exist; run 'perdure evaluate {path}' first")
        self.stories = [_story(record, line) for line, record in enumerate(read_decisions(path / RUN_DECISIONS), 1)]
        self._replays: dict[str, Replay] = {}
        self._told: dict[str, tuple[dict[int, list[Seen]], dict[int, dict[str, Any]]]] = {}

    @property
    def facts_file(self) -> str:
        """The trace; empty where none was stored, and streams are run again instead."""
        return RUN_TRACE if (self.path / RUN_TRACE).is_file() else ""

    def told(self, story: Story) -> Story:
        """Returns a decision with its frames, from the trace or from running its stream again.

        Raises:
            ValueError: neither can be had.
        """
        clip = story.clip_id
        if clip not in self._told:
            rows = self._traced.get(clip) if self.facts_file else list(self.replay(clip).rows())
            self._told[clip] = traced_seen(rows or [])
        tracks, frames = self._told[clip]
        seen, row = until(tracks.get(story.track_id, []), story.frame), frames.get(story.frame, {})
        first = frames[min(frames)] if frames else {}
        return replace(
            story,
            seen=seen,
            bound=row.get("bound"),
            floor=row.get("floor"),
            rule=first.get("rule"),
            lifetime_bound=first.get("lifetime_bound"),
        )

    @cached_property
    def _traced(self) -> dict[str, list[dict[str, Any]]]:
        rows = defaultdict(list)
        for _, row in placed_json_lines(self.path / RUN_TRACE):
            if "clip" in row:
                rows[row["clip"]].append(row)
        return rows

    @cached_property
    def _config(self) -> dict[str, Any]:
        return read_toml_dict(self.path / "config.toml")

    @property
    def clip_ids(self) -> list[str]:
        """All streams that something was decided on, in order."""
        return list(dict.fromkeys(story.clip_id for story in self.stories))

    def replay(self, clip_id: str) -> Replay:
        """Returns how to run a stream again.

        Raises:
            ValueError, FileNotFoundError: its data or weights are no longer there.
        """
        if clip_id not in self._replays:
            found = sorted(self.path.glob(f"data/*/{STORED_TRACKS}"), key=lambda path: path.stat().st_mtime)
            made = self._tracks_replay(found[-1], clip_id) if found else self._clip_replay(clip_id)
            self._replays[clip_id] = made
        return self._replays[clip_id]

    def _clip_replay(self, clip_id: str) -> Replay:
        model, dataset = self._network, self._dataset
        rates = from_dict(Rates, self._config.get("calibration", {}), where="config.toml", section="calibration")
        if model.calibration is None:
            raise ValueError(f"weights: those of {self.path} are not calibrated")
        rule, stream = rule_for(model.calibration, model, rates), clip_stream(dataset.clip(clip_id))
        return Replay(gate=lambda: PersistenceGate(model, rule), frames=lambda: _frames(stream, True), is_live=False)

    @cached_property
    def _network(self) -> PersistenceModel:
        return PersistenceModel.load(self.path / "final_model.safetensors")

    @cached_property
    def _dataset(self) -> ClipDataset:
        inside = sorted(self.path.glob(f"data/*/{MANIFEST_NAME}"), key=lambda path: path.stat().st_mtime)
        if not inside:
            raise FileNotFoundError(f"{self.path}/data: the clips of this run are no longer there")
        return ClipDataset.open(inside[-1].parent)

    def _tracks_replay(self, path: Path, clip_id: str) -> Replay:
        """Returns the stream of real tracks with the gate that had not seen it, as evaluation runs it."""
        data, stored = self._config["data"], StoredTracks.load(path)
        names = {item.name for item in fields(RealData)}
        request = (
            from_dict(RealData, {key: value for key, value in data.items() if key in names}, where="config.toml")
            if "path" in data or "num_streets" in data
            else RealData()
        )
        split = stored.split(request, self.path.name)
        for fold, part in enumerate(split.folds):
            groups = sorted(set(split.table.group[part.test].tolist()))
            weights = self.path / "checkpoints" / f"fold_{fold:02d}.safetensors"
            for stream, _ in stored.streams(request, np.array(groups), has_pixels=bool(data.get("uses_pixels"))):
                if stream.name == clip_id:
                    uses_scores = self._config["forest"].get("uses_stream_scores", False)
                    return _left_out(stream, weights, uses_scores=uses_scores)
        raise ValueError(f"stream {clip_id}: not among those of {path}")

    def write_trace(self) -> Path:
        """Runs every stream again and writes down what its gate knew; returns the file.

        Raises:
            ValueError, FileNotFoundError: data or weights are no longer there.
        """
        path = self.path / RUN_TRACE
        with atomic_path(path) as temporary, temporary.open("w", encoding="utf-8") as file:
            file.write(trace_line({"kind": KIND, "version": VERSION}))
            for clip_id in self.clip_ids:
                for row in self.replay(clip_id).rows():
                    file.write(trace_line({"clip": clip_id} | row))
        return path


def _left_out(stream: LabelledStream, weights: Path, *, uses_scores: bool) -> Replay:
    known = stream.known_scores if uses_scores else None

    def gate() -> PersistenceGate:
        return load_gate(weights, like="promise", image_size=stream.image_size, known_scores=known)

    return Replay(gate=gate, frames=lambda: _frames(stream, False), is_live=False)


def _frames(stream: LabelledStream, has_owners: bool) -> Iterator[StreamFrame]:
    """Yields the frames of a labelled stream as evaluation gives them to a gate."""
    for frame in stream.frames():
        yield StreamFrame(
            frame.frame_index,
            frame.frame_index / stream.frame_rate_hz,
            frame.pixels,
            frame.detections,
            frame.owner if has_owners else None,
            frame.camera_motion,
        )


def _story(record: DecisionRecord, line: int) -> Story:
    return Story(
        clip_id=record.clip_id,
        track_id=record.track_id,
        label=record.label,
        reason=record.reason,
        age=record.decision_frame,
        frame=record.first_frame + record.decision_frame - 1,
        evidence=record.evidence,
        probability=record.probability,
        true_label=record.true_label,
        line=line,
    )
