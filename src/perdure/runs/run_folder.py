"""The run folder: where everything lies. The names are a contract; nothing else builds these paths."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from perdure.config import write_toml
from perdure.runs.settings import RunSettings

RUNS = Path("runs")
"""Folder that runs go to if none is named."""
_UNFINISHED_RECORD = re.compile(r"\.run-[0-9a-f]+\.json\.tmp")
LATEST = "latest"
"""Link in `RUNS` to the run that was started last."""


class _Inside:
    """A path inside of a run folder."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __get__(self, run: Any, _: object) -> Path:
        return Path(run.path, self._name)


@dataclass(frozen=True, slots=True)
class RunFolder:
    """Paths of one run.

    Args:
        path: the folder; need not exist.
    """

    path: Path

    config_file = _Inside("config.toml")
    """The complete configuration."""
    record_file = _Inside("run.json")
    """What ran, when, and what came out."""
    metrics_file = _Inside("metrics.jsonl")
    """Rows of numbers, for curves."""
    progress_file = _Inside("PROGRESS.txt")
    """One line a milestone."""
    heartbeat_file = _Inside("HEARTBEAT.txt")
    """One line every 30 s."""
    log_file = _Inside("training.log")
    """Everything that was logged."""
    stacks_file = _Inside("stacks.txt")
    """Stacks of a process that was asked for them; not there if none was."""
    complete_file = _Inside("PIPELINE_COMPLETE.txt")
    """Exists exactly if every stage ran."""
    lock_file = _Inside(".lock")
    """Locked by the process that works in this folder."""
    artifacts = _Inside("artifacts")
    """Recorded test runs."""
    checkpoints = _Inside("checkpoints")
    """State of stages that can be continued, one folder a stage and fingerprint."""
    data = _Inside("data")
    """Data sets, one folder a fingerprint."""
    final_model = _Inside("final_model.safetensors")
    """Weights; a JSON file of the same name lies beside them."""
    efficiency_metrics = _Inside("efficiency_metrics.json")
    """What gating saves."""
    evaluation = _Inside("evaluation")
    """Folder of decisions and rates."""
    evaluation_metrics = _Inside("evaluation/evaluation_metrics.json")
    """All rates, and the targets."""
    decisions = _Inside("evaluation/decisions.jsonl")
    """One line a track, with true association."""
    decisions_tracker = _Inside("evaluation/decisions_tracker.jsonl")
    """One line a track, with the real tracker."""
    frontier = _Inside("evaluation/frontier.json")
    """Error against time of decision, for all bounds."""
    scores = _Inside("evaluation/scores.json")
    """Evidence of every test track at every age, whatever was decided."""
    confusion_matrix = _Inside("evaluation/confusion_matrix.png")
    """Picture of the four counts."""
    visualizations = _Inside("visualizations")
    """Folder of attention figures."""
    attention_analysis = _Inside("visualizations/attention_analysis.json")
    """Attention efficiency and its controls."""
    gallery = _Inside("visualizations/gallery.json")
    """Clips and tracks that the report plays."""
    analysis = _Inside("analysis")
    """Folder of charts and their text."""
    decision_frame_histogram = _Inside("analysis/decision_frame_histogram.png")
    """Chart of ages at decision."""
    compute_usage_chart = _Inside("analysis/compute_usage_chart.png")
    """Chart of what gating saves."""
    efficiency_report = _Inside("analysis/efficiency_report.md")
    """The text beside the charts."""
    report_markdown = _Inside("FINAL_REPORT.md")
    """The report as Markdown."""
    report_html = _Inside("FINAL_REPORT.html")
    """The report as one HTML file."""

    @property
    def name(self) -> str:
        """The name of the folder."""
        return self.path.resolve().name

    @property
    def folders(self) -> tuple[Path, ...]:
        """All folders of a run."""
        return (self.artifacts, self.checkpoints, self.data, self.evaluation, self.visualizations, self.analysis)

    @property
    def is_run(self) -> bool:
        """Whether the folder holds a run."""
        return self.config_file.is_file()

    def require_run(self) -> RunFolder:
        """Returns this folder.

        Raises:
            FileNotFoundError: it does not exist or holds no run.
        """
        if not self.path.is_dir():
            raise FileNotFoundError(f"run folder {self.path}: does not exist; make one with 'perdure run --out DIR'")
        if not self.is_run:
            raise FileNotFoundError(
                f"run folder {self.path}: holds no run (no {self.config_file.name}); 'perdure runs' lists all runs"
            )
        return self

    def save_config(self, config: RunSettings) -> None:
        """Stores the complete configuration."""
        write_toml(self.config_file, config)

    def check_free(self) -> None:
        """Makes sure that the folder holds a run of ours, or nothing, or does not exist.

        Whoever gives us a run folder might have put links into it: what is written there would land elsewhere.

        Raises:
            ValueError: something else lies there, or a link.
        """
        if self.path.exists() and not self.path.is_dir():
            raise ValueError(f"run folder {self.path}: is a file; choose another --out")
        if not self.path.is_dir():
            return
        if link := _first_link(self.path):
            raise ValueError(
                f"run folder {self.path}: {link.relative_to(self.path)} is a symbolic link, expected that all of a run "
                "lies inside of it; put the whole run on the other disk, or choose another --out"
            )
        if not self.record_file.is_file() and (foreign := self._foreign()):
            raise ValueError(
                f"run folder {self.path}: is not empty and holds no run (it has {foreign}); choose another --out"
            )

    def _foreign(self) -> str | None:
        """Returns the first thing that a run which was killed before its first record cannot have left, if any."""
        for item in sorted(self.path.iterdir()):
            if item in self.folders and item.is_dir():
                if inner := next(item.iterdir(), None):
                    return str(inner.relative_to(self.path))
            elif item != self.lock_file and not _UNFINISHED_RECORD.fullmatch(item.name):
                return item.name
        return None

    def create(self) -> None:
        """Makes all folders of a run."""
        for folder in (self.path, *self.folders):
            folder.mkdir(parents=True, exist_ok=True)

    def remove_temporary_files(self) -> None:
        """Removes what a killed process left of files it was writing; only with the lock."""
        for path in self.path.rglob(".*.tmp"):
            path.unlink(missing_ok=True)


def _first_link(folder: Path) -> Path | None:
    """Returns a symbolic link in a folder or below it, None without one."""
    for place, folders, names in os.walk(folder):  # enters no link
        for name in (*folders, *names):
            if Path(place, name).is_symlink():
                return Path(place, name)
    return None


def require_outside_runs(path: Path, *, what: str = "--out") -> None:
    """Makes sure that a path for results of something else lies in no run folder, whose files it might replace.

    Raises:
        ValueError: it does.
    """
    path = path.resolve()
    for folder in (path, *path.parents):
        run = RunFolder(folder)
        if run.is_run and run.record_file.is_file():
            raise ValueError(f"{what}: {path} lies in the run folder {folder}; choose a place outside of it")


def point_to_latest(run: RunFolder) -> None:
    """Makes `runs/latest` point to a run that lies in a folder of that name; elsewhere nothing is added.

    Raises:
        OSError: the link cannot be written.
    """
    parent = run.path.resolve().parent
    link = parent / LATEST
    if parent.name != RUNS.name or (link.exists() and not link.is_symlink()):
        return
    temporary = parent / f".{LATEST}.tmp"
    temporary.unlink(missing_ok=True)
    temporary.symlink_to(run.name, target_is_directory=True)
    temporary.replace(link)


def named_run(path: Path) -> RunFolder:
    """Returns the run that a path names; `runs/latest` names the run that it points to.

    Raises:
        FileNotFoundError: there is no run.
    """
    return RunFolder(path.parent / path.readlink() if path.is_symlink() else path).require_run()


def find_runs(root: Path) -> list[RunFolder]:
    """Returns the runs in a folder, by name; `latest` is not listed twice."""
    if not root.is_dir():
        return []
    return [RunFolder(path) for path in sorted(root.iterdir()) if not path.is_symlink() and RunFolder(path).is_run]
