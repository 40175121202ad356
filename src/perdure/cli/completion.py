"""`perdure --install-completion`: what the shell offers for every command and option when tab is pressed.

tyro writes the script; this module only tells it which commands there are, and puts the script where the shell looks.
"""

from __future__ import annotations

import contextlib
import io
import os
from collections.abc import Sequence
from dataclasses import dataclass, make_dataclass
from pathlib import Path
from typing import Annotated, Any, Union

import tyro

from perdure.cli.arguments import Arguments
from perdure.cli.errors import DONE, UsageError
from perdure.cli.program import GROUPS
from perdure.cli.terminal import say
from perdure.files import write_text

SHELLS = ("bash", "zsh")
_CONFIG = (tyro.conf.FlagCreatePairsOff, tyro.conf.AvoidSubcommands)


@dataclass(frozen=True, slots=True)
class Install(Arguments):
    """Writes the script for one of `SHELLS` and says how to use it."""

    shell: str

    @classmethod
    def read(cls, words: Sequence[str], command: str) -> Install:
        """Returns the shell that is named, or else that of the user.

        Raises:
            UsageError: it is not one of `SHELLS`.
        """
        shell = words[0] if words else Path(os.environ.get("SHELL", "")).name
        if len(words) > 1 or shell not in SHELLS:
            raise UsageError(f"shell: got '{' '.join(words) or shell}', expected {' or '.join(SHELLS)}")
        return cls(shell)

    def __call__(self) -> int:
        path = completion_file(self.shell)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_text(path, script(self.shell))
        more = f"; once, in ~/.zshrc before compinit: fpath+=({path.parent})" if self.shell == "zsh" else ""
        say(("done", "bold green"), f": {path}; it works in the next shell{more}")
        return DONE


def completion_file(shell: str) -> Path:
    """Returns where a shell looks for the script of a user."""
    if shell == "zsh":
        return Path.home() / ".zfunc" / "_perdure"
    data = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share")
    return Path(os.environ.get("BASH_COMPLETION_USER_DIR") or data / "bash-completion") / "completions" / "perdure"


def script(shell: str) -> str:
    """Returns the script for a shell."""
    groups: dict[str, list[Any]] = {}
    for command in (command for commands in GROUPS.values() for command in commands):
        group, _, name = command.words.rpartition(" ")
        groups.setdefault(group, []).append(Annotated[command.arguments, tyro.conf.subcommand(name)])
    kinds = groups.pop("", [])
    for group, inside in groups.items():
        one: Any = Union[tuple(inside)]  # noqa: UP007 - members from a list
        kind = make_dataclass(group.title(), [("command", Annotated[one, tyro.conf.arg(name="")])])
        kinds.append(Annotated[kind, tyro.conf.subcommand(group)])
    output = io.StringIO()
    with contextlib.redirect_stdout(output), contextlib.suppress(SystemExit):
        whole: Any = Union[tuple(kinds)]  # noqa: UP007 - members from a list
        tyro.cli(whole, prog="perdure", args=["--tyro-print-completion", shell], config=_CONFIG)
    return output.getvalue()
