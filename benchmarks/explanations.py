"""Checks explanations against what is stored, replays what they say would have happened, and measures what traces cost.

usage: python benchmarks/explanations.py --synthetic RUN --tracks RUN --detections MOT_FOLDER [--json FILE]

RUN is a finished run of `--recipe tiny` (or `cpu`), and one of `--recipe tracks`; each gets an
`evaluation/trace.jsonl`.
Statements are read back by `statement_check.py`, which shares nothing with what has written them. What would have
happened is run on a gate of its own from the first frame on.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from statement_check import CLAIM, Stored, false_statements

from perdure.data.detection_files import read_detection_files
from perdure.explain.replay import Replay
from perdure.explain.run_source import RunSource
from perdure.explain.sources import Source, open_source
from perdure.explain.text import facts
from perdure.gate.load import load_gate
from perdure.live.confirm import ConfirmConfig, confirm
from perdure.live.watch import watch
from perdure.live.watch_config import WatchConfig
from perdure.types import Detections

DEMO = Path(__file__).parents[1] / "src" / "perdure" / "demo"


def say(*words: object) -> None:
    """Prints a line at once."""
    sys.stdout.write(" ".join(map(str, words)) + "\n")
    sys.stdout.flush()


def checked(source: Source) -> dict[str, Any]:
    """Returns how many statements about all decisions of a folder are true."""
    stored, total, wrong = Stored(source.path), 0, []
    for place, story in enumerate(source.stories):
        found = facts(source, story, again=False)
        num, false = false_statements(" ".join(fact.text for fact in found), stored.facts(place))
        total, wrong = total + num, wrong + false
    for one in wrong[:5]:
        say("  FALSE:", one)
    return {"decisions": len(source.stories), "statements": total, "false": len(wrong)}


def replayed(source: Source, most: int) -> dict[str, Any]:
    """Returns how many changes come out on a fresh gate as explanations say."""
    kinds, wrong = Counter[str](), 0
    baselines: dict[str, dict[tuple[int, int], dict[str, Any]]] = {}
    for story in source.stories:
        told = [CLAIM.fullmatch(fact.text) for fact in facts(source, story) if fact.name.startswith("if ")]
        replay = source.replay(story.clip_id)
        if story.clip_id not in baselines:
            last = max(one.frame for one in source.stories[: most + 20] if one.clip_id == story.clip_id)
            baselines[story.clip_id] = _baseline(replay, last + 30)
        for claim in told:
            if claim is None:
                raise ValueError(f"a change of {story.name} cannot be read")
            kind = next(name for name in ("without", "with", "hidden") if claim[name])
            frame = story.birth if kind == "hidden" else int(claim[kind])
            found = _outcome(replay, baselines[story.clip_id], story.track_id, kind, frame)
            stated = None if claim["label"] is None else (claim["label"], int(claim["age"]), int(claim["frame"]))
            kinds[kind] += 1
            wrong += found != stated or not _comparison_holds(claim, story)
            if found != stated:
                say("  OTHERWISE:", story.name, claim[0], found)
        if sum(kinds.values()) >= most:
            break
    return {
        "changes": sum(kinds.values()),
        **{f"changes_{name}": num for name, num in kinds.items()},
        "otherwise": wrong,
    }


def _comparison_holds(claim: Any, story: Any) -> bool:
    if claim["label"] is None:
        return True
    if claim["label"] != story.label:
        return bool(claim["rest"] == "the other verdict")
    later = int(claim["frame"]) - story.frame
    num = f"{abs(later)} frame{'' if abs(later) == 1 else 's'} {'later' if later > 0 else 'earlier'}"
    return bool(claim["rest"] == f"the same verdict {'on the same frame' if later == 0 else num}")


def _baseline(replay: Replay, last: int) -> dict[tuple[int, int], dict[str, Any]]:
    """Returns every track on every frame as the tracker has it, from a run of its own."""
    gate, found, scores, owners = replay.gate(), {}, {}, {}
    for frame in replay.frames():
        if replay.is_live:
            gate.begin(frame.pixels, frame.detections, time_s=frame.time_s)
        tracks = gate.link(frame.detections, owner=frame.owner, camera_motion=frame.camera_motion)
        gate.observe(frame.pixels, tracks, time_s=frame.time_s)
        for row, track in enumerate(tracks.track_id.tolist()):
            if tracks.is_hit[row]:
                scores.setdefault(track, []).append(float(tracks.score[row]))
                if frame.owner is not None:
                    owners[track] = int(frame.owner[tracks.detection_index[row]])
            found[frame.frame_index, track] = {
                "row": int(tracks.detection_index[row]), "box": tracks.xyxy_px[row], "scores": list(scores[track]),
                "class_id": int(gate.memories[track].class_id), "owner": owners.get(track, -1),
            }  # fmt: skip
        if frame.frame_index >= last:
            break
    return found


def _outcome(
    replay: Replay, known: dict[tuple[int, int], dict[str, Any]], track: int, kind: str, changed: int
) -> tuple[str, int, int] | None:
    """Returns the first verdict on a track from the changed frame on, with a fresh gate that sees the whole stream."""
    gate = replay.gate()
    for frame in replay.frames():
        found, owner, pixels = frame.detections, frame.owner, frame.pixels
        one = known.get((frame.frame_index, track))
        if frame.frame_index == changed and one is not None and kind != "hidden":
            keep = np.arange(len(found)) != (one["row"] if kind == "without" else -1)
            extra = kind == "with"
            boxes = np.vstack([found.xyxy_px[keep], one["box"][None][: int(extra)]])
            score = np.append(found.score[keep], [np.sum(one["scores"]) / len(one["scores"])] * extra)
            classes = np.append(found.class_id[keep], [one["class_id"]] * extra).astype(np.int64)
            cue = np.append(found.cue[keep], [0.0] * extra)
            found = Detections(xyxy_px=boxes, score=score, class_id=classes, cue=cue)
            owner = None if owner is None else np.append(owner[keep], [one["owner"]] * extra).astype(np.int64)
        if kind == "hidden" and pixels is not None and frame.frame_index >= changed and one is not None:
            pixels = _painted(pixels, one["box"])
        if replay.is_live:
            gate.begin(pixels, found, time_s=frame.time_s)
        tracks = gate.link(found, owner=owner, camera_motion=frame.camera_motion)
        result = gate.observe(pixels, tracks, time_s=frame.time_s)
        for made in result.decisions:
            if made.track_id == track and frame.frame_index >= changed:
                return made.label, made.age, made.frame_index
    return None


def _painted(pixels: np.ndarray, box: np.ndarray) -> np.ndarray:
    """Returns a picture with a box in the median colour of a ring around it, a quarter of its longer side wide."""
    height, width = pixels.shape[:2]
    ring = max(2.0, 0.25 * float(max(box[2] - box[0], box[3] - box[1])))
    columns, rows = np.arange(width), np.arange(height)

    def inside(by: float) -> np.ndarray:
        across = (columns >= np.floor(box[0] - by)) & (columns < np.ceil(box[2] + by))
        down = (rows >= np.floor(box[1] - by)) & (rows < np.ceil(box[3] + by))
        return down[:, None] & across[None]

    around = inside(ring) & ~inside(0.0)
    painted = pixels.copy()
    if around.any():
        painted[inside(0.0)] = np.median(pixels[around], axis=0).astype(np.uint8)
    return painted


def traced_costs(detections: Path, repeats: int) -> Iterator[dict[str, Any]]:
    """Yields seconds of processor time and bytes a frame, with and without a trace, of detections and of pixels."""
    found = read_detection_files(detections)
    size = found.image_size or found.reach_px()

    def confirmed(out: Path, is_traced: bool) -> int:
        gate = load_gate("detections", image_size=size)
        config = ConfirmConfig(is_traced=is_traced, weights="detections")
        return int(confirm(found, gate, out_dir=out, config=config)["num_frames"])

    def watched(out: Path, is_traced: bool) -> int:
        config = WatchConfig(is_traced=is_traced, weights="pixels", has_video=False, max_frames=150)
        given = DEMO / "detections.txt"
        return watch(DEMO / "drone.mp4", load_gate(), out_dir=out, detections_path=given, config=config).num_frames

    for name, run in (("confirm, detections alone", confirmed), ("watch, pixels", watched)):
        times: dict[bool, list[float]] = {False: [], True: []}
        with tempfile.TemporaryDirectory() as folder:
            num = run(Path(folder) / "warm", False)
            for _ in range(repeats):
                for is_traced in (False, True):
                    start = time.process_time()
                    run(Path(folder) / str(is_traced), is_traced)
                    times[is_traced].append(time.process_time() - start)
            text = (Path(folder) / "True" / "trace.jsonl").read_text()
        rows = [json.loads(line) for line in text.splitlines()[1:]]
        yield {
            "what": name,
            "frames": num,
            "ms_a_frame": 1e3 * min(times[False]) / num,
            "ms_a_frame_traced": 1e3 * min(times[True]) / num,
            "bytes_a_frame": len(text) / num,
            "bytes_a_track_and_frame": len(text) / max(sum(len(row["track"]) for row in rows), 1),
        }


def main() -> None:
    """Measures, prints and stores."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("synthetic", "tracks", "detections"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--changes", type=int, default=70, help="at least so many of each folder are replayed")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder:
        found = read_detection_files(arguments.detections)
        gate = load_gate("detections", image_size=found.image_size or found.reach_px())
        confirm(found, gate, out_dir=Path(folder), config=ConfirmConfig(is_traced=True, weights="detections"))
        for name, path in (
            ("run on clips", arguments.synthetic),
            ("run on real tracks", arguments.tracks),
            ("confirm", Path(folder)),
        ):
            if name != "confirm" and not (path / "evaluation" / "trace.jsonl").is_file():
                RunSource(path).write_trace()
            source = open_source(path)
            rows.append({"what": name} | checked(source) | replayed(source, arguments.changes))
            say(rows[-1])
    costs = []
    for row in traced_costs(arguments.detections, arguments.repeats):
        costs.append(row)
        say(row)
    if arguments.json is not None:
        stored = {"command": " ".join(sys.argv[:1]), "rows": rows, "costs": costs}
        arguments.json.write_text(json.dumps(stored, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
