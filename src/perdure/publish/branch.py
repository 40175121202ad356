"""Results of a run as commits on a branch, one after every stage; nobody's checkout, index or stash is touched.

Commits are made of git's own parts with an index of their own. Weights and data sets stay out: a branch is for what
people read and compare. Which stages are there already is read off the commits, so that a process that was killed
before its commit makes up for it later, and none is made twice.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from perdure.files import read_json, read_json_lines
from perdure.publish.git import Git, GitError, check_branch_name, open_repository
from perdure.publish.push import Push
from perdure.runs.record import RunRecord
from perdure.runs.run_folder import RUNS, RunFolder
from perdure.runs.runner import ResultStore
from perdure.runs.stage import one_line
from perdure.runs.words import bytes_words, duration_words

logger = logging.getLogger(__name__)

MAX_FILE_BYTES = 32 << 20
"""Larger files stay out; hosts of repositories refuse some of them."""
_TRIES = 20
"""Other runs may commit to the same branch at the same moment."""
_STAGE, _CODE = "Perdure-Stage", "Perdure-Code"


@dataclass(slots=True)
class RunBranch(ResultStore):
    """A branch that takes the results of runs.

    Args:
        git: the repository.
        name: of the branch.
        code: commit of the code that runs, with a word on changes since; empty before the first commit.
        push: sends the branch elsewhere after every commit; None keeps it here.
    """

    git: Git
    name: str
    code: str
    push: Push | None = None

    @classmethod
    def open(cls, folder: Path, name: str, *, is_pushed: bool = False) -> RunBranch:
        """Returns the branch of the repository that a folder lies in; makes nothing yet.

        Raises:
            ValueError: there is no repository, the name is not valid, or somebody has the branch checked out.
            NotReadyError: it is to be pushed and cannot be.
            GitError: git is not installed.
        """
        git = open_repository(folder).with_identity()
        check_branch_name(git, name)
        head = git.commit_of("HEAD")
        code = f"{head} with uncommitted changes" if head and git.is_dirty() else head or ""
        return cls(git, name, code, Push.ready(git, name) if is_pushed else None)

    @property
    def options(self) -> str:
        """The words of the command line that lead to this branch."""
        return f" --branch {self.name}" + (" --push" if self.push else "")

    @property
    def _ref(self) -> str:
        return f"refs/heads/{self.name}"

    def keep(self, run: RunFolder, record: RunRecord) -> None:
        """Commits the results of all stages that are done and not committed yet; problems are logged, never raised.

        A run is worth more than its commits: what could not be committed now is committed after the next stage.
        """
        try:
            kept = self._kept()
            done = [name for name, stage in record.stages.items() if stage.status == "done"]
            missing = [name for name in done if _mark(record, name) not in kept]
            for name in missing:
                self._commit(run, record, done[: done.index(name) + 1])
            if missing and self.push is not None:
                self.push.start()
        except (GitError, OSError, ValueError) as error:
            logger.warning("branch %s: nothing could be committed now (%s)", self.name, one_line(error))

    def close(self) -> None:
        """Waits for what is being pushed."""
        if self.push is not None:
            self.push.finish()

    def _kept(self) -> set[str]:
        """Returns the marks of all stages on the branch."""
        if self.git.commit_of(self._ref) is None:
            return set()
        texts = self.git("log", f"--format=%(trailers:key={_STAGE},valueonly)", self._ref)
        return set(texts.splitlines())

    def _commit(self, run: RunFolder, record: RunRecord, stages: Sequence[str]) -> None:
        """Adds a commit with the results of some stages, of which the last one gives it its message."""
        message = commit_message(run, record, stages[-1], code=self.code)
        files = result_files(run, record, stages)
        for _ in range(_TRIES):
            tip = self.git.commit_of(self._ref)
            parent = tip or self.git.commit_of("HEAD")
            tree = self._tree(run, files, parent)
            parents = ("-p", parent) if parent else ()
            commit = self.git("commit-tree", tree, *parents, given=message)
            # Only if the branch is still where it was: somebody else's commit is never lost.
            if self.git.try_("update-ref", "-m", f"perdure: {stages[-1]}", self._ref, commit, tip or "") is not None:
                return
        raise GitError(f"branch {self.name}: is changed by others all the time")

    def _tree(self, run: RunFolder, files: Sequence[Path], parent: str | None) -> str:
        """Returns the tree of a parent in which the folder of this run holds just the files."""
        place = f"{RUNS}/{run.name}"
        names = "".join(f"{path.resolve()}\n" for path in files)
        hashes = self.git("hash-object", "-w", "--no-filters", "--stdin-paths", given=names).split()
        with self.git.private_index() as git:
            if parent:
                git("read-tree", parent)
                git("rm", "-r", "--force", "--cached", "--quiet", "--ignore-unmatch", "--", f":(literal){place}")
            rows = [
                f"100644 {digest}\t{place}/{path.relative_to(run.path).as_posix()}\0"
                for digest, path in zip(hashes, files, strict=True)
            ]
            git("update-index", "-z", "--add", "--index-info", given="".join(rows))
            return git("write-tree")


def _mark(record: RunRecord, name: str) -> str:
    """Returns what tells one execution of a stage from all others."""
    stage = record.stages[name]
    return f"{record.name} {name} {stage.fingerprint} {stage.ended} {stage.duration_s}"


def result_files(run: RunFolder, record: RunRecord, stages: Sequence[str]) -> list[Path]:
    """Returns the files that belong on the branch once some stages are done; no weights, no data, nothing huge."""
    general = (
        run.config_file,
        run.record_file,
        run.metrics_file,
        run.progress_file,
        run.heartbeat_file,
        run.log_file,
        run.complete_file,
    )
    written = [run.path / output.path for name in stages for output in record.stages[name].outputs]
    kept = []
    for path in dict.fromkeys((*general, *written)):
        is_heavy = path.suffix == ".safetensors" or {run.data, run.checkpoints} & set(path.parents)
        if is_heavy or not path.is_file():
            continue
        if path.stat().st_size > MAX_FILE_BYTES:
            logger.warning("branch: %s stays out (%s)", path, bytes_words(path.stat().st_size))
            continue
        kept.append(path)
    return kept


def commit_message(run: RunFolder, record: RunRecord, stage: str, *, code: str) -> str:
    """Returns the message of the commit of a stage: headline figures first, where they come from last."""
    names = list(record.stages)
    figures = headline(run, record, stage)
    subject = f"{record.name}: {stage} ({names.index(stage) + 1})" + (f", {figures}" if figures else "")
    took = duration_words(record.stages[stage].duration_s)
    body = f"Recipe {record.recipe}, perdure {record.perdure_version}; this stage took {took} on {record.machine}."
    trailers = [f"{_STAGE}: {_mark(record, stage)}", *([f"{_CODE}: {code}"] if code else [])]
    return "\n".join((subject, "", body, "", *trailers, ""))


_FIGURES = (
    ("accuracy", "accuracy {:.3f}"),
    ("false_confirm_rate", "FA {:.4f}"),
    ("miss_rate", "MISS {:.4f}"),
    ("mean_decision_frame", "frame {:.2f}"),
    ("compute_savings_flops", "saved {:.0%}"),
)


def headline(run: RunFolder, record: RunRecord, stage: str) -> str:
    """Returns the figures that a stage is known by: rates once there are some, before that the state of training."""
    names = list(record.stages)
    evaluated = record.stages.get("evaluate")
    if evaluated and evaluated.status == "done" and names.index(stage) >= names.index("evaluate"):
        metrics = read_json(run.evaluation_metrics)
        return ", ".join(text.format(metrics[name]) for name, text in _FIGURES if name in metrics)
    rows = read_json_lines(run.metrics_file) if run.metrics_file.is_file() else []
    own = [row for row in rows if row.get("stage") == stage]
    if not own:
        return ""
    shown = {name: value for name, value in own[-1].items() if name in ("step", "loss")}
    return ", ".join(f"{name} {value:g}" for name, value in shown.items() if value is not None)
