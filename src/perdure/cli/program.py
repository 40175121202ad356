"""Finds the command, runs it, and turns what it raises into one line and an exit code."""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
import traceback
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from difflib import get_close_matches
from importlib import import_module
from types import FrameType
from typing import TYPE_CHECKING

import perdure
from perdure.cli.terminal import complain, logged_to, say
from perdure.extras import missing_extra

if TYPE_CHECKING:
    from perdure.cli.arguments import Arguments

DONE, WRONG_INPUT = 0, 2


@dataclass(frozen=True, slots=True)
class Command:
    """One command.

    Args:
        words: as they are typed.
        summary: what it does, in a line.
        place: `module:class` of its arguments, which know what to do; loaded only when it is needed.
    """

    words: str
    summary: str
    place: str

    @property
    def arguments(self) -> type[Arguments]:
        """The dataclass of its arguments."""
        module, name = self.place.split(":")
        found: type[Arguments] = getattr(import_module(f"perdure.cli.{module}"), name)
        return found


GROUPS: dict[str, tuple[Command, ...]] = {
    "Make a run": (
        Command("run", "from a recipe to a finished report; what has not changed is kept", "run_command:Run"),
        Command("train", "train the networks of a run", "stage_commands:Train"),
        Command(
            "calibrate",
            "set the bounds of its stopping rule, on its clips or on another site",
            "calibrate_command:Calibrate",
        ),
        Command("evaluate", "decide on its test clips and measure rates, times and savings", "stage_commands:Evaluate"),
        Command("visualize", "draw attention figures and measure attention", "stage_commands:Visualize"),
        Command("analyze", "draw its charts and write their text", "stage_commands:Analyze"),
        Command("report", "write its final report", "stage_commands:Report"),
    ),
    "Look at runs": (
        Command("status", "what is going on in a run, and what to do", "inspect_commands:Status"),
        Command("check", "exit code 1 if a run misses a target", "inspect_commands:Check"),
        Command("verify", "exit code 1 if a file is not as it was written", "verify_command:Verify"),
        Command("runs", "list all runs", "inspect_commands:Runs"),
        Command("monitor", "runs and a watched camera in the browser", "monitor_command:Monitor"),
        Command("explain", "say in words why tracks were decided as they were", "inspect_commands:Explain"),
    ),
    "Data": (
        Command("data generate", "make a synthetic data set", "data_commands:Generate"),
        Command("data audit", "exit code 1 if the label can be told when a track is born", "data_commands:Audit"),
        Command("data show", "say what a data set holds and draw some of its clips", "data_commands:Show"),
    ),
    "Prove": (
        Command("proof red", "try the tests of the evaluation on broken metrics and rules", "proof_command:Red"),
        Command("proof green", "run the tests of the evaluation on this machine", "proof_command:Green"),
        Command("proof refactor", "the same tests must pass after a change of the source", "proof_command:Refactor"),
        Command("proof verify", "reject proofs that are edited or of other source", "proof_command:Verify"),
    ),
    "Benchmark": (
        Command("bench frontier", "frames that every rule needs on the same tracks", "bench_commands:Frontier"),
        Command("bench real", "frames that every method needs to confirm real tracks", "bench_tracks_commands:Real"),
        Command("bench guarantee", "how often calibrated bounds violate their rates", "bench_commands:Guarantee"),
        Command("bench adapt", "what weights without labels are worth", "bench_adapt_command:AdaptBench"),
        Command("bench site", "what recalibration on a new sequence is worth", "bench_tracks_commands:Site"),
    ),
    "On other machines": (
        Command(
            "remote run",
            "a run on a host that ssh reaches, live, with results copied here",
            "remote_command:Run",
        ),
        Command("remote status", "how it is, by the clock of its host", "remote_inspect:Status"),
        Command("remote attach", "go on with the live view where it stopped", "remote_inspect:Attach"),
        Command("remote sync", "copy its results here once", "remote_inspect:Sync"),
        Command("remote stop", "stop it, all of it and nothing else", "remote_inspect:Stop"),
        Command("remote list", "runs on hosts that were started from here", "remote_inspect:List"),
        Command("remote down", "copy everything and remove it from the host", "remote_inspect:Down"),
    ),
    "Use": (
        Command("demo", "watch a real clip that comes with the package", "watch_command:Demo"),
        Command("watch", "decide on the tracks of a video", "watch_command:Watch"),
        Command("eval", "score tracks against ground truth: HOTA, IDF1, MOTA", "eval_command:Evaluate"),
        Command("confirm", "decide on stored detections, without a video", "confirm_command:Confirm"),
        Command("adapt", "weights for your detector and site, without labels", "adapt_command:Adapt"),
    ),
}
"""All commands, in the order in which the help lists them."""
_COMPLETION = Command("--install-completion", "", "completion:Install")


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a command line and returns the exit code.

    Args:
        arguments: words after the program's name; those of this process by default.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    is_debug = "--debug" in words
    words = [word for word in words if word != "--debug"]
    if words in (["--version"], ["-V"]):
        say(f"perdure {perdure.__version__}")
        return DONE
    if not words or words[0] in ("-h", "--help", "help"):
        _say_help()
        return DONE if words else WRONG_INPUT
    command, rest = (_COMPLETION, words[1:]) if words[0] == _COMPLETION.words else find_command(words)
    if command is None:
        return WRONG_INPUT
    logging.getLogger("perdure").setLevel(logging.DEBUG if is_debug else logging.INFO)
    handler = logging.StreamHandler()
    handler.setLevel(logging.DEBUG if is_debug else logging.WARNING)
    handler.setFormatter(logging.Formatter("%(levelname)s: %(message)s"))
    with logged_to(handler), stopped_by_signals():
        return guarded(command, rest, is_debug=is_debug)


@contextmanager
def stopped_by_signals() -> Iterator[None]:
    """Lets SIGTERM (`docker stop`, `systemctl stop`) and SIGHUP (a closed terminal) do what Ctrl-C does.

    A signal that is ignored, as `nohup` has it, stays ignored.
    """

    def stop(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    with ExitStack() as undo:
        if threading.current_thread() is threading.main_thread():  # only there signals can be handled
            for number in (getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)):
                if signal.getsignal(number) != signal.SIG_IGN:
                    undo.callback(signal.signal, number, signal.signal(number, stop))
        yield


def find_command(words: Sequence[str]) -> tuple[Command | None, Sequence[str]]:
    """Returns the command that a line begins with and the rest of the line; complains if there is none."""
    commands = {command.words: command for group in GROUPS.values() for command in group}
    for length in (2, 1):
        name = " ".join(words[:length])
        if name in commands:
            return commands[name], words[length:]
    inside = [name for name in commands if name.startswith(f"{words[0]} ")]
    if inside and len(words) > 1 and words[1] in ("-h", "--help"):
        for name in inside:
            say(f"  perdure {name:<14}  {commands[name].summary}")
        raise SystemExit(DONE)
    expected = inside or [name for name in commands if " " not in name] + ["data", "proof", "bench", "remote"]
    typed = " ".join(words[: 2 if inside else 1])
    similar = get_close_matches(" ".join(words[:2]), commands, 1) or get_close_matches(typed, expected, 1)
    meant = f"; did you mean {similar[0]}?" if similar else ""
    complain(f"perdure: got '{typed}', expected one of {', '.join(expected)}{meant}")
    return None, ()


def guarded(command: Command, words: Sequence[str], *, is_debug: bool) -> int:
    """Runs a command; whatever it raises becomes one line on the error output and an exit code."""
    try:
        return command.arguments.read(words, command.words)()
    except BrokenPipeError:
        # The reader of our output has seen enough; nothing more may be written to it, also not at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return DONE
    except ModuleNotFoundError as error:
        line = missing_extra(error)
        if line is None or is_debug:
            raise
        complain(f"perdure {command.words}: {line}")
        return WRONG_INPUT
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - the one place that turns errors into text
        from perdure.cli.errors import exit_code, explained

        if is_debug:
            traceback.print_exc()
        complain(f"perdure {command.words}: {explained(error)}")
        return exit_code(error)


def _say_help() -> None:
    say(
        ("perdure", "bold cyan"),
        f" {perdure.__version__}: decides as early as it can whether a track stays or vanishes",
    )
    say()
    say("usage: perdure COMMAND [OPTIONS]")
    say("       perdure COMMAND --help says what a command reads, writes and costs, and lists its options")
    for title, commands in GROUPS.items():
        say()
        say((title, "bold"))
        for command in commands:
            say(("  ", ""), (f"{command.words:<15}", "cyan"), f"  {command.summary}")
    say()
    say("  --version       print the version")
    say("  --install-completion [SHELL]   let bash or zsh complete commands and options")
    say("  --debug         with any command: show the trace of an error, and log more")
    say()
    say("exit codes: 0 done, 1 the work failed or was stopped, 2 the input was wrong")
