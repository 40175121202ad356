"""Watches a video that is looped to 100,000 frames, and says how fast it was and whether memory stayed flat.

usage: python benchmarks/watch_long.py VIDEO [--frames 100000] [--detections FILE] [--json FILE]

The packets of the video are copied one loop after the other into a long file first, so that what is watched is one
ordinary stream. Built-in detector (unless detections are given, which are looped as well), weights of the package,
drawing and encoding included. Memory is what the process holds (resident set) after 1,000 frames and at the end; it
may have grown by 5 % at most, exit code 1 otherwise. Linux only. Takes about 20 minutes at 320 x 256.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import av

from perdure.gate.load import load_gate
from perdure.live.watch import watch
from perdure.live.watch_config import WatchConfig

FIRST, MAX_GROWTH = 1000, 1.05


def looped(video: Path, num_frames: int, out: Path) -> int:
    """Writes the video so often after itself that there are enough frames; returns the frames of one loop."""
    with av.open(str(video)) as source, av.open(str(out), "w", format="matroska") as target:
        stream = source.streams.video[0]
        copy = target.add_stream_from_template(stream)
        packets = [packet for packet in source.demux(stream) if packet.dts is not None]
        first = min(packet.dts for packet in packets)
        step = round(1 / (stream.average_rate * stream.time_base))
        length = max(packet.pts for packet in packets) - first + step
        stamps, done = [(packet.pts, packet.dts) for packet in packets], 0
        while done < num_frames:
            loop = done // len(packets)
            for packet, (pts, dts) in zip(packets, stamps, strict=True):
                packet.stream, packet.time_base = copy, stream.time_base  # muxing has changed it to that of the file
                packet.pts, packet.dts = pts + loop * length, dts + loop * length
                target.mux(packet)
            done += len(packets)
    return len(packets)


def looped_detections(path: Path, per_loop: int, num_frames: int, out: Path) -> Path:
    """Writes detections so often after themselves as the video is."""
    lines = [line.split(",", 1) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    with out.open("w", encoding="utf-8") as file:
        for start in range(0, num_frames, per_loop):
            file.writelines(f"{int(frame) + start},{rest}\n" for frame, rest in lines if int(frame) <= per_loop)
    return out


def resident_bytes() -> int:
    """Returns how much memory this process holds."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * 4096


def watched(video: Path, num_frames: int, detections: Path | None, folder: Path) -> dict[str, Any]:
    """Returns figures of one long watching."""
    per_loop = looped(video, num_frames, folder / "long.mkv")
    given = None if detections is None else looped_detections(detections, per_loop, num_frames, folder / "det.txt")
    memory: dict[int, int] = {}
    begun = time.perf_counter()

    def on_progress(done: int, _: int | None) -> None:
        if done % FIRST == 0:
            memory[done] = resident_bytes()
            rate = done / (time.perf_counter() - begun)
            say(f"{done} frames, {memory[done] / 2**20:.1f} MiB, {rate:.1f} frames/s")

    gate = load_gate(horizon=8, on_timeout="transient")
    with tempfile.TemporaryDirectory(dir=folder) as out:
        summary = watch(
            folder / "long.mkv",
            gate,
            out_dir=out,
            detections_path=given,
            on_progress=on_progress,
            config=WatchConfig(max_frames=num_frames),
        )
    return {
        "video": video.name,
        "detector": "built in" if detections is None else "given",
        "width": summary.width,
        "height": summary.height,
        "num_frames": summary.num_frames,
        "num_tracks": summary.num_tracks,
        "frames_per_s": summary.frames_per_s,
        "latency_ms": summary.latency_ms,
        "resident_mib": {str(done): round(size / 2**20, 1) for done, size in memory.items()},
        "growth": memory[max(memory)] / memory[FIRST],
    }


def say(text: str) -> None:
    """Writes one line at once."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def main() -> int:
    """Runs the benchmark; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("video", type=Path)
    parser.add_argument("--frames", type=int, default=100_000)
    parser.add_argument("--detections", type=Path)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        figures = watched(arguments.video, arguments.frames, arguments.detections, Path(folder))
    text = json.dumps(figures, indent=2)
    say(text)
    if arguments.json is not None:
        arguments.json.write_text(text + "\n", encoding="utf-8")
    return int(figures["growth"] > MAX_GROWTH)


if __name__ == "__main__":
    sys.exit(main())
