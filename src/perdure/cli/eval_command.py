"""`perdure eval`: scores of tracks against ground truth, several trackers side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import tyro

from perdure.cli.arguments import Arguments
from perdure.cli.errors import DONE, UsageError
from perdure.cli.terminal import counted, say, say_rows

_COLUMNS = (
    ("sequence", "{sequence}"), ("tracker", "{tracker}"), ("HOTA", "{HOTA:.1%}"), ("DetA", "{DetA:.1%}"),
    ("AssA", "{AssA:.1%}"), ("IDF1", "{IDF1:.1%}"), ("MOTA", "{MOTA:.1%}"), ("switches", "{id_switches}"),
    ("frames", "{mean_frames_to_report:.2f}"), ("seconds", "{mean_s_to_report:.2f}"),
    ("never", "{num_never_reported}"), ("false/min", "{false_tracks_a_minute:.1f}"),
)  # fmt: skip
_INTERVALS = {"HOTA": "{:.1%} to {:.1%}", "IDF1": "{:.1%} to {:.1%}", "MOTA": "{:.1%} to {:.1%}",
              "mean_frames_to_report": "{:.2f} to {:.2f}", "false_tracks_a_minute": "{:.1f} to {:.1f}",
              "HOTA_minus_first": "{:+.1%} to {:+.1%}"}  # fmt: skip
_TITLES = {"mean_frames_to_report": "frames", "false_tracks_a_minute": "false/min"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Evaluate(Arguments):
    """Scores tracks against ground truth: HOTA, DetA, AssA, IDF1, MOTA by TrackEval, and how soon objects are reported.

    Reads: MOT folders with ground truth; MOT text of tracks, such as confirmed.txt or confirmed_from_birth.txt. Regions
    and look-alikes that ground truth says to ignore count for nothing and against nothing.

    Writes: JSON, if asked to.

    Costs: a second for some hundred frames. Needs the extra eval.
    """

    gt: Annotated[Path, tyro.conf.arg(metavar="DIR")]
    """A MOT folder, or a folder of such."""
    tracks: tuple[Path, ...]
    """For one sequence a file for each tracker. For several, a folder for each tracker with a file named after each
    sequence, or the files themselves, which folders tell apart (sort/A.txt sort/B.txt, or A/sort.txt B/sort.txt)."""
    json: Annotated[Path | None, tyro.conf.arg(metavar="FILE")] = None
    """File for the rows."""

    def __call__(self) -> int:
        from perdure.extras import require

        require("trackeval")  # first: it tells what is missing, and brings what the others need
        from perdure.data.mot_sequence import find_mot_folders
        from perdure.evaluation.reported_tracks import read_scored_sequence
        from perdure.evaluation.track_scores import score_rows, score_sequence
        from perdure.files import write_json

        folders = {folder.name: folder for folder in find_mot_folders(self.gt)}
        files = tracker_files(tuple(folders), self.tracks)
        scores: dict[str, list[Any]] = {name: [] for name in files}
        with counted("files") as done:
            for place, (name, sequence) in enumerate((name, one) for name, own in files.items() for one in own):
                one = read_scored_sequence(folders[sequence], files[name][sequence])
                scores[name].append(score_sequence(one))
                done(place + 1, sum(map(len, files.values())))
        rows = list(score_rows(scores))
        _say(rows, is_alone=len(files) == 1)
        if self.json is not None:
            write_json(self.json, {"bench": "eval", "rows": rows})
        return DONE


def _say(rows: Sequence[dict[str, Any]], *, is_alone: bool) -> None:
    say_rows([column for column in _COLUMNS if not (is_alone and column[0] == "tracker")], rows)
    say(
        "frames, seconds: from an object's first labelled box to its first report; never: objects not reported at all; "
        "false: tracks that lie on nothing"
    )
    for row in (row for row in rows if "HOTA_ci95" in row):
        words = [
            f"{_TITLES.get(name, name.replace('_minus_first', ' minus the first'))} {form.format(*row[f'{name}_ci95'])}"
            for name, form in _INTERVALS.items()
            if row.get(f"{name}_ci95") is not None
        ]
        say(f"{row['tracker']}, 95 % intervals over sequences: {', '.join(words)}")


def tracker_files(sequences: Sequence[str], paths: Sequence[Path]) -> dict[str, dict[str, Path]]:
    """Returns the files of each tracker by sequence, all with the same sequences in the order of `sequences`.

    Raises:
        UsageError: a file belongs to no sequence, or a tracker lacks a sequence that another one has.
    """
    found: dict[str, dict[str, Path]] = {}
    for path in paths:
        for tracker, sequence, file in _files_at(path, sequences):
            if sequence in found.setdefault(tracker, {}):
                raise UsageError(f"--tracks: got {found[tracker][sequence]} and {file} for {sequence}, expected one")
            found[tracker][sequence] = file
    known = [name for name in sequences if any(name in own for own in found.values())]
    for name in (name for name in sequences if name not in known):
        say((f"  {name}: no file of tracks, left out", "yellow"))
    for tracker, own in found.items():
        missing = [name for name in known if name not in own]
        if missing:
            raise UsageError(
                f"--tracks: {tracker} has no file for {missing[0]}, expected the same sequences for all trackers"
            )
    return {tracker: {name: own[name] for name in known} for tracker, own in found.items()}


def _files_at(path: Path, sequences: Sequence[str]) -> list[tuple[str, str, Path]]:
    """Returns tracker, sequence and file of what a path stands for.

    Raises:
        UsageError: it stands for nothing that the sequences know.
    """
    if path.is_dir():
        options = [(name, path / inside / f"{name}.txt") for name in sequences for inside in (".", "data")]
        inside = [(str(path), name, file) for name, file in options if file.is_file()]
        if inside:
            return inside
    elif len(sequences) == 1:
        return [(str(path), sequences[0], path)]
    elif path.stem in sequences:
        return [(str(path.parent), path.stem, path)]
    elif path.parent.name in sequences:
        return [(str(path.parent.parent / path.stem), path.parent.name, path)]
    names = ", ".join(sequences[:5])
    raise UsageError(
        f"--tracks: {path} is named after no sequence, expected names such as {names} (.txt), or --gt FOLDER/SEQUENCE "
        "where the file is of that one alone"
    )
