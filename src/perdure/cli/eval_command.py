"""`perdure eval`: tracks against ground truth, in the scores that everybody uses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import tyro

from perdure.cli.arguments import parse
from perdure.cli.errors import UsageError
from perdure.cli.terminal import say

_COLUMNS = (
    ("HOTA", "HOTA", "{:.1%}"), ("DetA", "DetA", "{:.1%}"), ("AssA", "AssA", "{:.1%}"), ("IDF1", "IDF1", "{:.1%}"),
    ("MOTA", "MOTA", "{:.1%}"), ("id_switches", "switches", "{}"), ("mean_frames_to_report", "frames", "{:.2f}"),
    ("mean_s_to_report", "seconds", "{:.2f}"), ("num_never_reported", "never", "{}"),
    ("false_tracks_a_minute", "false/min", "{:.1f}"),
)  # fmt: skip


@dataclass(frozen=True, kw_only=True, slots=True)
class EvalArguments:
    """Scores tracks against ground truth: HOTA, DetA, AssA, IDF1, MOTA by TrackEval, and how soon objects are reported.

    Reads: MOT folders with ground truth; MOT text of tracks, such as confirmed.txt or confirmed_from_birth.txt.

    Writes: JSON, if asked to.

    Costs: a second for some hundred frames.
    """

    gt: Annotated[Path, tyro.conf.arg(metavar="DIR")]
    """A MOT folder, or a folder of such."""
    tracks: tuple[Path, ...]
    """One file for one sequence; for several, files or folders whose names are those of the sequences."""
    json: Annotated[Path | None, tyro.conf.arg(metavar="FILE")] = None
    """File for the rows."""


def evaluate_tracks(words: Sequence[str], command: str) -> int:
    """Runs `perdure eval`."""
    arguments = parse(EvalArguments, words, command=command)
    from perdure.data.mot_sequence import find_mot_folders
    from perdure.evaluation.track_scores import read_scored_sequence, score_rows
    from perdure.files import write_json

    pairs = _paired(find_mot_folders(arguments.gt), arguments.tracks)
    rows = list(score_rows([read_scored_sequence(folder, tracks) for folder, tracks in pairs]))
    width = max(len(row["sequence"]) for row in rows)
    say(f"{'':<{width}}" + "".join(f"{title:>10}" for _, title, _ in _COLUMNS))
    for row in rows:
        say(f"{row['sequence']:<{width}}" + "".join(f"{_cell(row[name], form):>10}" for name, _, form in _COLUMNS))
    say("frames, seconds: from an object's first labelled box to its first report; never: objects not reported at all")
    if arguments.json is not None:
        write_json(arguments.json, {"bench": "eval", "rows": rows})
    return 0


def _cell(value: Any, form: str) -> str:
    return "" if value is None else form.format(value)


def _paired(folders: Sequence[Path], tracks: Sequence[Path]) -> list[tuple[Path, Path]]:
    """Returns each sequence with its file of tracks.

    Raises:
        UsageError: a sequence has no file, or a file no sequence.
    """
    if len(folders) == len(tracks) == 1:
        return [(folders[0], tracks[0])]
    by_name = {name: path for path in tracks for name in (path.stem, path.parent.name)}
    missing = [folder.name for folder in folders if folder.name not in by_name]
    if missing and len(missing) == len(folders):
        names = ", ".join(folder.name for folder in folders[:5])
        raise UsageError(f"--tracks: got no file named after a sequence, expected names such as {names} (.txt)")
    for name in missing:
        say((f"  {name}: no file of tracks, left out", "yellow"))
    return [(folder, by_name[folder.name]) for folder in folders if folder.name in by_name]
