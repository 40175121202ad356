"""The user's code as it lies there, uncommitted work included, as a commit that belongs to no branch of theirs."""

from __future__ import annotations

import shutil
import stat
from pathlib import Path

from perdure.publish.git import Git
from perdure.runs.run_folder import RUNS
from perdure.runs.words import bytes_words

MAX_NEW_BYTES = 200 << 20
"""New files of this size are hardly code; they would be sent and kept for ever."""


def snapshot(git: Git, *, message: str, files: dict[str, str], onto: str = "") -> str:
    """Returns a commit of all that is not ignored, with some more files; index and branches stay as they are.

    Args:
        git: the repository, at its top.
        message: of the commit.
        files: further text files by path inside the repository.
        onto: an earlier commit whose results (`runs/`) are kept and which becomes a parent, if it is not one already.

    Raises:
        ValueError: new files are too large to be code.
        GitError: git fails.
    """
    head = git.commit_of("HEAD")
    with git.private_index() as private:
        index = Path(private.variables["GIT_INDEX_FILE"])
        own = git.folder / git("rev-parse", "--git-path", "index")
        if own.is_file():
            # What the user has staged is known to git already; a copy saves reading every file again.
            shutil.copy(own, index)
        private("add", "--update")
        private("update-index", "--add", "-z", "--stdin", given="".join(f"{name}\0" for name in _new_files(git)))
        if onto:
            private("rm", "-r", "--force", "--cached", "--quiet", "--ignore-unmatch", "--", f":(literal){RUNS}")
            if git.try_("rev-parse", "--verify", "--quiet", f"{onto}:{RUNS}"):
                private("read-tree", f"--prefix={RUNS}/", f"{onto}:{RUNS}")
        for path, text in files.items():
            digest = git("hash-object", "-w", "--stdin", given=text)
            private("update-index", "--add", "--cacheinfo", f"100644,{digest},{path}")
        tree = private("write-tree")
    if onto and git("rev-parse", f"{onto}^{{tree}}") == tree:
        return onto  # nothing has changed since
    is_known = bool(onto and head) and git.try_("merge-base", "--is-ancestor", head or "", onto) is not None
    parents = [parent for parent in (onto, "" if is_known else head) if parent]
    words = [word for parent in parents for word in ("-p", parent)]
    return git.with_identity()("commit-tree", tree, *words, given=message)


def _new_files(git: Git) -> list[str]:
    """Returns the files that were never committed and are not ignored, those of runs left out.

    Raises:
        ValueError: they are too large together.
    """
    names = git("ls-files", "--others", "--exclude-standard", "-z").split("\0")
    sizes = {name: _size(git.folder / name) for name in names if name and not name.startswith(f"{RUNS}/")}
    total = sum(sizes.values())
    if total > MAX_NEW_BYTES:
        largest = max(sizes, key=lambda name: sizes[name])
        raise ValueError(
            f"{git.folder}: holds {bytes_words(total)} of new files (the largest is {largest}), expected at most "
            f"{bytes_words(MAX_NEW_BYTES)}; add them to .gitignore"
        )
    return list(sizes)


def _size(path: Path) -> int:
    try:
        found = path.lstat()
    except OSError:
        return 0  # it has just gone
    return found.st_size if stat.S_ISREG(found.st_mode) else 0
