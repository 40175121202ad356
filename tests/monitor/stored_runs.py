"""Run folders and watched folders for the tests of the monitor, written by hand in a moment."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

from perdure.runs.machine import host_name
from perdure.runs.record import ProcessRecord, RunRecord, StageRecord
from perdure.runs.run_folder import RunFolder

STARTED = datetime(2025, 1, 31, 12, tzinfo=UTC)


def stored_run(path: Path, *, host: str | None = None, num_rows: int = 3, status: str = "running") -> RunFolder:
    """Returns a run that was started at `STARTED` and wrote its last line two minutes later."""
    run = RunFolder(path)
    run.create()
    run.config_file.write_text("")
    stage = StageRecord(
        status="running", fingerprint="a", settings="b", version="1", started=STARTED.isoformat(), duration_s=4.0
    )
    process = ProcessRecord(status=status, host=host or host_name(), pid=1, started=STARTED.isoformat())  # type: ignore[arg-type]
    record = RunRecord(
        name=path.name, recipe="tiny", command="perdure run", perdure_version="0", machine="any",
        created=STARTED.isoformat(), process=process, stages={"train": stage},
    )  # fmt: skip
    record.save(run)
    run.progress_file.write_text(
        "2025-01-31T12:00:00+00:00  [2/8] train      12/60       20 %  run  31 %  ETA 4 min 10 s    loss 0.31\n"
    )
    beat = (STARTED + timedelta(minutes=2)).isoformat(timespec="seconds")
    run.heartbeat_file.write_text(f"{beat}  train  working  0.5 s ago: 12/60 loss 0.31  cpu 98 %  memory 640 MB\n")
    run.log_file.write_text("INFO first <script>alert(1)</script>\nINFO half a li")
    append_rows(run, range(num_rows))
    return run


def append_rows(run: RunFolder, steps: range) -> None:
    """Appends a row of numbers for each step."""
    with run.metrics_file.open("a") as file:
        for step in steps:
            file.write(json.dumps({"stage": "train", "step": step, "loss": 1 / (1 + step), "time": "now"}) + "\n")


def decision_line(track_id: int) -> str:
    """Returns a line of decisions.jsonl."""
    row = {"track_id": track_id, "label": "persistent", "frame_index": track_id + 3, "time_s": 0.2, "age": 3}
    return json.dumps(row | {"evidence": 1.5, "probability": 0.9, "reason": "evidence", "class_id": -1}) + "\n"
