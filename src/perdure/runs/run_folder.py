"""The run folder: where everything lies. The names are a contract; nothing else builds these paths."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from perdure.config import write_toml
from perdure.runs.settings import RunSettings

RUNS = Path("runs")
"""Folder that runs go to if none is named."""
LATEST = "latest"
"""Link in `RUNS` to the run that was started last."""


@dataclass(frozen=True, slots=True)
class RunFolder:
    """Paths of one run.

    Args:
        path: the folder; need not exist.
    """

    path: Path

    @property
    def name(self) -> str:
        """The name of the folder."""
        return self.path.resolve().name

    @property
    def config_file(self) -> Path:
        """The complete configuration."""
        return self.path / "config.toml"

    @property
    def record_file(self) -> Path:
        """What ran, when, and what came out."""
        return self.path / "run.json"

    @property
    def metrics_file(self) -> Path:
        """Rows of numbers, for curves."""
        return self.path / "metrics.jsonl"

    @property
    def progress_file(self) -> Path:
        """One line a milestone."""
        return self.path / "PROGRESS.txt"

    @property
    def heartbeat_file(self) -> Path:
        """One line every 30 s."""
        return self.path / "HEARTBEAT.txt"

    @property
    def log_file(self) -> Path:
        """Everything that was logged."""
        return self.path / "training.log"

    @property
    def stacks_file(self) -> Path:
        """Stacks of a process that was asked for them; not there if none was."""
        return self.path / "stacks.txt"

    @property
    def complete_file(self) -> Path:
        """Exists exactly if every stage ran."""
        return self.path / "PIPELINE_COMPLETE.txt"

    @property
    def lock_file(self) -> Path:
        """Locked by the process that works in this folder."""
        return self.path / ".lock"

    @property
    def artifacts(self) -> Path:
        """Recorded test runs."""
        return self.path / "artifacts"

    @property
    def checkpoints(self) -> Path:
        """State of stages that can be continued, one folder a stage and fingerprint."""
        return self.path / "checkpoints"

    @property
    def data(self) -> Path:
        """Data sets, one folder a fingerprint."""
        return self.path / "data"

    @property
    def final_model(self) -> Path:
        """Weights; a JSON file of the same name lies beside them."""
        return self.path / "final_model.safetensors"

    @property
    def efficiency_metrics(self) -> Path:
        """What gating saves."""
        return self.path / "efficiency_metrics.json"

    @property
    def evaluation(self) -> Path:
        """Folder of decisions and rates."""
        return self.path / "evaluation"

    @property
    def evaluation_metrics(self) -> Path:
        """All rates, and the targets."""
        return self.evaluation / "evaluation_metrics.json"

    @property
    def decisions(self) -> Path:
        """One line a track, with true association."""
        return self.evaluation / "decisions.jsonl"

    @property
    def decisions_tracker(self) -> Path:
        """One line a track, with the real tracker."""
        return self.evaluation / "decisions_tracker.jsonl"

    @property
    def frontier(self) -> Path:
        """Error against time of decision, for all bounds."""
        return self.evaluation / "frontier.json"

    @property
    def confusion_matrix(self) -> Path:
        """Picture of the four counts."""
        return self.evaluation / "confusion_matrix.png"

    @property
    def visualizations(self) -> Path:
        """Folder of attention figures."""
        return self.path / "visualizations"

    @property
    def attention_analysis(self) -> Path:
        """Attention efficiency and its controls."""
        return self.visualizations / "attention_analysis.json"

    @property
    def analysis(self) -> Path:
        """Folder of charts and their text."""
        return self.path / "analysis"

    @property
    def decision_frame_histogram(self) -> Path:
        """Chart of ages at decision."""
        return self.analysis / "decision_frame_histogram.png"

    @property
    def compute_usage_chart(self) -> Path:
        """Chart of what gating saves."""
        return self.analysis / "compute_usage_chart.png"

    @property
    def efficiency_report(self) -> Path:
        """The text beside the charts."""
        return self.analysis / "efficiency_report.md"

    @property
    def report_markdown(self) -> Path:
        """The report as Markdown."""
        return self.path / "FINAL_REPORT.md"

    @property
    def report_html(self) -> Path:
        """The report as one HTML file."""
        return self.path / "FINAL_REPORT.html"

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
        """Makes sure that the folder holds a run, or nothing, or does not exist.

        Raises:
            ValueError: something else lies there.
        """
        if self.path.exists() and not self.path.is_dir():
            raise ValueError(f"run folder {self.path}: is a file; choose another --out")
        if self.path.is_dir() and not self.is_run:
            own = (*self.folders, self.lock_file, self.record_file)
            foreign = sorted(item.name for item in self.path.iterdir() if item not in own)
            if foreign:
                raise ValueError(
                    f"run folder {self.path}: is not empty and holds no run (it has {foreign[0]}); choose another --out"
                )

    def create(self) -> None:
        """Makes all folders of a run."""
        for folder in (self.path, *self.folders):
            folder.mkdir(parents=True, exist_ok=True)

    def remove_temporary_files(self) -> None:
        """Removes what a killed process left of files it was writing; only with the lock."""
        for path in self.path.rglob(".*.tmp"):
            path.unlink(missing_ok=True)


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
