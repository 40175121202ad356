"""What came out of a run: its end in a line, and its targets."""

from __future__ import annotations

from collections.abc import Sequence

from perdure.cli.terminal import say, stdout
from perdure.runs.complete import Target, current_targets
from perdure.runs.record import RunRecord
from perdure.runs.run_folder import RunFolder
from perdure.runs.words import duration_words


def say_targets(targets: Sequence[Target]) -> None:
    """Prints one line a target, and loudly which ones are missed."""
    missed = [target.name for target in targets if not target.is_met]
    width = max((len(target.name) for target in targets), default=0)
    for target in targets:
        style = "green" if target.is_met else "bold red"
        say((f"  {target.word}  ", style), f"{target.name:<{width}}  {target.value_text:<12}  asked {target.target}")
    if missed:
        verb = "target is" if len(missed) == 1 else "targets are"
        text = f"  {len(missed)} of {len(targets)} {verb} MISSED: {', '.join(missed)}"
        say((text, "bold white on red" if stdout().is_terminal else ""))
    elif targets:
        say((f"  all {len(targets)} targets are met", "green"))


def say_end(record: RunRecord, folder: RunFolder) -> None:
    """Prints what came out of a run."""
    if record.process.status == "finished":
        say(("finished", "bold green"), f": {duration_words(record.duration_s)} of work in {folder.path}")
    else:
        left = [name for name, stage in record.stages.items() if stage.status != "done"]
        more = f"; to be run again: {', '.join(left)}" if left else ""
        say(("done", "bold green"), f", but not every stage of {folder.path} has run{more}")
    say_targets(current_targets(folder, record))
    if folder.report_html.is_file() and record.process.status == "finished":
        say(f"  report: {folder.report_html}")
