"""`perdure --install-completion`: what the shell offers for every command and option when tab is pressed.

tyro writes the script; this module only tells it which commands there are, and puts the script where the shell looks.
"""

from __future__ import annotations

import contextlib
import io
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import make_dataclass
from pathlib import Path
from typing import Annotated, Any, Union

import tyro

from perdure.cli.arguments import described
from perdure.cli.errors import DONE, UsageError
from perdure.cli.terminal import say
from perdure.files import write_text

SHELLS = ("bash", "zsh")
_CONFIG = (tyro.conf.FlagCreatePairsOff, tyro.conf.AvoidSubcommands)


def install(words: Sequence[str], commands: Iterable[tuple[str, Callable[[Sequence[str]], int]]]) -> int:
    """Runs `perdure --install-completion [SHELL]`: writes the script and says how to use it.

    Raises:
        UsageError: the shell is not one of `SHELLS`.
    """
    shell = words[0] if words else Path(os.environ.get("SHELL", "")).name
    if len(words) > 1 or shell not in SHELLS:
        raise UsageError(f"shell: got '{' '.join(words) or shell}', expected {' or '.join(SHELLS)}")
    path = completion_file(shell)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, script(shell, commands))
    more = f"; once, in ~/.zshrc before compinit: fpath+=({path.parent})" if shell == "zsh" else ""
    say(("done", "bold green"), f": {path}; it works in the next shell{more}")
    return DONE


def completion_file(shell: str) -> Path:
    """Returns where a shell looks for the script of a user."""
    if shell == "zsh":
        return Path.home() / ".zfunc" / "_perdure"
    data = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share")
    return Path(os.environ.get("BASH_COMPLETION_USER_DIR") or data / "bash-completion") / "completions" / "perdure"


def script(shell: str, commands: Iterable[tuple[str, Callable[[Sequence[str]], int]]]) -> str:
    """Returns the script for a shell.

    Args:
        shell: one of `SHELLS`.
        commands: words and function of every command.
    """
    groups: dict[str, list[Any]] = {}
    for words, run in commands:
        group, _, name = words.rpartition(" ")
        groups.setdefault(group, []).append(Annotated[described(run), tyro.conf.subcommand(name)])
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
