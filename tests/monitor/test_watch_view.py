from __future__ import annotations

import json
from pathlib import Path

from perdure.live.outputs import NEWEST_STATE, SUMMARY, TRACK_COLUMNS
from perdure.monitor.feeds import WatchFeed
from perdure.monitor.site import Places, Site
from perdure.monitor.watch_view import GONE_FRAMES, MOST_POINTS, TracksReader, watch_state


def track_line(frame: int, track_id: int, evidence: float = 0.5) -> str:
    return f"{frame},0.1,{track_id},1,2,3,4,{frame + 1},1,0.9,-1,tentative,{evidence},0.6\n"


def test_tracks_grow_with_their_file_and_are_forgotten(tmp_path: Path) -> None:
    path, reader = tmp_path / "tracks.csv", TracksReader(tmp_path)
    assert reader.newest() == []
    path.write_text(TRACK_COLUMNS + "\n" + track_line(0, 7, -1.0) + track_line(1, 7, 2.0)[:20])
    assert [track["evidence"] for track in reader.newest()] == [[-1.0]]
    path.write_text(TRACK_COLUMNS + "\n" + track_line(0, 7, -1.0) + "torn,line\n" + track_line(1, 7, 2.0))
    assert [track["evidence"] for track in reader.newest()] == [[-1.0, 2.0]]
    with path.open("a") as file:
        file.writelines(track_line(frame, 8) for frame in range(2, GONE_FRAMES + 9))
    (track,) = reader.newest()
    assert (track["track_id"], len(track["evidence"])) == (8, MOST_POINTS)


def test_json_lines_are_read_too_and_a_new_stream_starts_anew(tmp_path: Path) -> None:
    reader = TracksReader(tmp_path)
    row = {"track_id": 3, "frame_index": 5, "status": "persistent", "age": 2, "probability": 0.9, "evidence": 1.0}
    (tmp_path / "tracks.jsonl").write_text(json.dumps(row) + "\n[]\n{\n")
    assert [track["status"] for track in reader.newest()] == ["persistent"]
    (tmp_path / "tracks.jsonl").write_text(json.dumps(row | {"track_id": 4}) + "\n")
    assert [track["track_id"] for track in reader.newest()] == [4]


def test_a_stream_is_over_once_its_summary_is_the_last_word(tmp_path: Path) -> None:
    reader = TracksReader(tmp_path)
    assert watch_state(tmp_path, reader)["state"] is None
    (tmp_path / NEWEST_STATE).write_text('{"frame_index": 3}')
    written_s = (tmp_path / NEWEST_STATE).stat().st_mtime
    state = watch_state(tmp_path, reader, now_s=written_s + 7)
    assert (state["age_s"], state["summary"]) == (7.0, None)
    (tmp_path / SUMMARY).write_text('{"num_frames": 4}')
    assert watch_state(tmp_path, reader)["summary"] == {"num_frames": 4}


def test_numbers_that_no_browser_reads_are_left_out(tmp_path: Path) -> None:
    """NaN in a file of somebody else ended the events of everybody."""
    (tmp_path / NEWEST_STATE).write_text('{"savings": NaN, "drift": [1e999]}')
    (tmp_path / "tracks.csv").write_text(track_line(0, 1, float("nan")))
    text, _ = WatchFeed(Site(Places(watched=tmp_path)), tmp_path).next()
    value = json.loads(text.partition("data: ")[2])
    assert value["state"] == {"savings": None, "drift": [None]}
